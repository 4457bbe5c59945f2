package management

import (
	"crypto/x509"
	"net/http"
	"testing"
)

func TestATrustAnchorNeedsTheCertificatesOfCAs(t *testing.T) {
	good := newCA(t, "good", nil)
	tests := []struct {
		name, bundle, want string
	}{
		{"one CA", good.pem, ""},
		{"two CAs and text around them", "first\n" + good.pem + "\n" + newCA(t, "second", nil).pem + "\n", ""},
		{"no basic constraints", newCA(t, "x", func(c *x509.Certificate) { c.BasicConstraintsValid, c.IsCA = false, false }).pem, "Incorrect basic constraints for CA certificate"},
		{"CA:FALSE", newCA(t, "x", func(c *x509.Certificate) { c.IsCA = false }).pem, "Incorrect basic constraints for CA certificate"},
		{"a good CA first does not help", good.pem + newCA(t, "x", func(c *x509.Certificate) { c.IsCA = false }).pem, "Incorrect basic constraints for CA certificate"},
		{"no keyCertSign", newCA(t, "x", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }).pem, "Incorrect key usage for CA certificate"},
		{"no key usage", newCA(t, "x", func(c *x509.Certificate) { c.KeyUsage = 0 }).pem, "Incorrect key usage for CA certificate"},
		{"a CRL", string(crlPEM(good.crl(t, 1))), "Invalid certificate data."},
		{"no PEM", "certificate", "Invalid certificate data."},
		{"PEM of no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "Invalid certificate data."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAccount(t)
			answer, err := do(t, a, administrator, http.MethodPost, "/trustanchors", bundleBody(t, tt.bundle))
			if tt.want != "" {
				if r := refusal(t, err); r.Message != tt.want || r.Code != "ValidationException" {
					t.Errorf("got %v, want %s", r, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			source := answer["trustAnchor"].(map[string]any)["source"].(map[string]any)
			if got := source["sourceData"].(map[string]any); got["x509CertificateData"] != tt.bundle || len(got) != 1 {
				t.Errorf("got source data %v, want the bundle as sent", got)
			}
		})
	}
}

func TestACAsCertificateIsVersion3AndSignedWithSHA256(t *testing.T) {
	fine := newCA(t, "fine", nil).certificate
	old, weak, unused := *fine, *fine, *fine
	old.Version = 1
	weak.SignatureAlgorithm = x509.ECDSAWithSHA1
	unused.SignatureAlgorithm = x509.PureEd25519 // whose leaves CreateSession refuses
	for name, c := range map[string]*x509.Certificate{"version 1": &old, "SHA-1": &weak, "Ed25519": &unused} {
		if checkCA(c) == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if err := checkCA(fine); err != nil {
		t.Error(err)
	}
}

func TestOnlyBundlesCanBeSources(t *testing.T) {
	tests := []struct{ name, source, want string }{
		{"AWS Private CA cannot be asked", `{"sourceType":"AWS_ACM_PCA","sourceData":{"acmPcaArn":"arn:aws:acm-pca:x"}}`, "Error creating TrustAnchor. Given AWS PCA did not allow get request.: "},
		{"a self-signed repository is not offered", `{"sourceType":"SELF_SIGNED_REPOSITORY"}`, "Invalid sourceType."},
		{"a type without its data", `{"sourceType":"CERTIFICATE_BUNDLE","sourceData":{"acmPcaArn":"a"}}`, "Invalid source."},
		{"both kinds of data", `{"sourceType":"AWS_ACM_PCA","sourceData":{"acmPcaArn":"a","x509CertificateData":"b"}}`, "Invalid source."},
		{"data without a type", `{"sourceData":{"x509CertificateData":"b"}}`, "Invalid source."},
		{"no data", `{"sourceType":"CERTIFICATE_BUNDLE"}`, "Invalid source."},
	}
	a := newAccount(t)
	id, _ := created(t, a, "/trustanchors", "trustAnchor", bundleBody(t, newCA(t, "ca", nil).pem))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for method, target := range map[string]string{http.MethodPost: "/trustanchors", http.MethodPatch: "/trustanchor/" + id} {
				_, err := do(t, a, administrator, method, target, `{"name":"a","source":`+tt.source+`}`)
				if r := refusal(t, err); r.Status != 400 || r.Message != tt.want {
					t.Errorf("%s: got %v, want %s", target, r, tt.want)
				}
			}
		})
	}
}
