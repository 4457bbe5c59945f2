package management

import (
	"bytes"
	"crypto/x509"
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// maxCRLs is the quota of one trust anchor (User Guide, "Quotas").
const maxCRLs = 2

var crls = collection[account.CRL]{
	kind:     "crl",
	idMember: "crlId",
	entries:  func(s *account.State) map[string]*account.CRL { return s.CRLs },
	fields: func(c *account.CRL) fields {
		return fields{c.ID, c.CreatedAt, &c.UpdatedAt, &c.Enabled, &c.Tags}
	},
	copy:   copyCRL,
	answer: func(c *account.CRL) any { return map[string]any{"crl": detailCRL(c)} },
}

// copyCRL copies what is saved: a copy parses its list anew, as it may be about to change.
func copyCRL(c *account.CRL) *account.CRL {
	return &account.CRL{
		ID:             c.ID,
		ARN:            c.ARN,
		Name:           c.Name,
		Data:           c.Data,
		TrustAnchorARN: c.TrustAnchorARN,
		Enabled:        c.Enabled,
		CreatedAt:      c.CreatedAt,
		UpdatedAt:      c.UpdatedAt,
		Tags:           c.Tags,
	}
}

// crlDetail is the model's CrlDetail.
type crlDetail struct {
	ID             string    `json:"crlId"`
	ARN            string    `json:"crlArn"`
	Name           string    `json:"name"`
	Enabled        bool      `json:"enabled"`
	Data           []byte    `json:"crlData"`
	TrustAnchorARN string    `json:"trustAnchorArn"`
	CreatedAt      wire.Time `json:"createdAt"`
	UpdatedAt      wire.Time `json:"updatedAt"`
}

func detailCRL(c *account.CRL) crlDetail {
	return crlDetail{
		ID:             c.ID,
		ARN:            c.ARN,
		Name:           c.Name,
		Enabled:        c.Enabled,
		Data:           c.Data,
		TrustAnchorARN: c.TrustAnchorARN,
		CreatedAt:      wire.Time(c.CreatedAt),
		UpdatedAt:      wire.Time(c.UpdatedAt),
	}
}

var crlData = limits{min: 1, max: 300_000}

func importCRL(r *request) (any, error) {
	id := account.NewUUID()
	tags := r.tags("tags", tagItems)
	c := &account.CRL{
		ID:             id,
		ARN:            crls.arn(r, id),
		Name:           value(r.body.text("name", resourceName.required()), ""),
		Data:           r.body.blob("crlData", crlData.required()),
		TrustAnchorARN: value(r.body.text("trustAnchorArn", anyARN.required()), ""),
		Enabled:        value(r.body.flag("enabled", limits{}), false),
		CreatedAt:      r.now,
		UpdatedAt:      r.now,
		Tags:           tags,
	}
	if err := r.admitCreation(c.ARN, tags); err != nil {
		return nil, err
	}
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	err := r.account.Write(func(s *account.State) error {
		if err := checkCRL(s, c); err != nil {
			return err
		}
		of := 0
		for _, other := range s.CRLs {
			if other.TrustAnchorARN == c.TrustAnchorARN {
				of++
			}
		}
		if of >= maxCRLs {
			return overQuota("CRLs of a trust anchor", maxCRLs)
		}
		s.CRLs[id] = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	return crls.answer(c), nil
}

func updateCRL(r *request) (any, error) {
	name := r.body.text("name", resourceName)
	data := r.body.blob("crlData", crlData)
	id, err := crls.admit(r)
	if err != nil {
		return nil, err
	}
	return crls.change(r, id, func(s *account.State, c *account.CRL) error {
		c.Name = value(name, c.Name)
		if data == nil {
			return nil
		}
		c.Data = data
		return checkCRL(s, c)
	})
}

func listCRLs(r *request) (any, error) {
	items, next, err := crls.list(r)
	if err != nil {
		return nil, err
	}
	return page("crls", items, detailCRL, next), nil
}

// checkCRL demands a list that a certificate of its trust anchor signed. What AWS checks is not documented, and the texts
// are ours. As in CreateSession, a list whose nextUpdate has passed still counts.
func checkCRL(s *account.State, c *account.CRL) error {
	anchor := s.TrustAnchors[c.TrustAnchorARN[strings.LastIndexByte(c.TrustAnchorARN, '/')+1:]]
	if anchor == nil || anchor.ARN != c.TrustAnchorARN {
		return invalid("Invalid trustAnchorArn.", "there is no trust anchor with this ARN", "create the trust anchor first")
	}
	list, err := account.ParseCRL(c.Data)
	if err != nil {
		return invalid("Invalid crlData.", err.Error(), "send one certificate revocation list, PEM or DER")
	}
	roots, _ := anchor.Roots()
	why := "no certificate of the trust anchor has the list's issuer as its subject"
	for _, root := range roots {
		if !bytes.Equal(root.RawSubject, list.RawIssuer) {
			continue
		}
		if root.KeyUsage&x509.KeyUsageCRLSign == 0 {
			why = "keyUsage of the trust anchor's certificate lacks cRLSign"
			continue
		}
		if list.CheckSignatureFrom(root) == nil {
			return nil
		}
		why = "the signature does not verify with the trust anchor's certificate"
	}
	return invalid("The CRL was not issued by the trust anchor.", why, "import a list signed by the trust anchor's CA")
}
