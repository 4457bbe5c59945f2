package management

import (
	"crypto/x509"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// maxTrustAnchors is the default quota (User Guide, "Quotas").
const maxTrustAnchors = 50

// The types of trust anchors (model, TrustAnchorType).
const (
	certificateBundle    = "CERTIFICATE_BUNDLE"
	acmPCA               = "AWS_ACM_PCA"
	selfSignedRepository = "SELF_SIGNED_REPOSITORY" // reserved, says the API reference
)

var trustAnchors = collection[account.TrustAnchor]{
	kind:     "trust-anchor",
	idMember: "trustAnchorId",
	entries:  func(s *account.State) map[string]*account.TrustAnchor { return s.TrustAnchors },
	fields: func(t *account.TrustAnchor) fields {
		return fields{t.ID, t.CreatedAt, &t.UpdatedAt, &t.Enabled, &t.Tags}
	},
	copy:   copyTrustAnchor,
	answer: func(t *account.TrustAnchor) any { return map[string]any{"trustAnchor": detailTrustAnchor(t)} },
}

// copyTrustAnchor copies what is saved: a copy parses its certificates anew, as they may be about to change.
func copyTrustAnchor(t *account.TrustAnchor) *account.TrustAnchor {
	return &account.TrustAnchor{
		ID:              t.ID,
		ARN:             t.ARN,
		Name:            t.Name,
		SourceType:      t.SourceType,
		Bundle:          t.Bundle,
		ACMPCAARN:       t.ACMPCAARN,
		Enabled:         t.Enabled,
		CreatedAt:       t.CreatedAt,
		UpdatedAt:       t.UpdatedAt,
		CRLDPRevocation: t.CRLDPRevocation,
		Notifications:   t.Notifications,
		Tags:            t.Tags,
	}
}

// trustAnchorDetail is the model's TrustAnchorDetail.
type trustAnchorDetail struct {
	ID              string               `json:"trustAnchorId"`
	ARN             string               `json:"trustAnchorArn"`
	Name            string               `json:"name"`
	Source          source               `json:"source"`
	Enabled         bool                 `json:"enabled"`
	CreatedAt       wire.Time            `json:"createdAt"`
	UpdatedAt       wire.Time            `json:"updatedAt"`
	Notifications   []notificationDetail `json:"notificationSettings"`
	CRLDPRevocation bool                 `json:"crlDpRevocationEnabled"`
}

// source is the model's Source; of sourceData one member is set.
type source struct {
	Type string `json:"sourceType"`
	Data struct {
		X509CertificateData string `json:"x509CertificateData,omitempty"`
		ACMPCAARN           string `json:"acmPcaArn,omitempty"`
	} `json:"sourceData"`
}

func detailTrustAnchor(t *account.TrustAnchor) trustAnchorDetail {
	d := trustAnchorDetail{
		ID:              t.ID,
		ARN:             t.ARN,
		Name:            t.Name,
		Source:          source{Type: t.SourceType},
		Enabled:         t.Enabled,
		CreatedAt:       wire.Time(t.CreatedAt),
		UpdatedAt:       wire.Time(t.UpdatedAt),
		Notifications:   detailNotifications(t.Notifications),
		CRLDPRevocation: t.CRLDPRevocation,
	}
	d.Source.Data.X509CertificateData = t.Bundle
	d.Source.Data.ACMPCAARN = t.ACMPCAARN
	return d
}

func createTrustAnchor(r *request) (any, error) {
	id := account.NewUUID()
	tags := r.tags("tags", tagItems)
	name := r.body.text("name", resourceName.required())
	in := r.source(limits{}.required())
	settings := r.notificationSettings(limits{max: 50})
	t := &account.TrustAnchor{
		ID:              id,
		ARN:             trustAnchors.arn(r, id),
		Name:            value(name, ""),
		Enabled:         value(r.body.flag("enabled", limits{}), false),
		CreatedAt:       r.now,
		UpdatedAt:       r.now,
		CRLDPRevocation: value(r.body.flag("crlDpRevocationEnabled", limits{}), false),
		Notifications:   withSettings(account.DefaultNotifications(), settings),
		Tags:            tags,
	}
	if err := r.admitCreation(t.ARN, tags); err != nil {
		return nil, err
	}
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	in.apply(t)
	err := r.account.Write(func(s *account.State) error {
		if len(s.TrustAnchors) >= maxTrustAnchors {
			return overQuota("trust anchors", maxTrustAnchors)
		}
		s.TrustAnchors[id] = t
		return nil
	})
	if err != nil {
		return nil, err
	}
	return trustAnchors.answer(t), nil
}

func updateTrustAnchor(r *request) (any, error) {
	name := r.body.text("name", resourceName)
	in := r.source(limits{})
	crlDP := r.body.flag("crlDpRevocationEnabled", limits{})
	id, err := trustAnchors.admit(r)
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	return trustAnchors.change(r, id, func(_ *account.State, t *account.TrustAnchor) error {
		t.Name = value(name, t.Name)
		t.CRLDPRevocation = value(crlDP, t.CRLDPRevocation)
		in.apply(t)
		return nil
	})
}

func listTrustAnchors(r *request) (any, error) {
	items, next, err := trustAnchors.list(r)
	if err != nil {
		return nil, err
	}
	return page("trustAnchors", items, detailTrustAnchor, next), nil
}

// sourceInput is where a trust anchor's certificates come from; the zero value means not given.
type sourceInput struct {
	given             bool
	sourceType        string
	bundle, acmPCAARN *string
}

func (r *request) source(l limits) sourceInput {
	src := r.body.object("source", l)
	data := src.object("sourceData", limits{})
	sourceType := src.text("sourceType", limits{values: []string{acmPCA, certificateBundle, selfSignedRepository}})
	return sourceInput{
		given:      src != nil,
		sourceType: value(sourceType, ""),
		bundle:     data.text("x509CertificateData", limits{min: 1}), // the maximum is an adjustable quota
		acmPCAARN:  data.text("acmPcaArn", limits{}),
	}
}

func (in sourceInput) apply(t *account.TrustAnchor) {
	if in.given {
		t.SourceType, t.Bundle = in.sourceType, value(in.bundle, "")
	}
}

// check checks what the model's constraints do not say. Only a certificate bundle passes: no CA of AWS Private CA can be
// asked here, and the third type is not offered.
func (in sourceInput) check() error {
	switch {
	case !in.given:
		return nil
	case in.sourceType == acmPCA && in.acmPCAARN != nil && in.bundle == nil:
		return invalid("Error creating TrustAnchor. Given AWS PCA did not allow get request.: ",
			"the emulator has no AWS Private CA to fetch the certificate from",
			"use a CERTIFICATE_BUNDLE with the CA's certificate")
	case in.sourceType == certificateBundle && in.bundle != nil && in.acmPCAARN == nil:
		return checkBundle(*in.bundle)
	case in.sourceType == selfSignedRepository:
		return invalid("Invalid sourceType.",
			"SELF_SIGNED_REPOSITORY is in the model, but AWS does not offer it", "use CERTIFICATE_BUNDLE")
	default:
		return invalid("Invalid source.", "sourceType and sourceData do not agree",
			"send x509CertificateData with CERTIFICATE_BUNDLE, or acmPcaArn with AWS_ACM_PCA, and only that")
	}
}

// checkBundle demands of every certificate what the User Guide does of a CA ("Trust model"). How many there may be is an
// adjustable quota and not enforced.
func checkBundle(bundle string) error {
	certificates, err := account.ParseCertificates([]byte(bundle))
	if err != nil {
		return invalid("Invalid certificate data.", err.Error(), "send the CA's certificates as PEM")
	}
	for _, c := range certificates {
		if err := checkCA(c); err != nil {
			return err
		}
	}
	return nil
}

func checkCA(c *x509.Certificate) error {
	switch {
	case c.Version != 3:
		return invalid("Incorrect version of CA certificate", "it is not an X.509 version 3 certificate",
			"issue the CA's certificate with extensions")
	case !c.BasicConstraintsValid || !c.IsCA:
		return invalid("Incorrect basic constraints for CA certificate",
			"the certificate is not a CA's: basicConstraints does not say CA:TRUE",
			"send the certificate of the CA, not one that it issued")
	case c.KeyUsage&x509.KeyUsageCertSign == 0:
		return invalid("Incorrect key usage for CA certificate",
			"keyUsage lacks keyCertSign", "issue the CA's certificate with keyUsage keyCertSign")
	case !account.StrongSignature(c.SignatureAlgorithm):
		return invalid("Unsupported signature algorithm of CA certificate",
			"SHA-256 or stronger is needed; the emulator does not know ML-DSA",
			"issue the CA's certificate with SHA-256")
	}
	return nil
}
