package account

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"sync"
	"time"
)

// TrustAnchor is a Roles Anywhere trust anchor.
type TrustAnchor struct {
	ID         string    `json:"id"` // a UUID
	ARN        string    `json:"arn"`
	Name       string    `json:"name"`
	SourceType string    `json:"sourceType"`          // CERTIFICATE_BUNDLE or AWS_ACM_PCA
	Bundle     string    `json:"bundle,omitempty"`    // PEM, as given
	ACMPCAARN  string    `json:"acmPcaArn,omitempty"` // for AWS_ACM_PCA
	Enabled    bool      `json:"enabled"`
	CreatedAt  time.Time `json:"createdAt"`
	UpdatedAt  time.Time `json:"updatedAt"`
	// CRLDPRevocation is stored and returned; distribution points are not fetched.
	CRLDPRevocation bool                  `json:"crlDpRevocation"`
	Notifications   []NotificationSetting `json:"notifications"`
	Tags            []Tag                 `json:"tags,omitempty"`

	once  sync.Once
	roots []*x509.Certificate
	pool  *x509.CertPool
}

// Roots are the anchor's certificates, and the pool of them.
func (t *TrustAnchor) Roots() ([]*x509.Certificate, *x509.CertPool) {
	t.once.Do(func() {
		t.pool = x509.NewCertPool()
		roots, err := ParseCertificates([]byte(t.Bundle))
		if err != nil {
			return // checked when it entered the state; an empty pool trusts nothing
		}
		for _, c := range roots {
			t.pool.AddCert(c)
		}
		t.roots = roots
	})
	return t.roots, t.pool
}

// ParseCertificates reads a PEM bundle that holds certificates and nothing else.
func ParseCertificates(bundle []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for {
		var block *pem.Block
		block, bundle = pem.Decode(bundle)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("the bundle holds a PEM block that is not a CERTIFICATE")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("the bundle holds a certificate that does not parse")
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("the bundle holds no PEM block of type CERTIFICATE")
	}
	return all, nil
}

// StrongSignature reports whether Roles Anywhere takes certificates that are signed so: RSA or ECDSA with SHA-256 or
// stronger (User Guide, "Trust model"). ML-DSA, which it takes too, is not known here.
func StrongSignature(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
		return true
	}
	return false
}

// NotificationSetting is one setting of a trust anchor's expiry notifications.
type NotificationSetting struct {
	Event        string `json:"event"`
	Enabled      bool   `json:"enabled"`
	Threshold    int    `json:"threshold"` // days
	Channel      string `json:"channel"`
	ConfiguredBy string `json:"configuredBy"`
}

// Profile is a Roles Anywhere profile.
type Profile struct {
	ID                        string             `json:"id"` // a UUID
	ARN                       string             `json:"arn"`
	Name                      string             `json:"name"`
	RoleARNs                  []string           `json:"roleArns"`
	ManagedPolicyARNs         []string           `json:"managedPolicyArns,omitempty"`
	SessionPolicy             string             `json:"sessionPolicy,omitempty"` // JSON, as given
	DurationSeconds           int                `json:"durationSeconds"`         // 900 to 43200
	Enabled                   bool               `json:"enabled"`
	AcceptRoleSessionName     bool               `json:"acceptRoleSessionName"`
	RequireInstanceProperties bool               `json:"requireInstanceProperties"` // stored and returned
	CreatedBy                 string             `json:"createdBy"`
	CreatedAt                 time.Time          `json:"createdAt"`
	UpdatedAt                 time.Time          `json:"updatedAt"`
	AttributeMappings         []AttributeMapping `json:"attributeMappings"`
	Tags                      []Tag              `json:"tags,omitempty"`
}

// AttributeMapping says which attributes of a certificate field become session tags.
type AttributeMapping struct {
	Field      string   `json:"field"` // x509Subject, x509Issuer or x509SAN
	Specifiers []string `json:"specifiers"`
}

// DefaultAttributeMappings are those of a new profile (User Guide, "Attribute mapping").
func DefaultAttributeMappings() []AttributeMapping {
	return []AttributeMapping{
		{"x509Issuer", []string{"*"}},
		{"x509SAN", []string{"DNS", "URI", "Name/*"}},
		{"x509Subject", []string{"*"}},
	}
}

// DefaultNotifications are those of a new trust anchor.
func DefaultNotifications() []NotificationSetting {
	const by = "rolesanywhere.amazonaws.com"
	return []NotificationSetting{
		{"CA_CERTIFICATE_EXPIRY", true, 45, "ALL", by},
		{"END_ENTITY_CERTIFICATE_EXPIRY", true, 45, "ALL", by},
	}
}

// CRL is an imported certificate revocation list.
type CRL struct {
	ID             string    `json:"id"` // a UUID
	ARN            string    `json:"arn"`
	Name           string    `json:"name"`
	Data           []byte    `json:"data"` // PEM or DER, as given
	TrustAnchorARN string    `json:"trustAnchorArn"`
	Enabled        bool      `json:"enabled"`
	CreatedAt      time.Time `json:"createdAt"`
	UpdatedAt      time.Time `json:"updatedAt"`
	Tags           []Tag     `json:"tags,omitempty"`

	once sync.Once
	list *x509.RevocationList
}

// List is the parsed list.
func (c *CRL) List() *x509.RevocationList {
	c.once.Do(func() {
		if list, err := ParseCRL(c.Data); err == nil {
			c.list = list
		} else {
			c.list = new(x509.RevocationList) // checked when it entered the state
		}
	})
	return c.list
}

// ParseCRL reads one revocation list, PEM or DER.
func ParseCRL(data []byte) (*x509.RevocationList, error) {
	if block, _ := pem.Decode(data); block != nil {
		if block.Type != "X509 CRL" {
			return nil, errors.New("the PEM block is not an X509 CRL")
		}
		data = block.Bytes
	}
	list, err := x509.ParseRevocationList(data)
	if err != nil {
		return nil, errors.New("the data is not an X.509 certificate revocation list of version 2, PEM or DER (openssl ca -gencrl makes one with -crlexts)")
	}
	return list, nil
}

// Subject is what Roles Anywhere remembers of a certificate subject that asked for a session.
type Subject struct {
	ID                 string               `json:"id"` // a UUID
	ARN                string               `json:"arn"`
	X509Subject        string               `json:"x509Subject"` // RFC 2253
	Enabled            bool                 `json:"enabled"`
	CreatedAt          time.Time            `json:"createdAt"`
	UpdatedAt          time.Time            `json:"updatedAt"`
	LastSeenAt         time.Time            `json:"lastSeenAt"`
	Credentials        []SeenCertificate    `json:"credentials"`
	InstanceProperties []InstanceProperties `json:"instanceProperties,omitempty"`
	Tags               []Tag                `json:"tags,omitempty"`
}

// SeenCertificate is a certificate that a subject presented.
type SeenCertificate struct {
	SerialNumber string    `json:"serialNumber"` // decimal
	Issuer       string    `json:"issuer"`       // RFC 2253
	Certificate  string    `json:"certificate"`  // PEM
	SeenAt       time.Time `json:"seenAt"`
	Enabled      bool      `json:"enabled"`
	Failed       bool      `json:"failed"` // whether that attempt was refused
}

// InstanceProperties are what a subject said of itself.
type InstanceProperties struct {
	Properties map[string]string `json:"properties"`
	SeenAt     time.Time         `json:"seenAt"`
	Failed     bool              `json:"failed"`
}

// Tag is a tag of a Roles Anywhere resource.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}
