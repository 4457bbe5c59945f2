package management

import (
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"testing"
)

func TestARevocationListComesFromItsTrustAnchor(t *testing.T) {
	a := newAccount(t)
	ours := newCA(t, "ours", nil)
	namesake := newCA(t, "ours", nil)
	mute := newCA(t, "mute", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCertSign })
	_, anchor := created(t, a, "/trustanchors", "trustAnchor", bundleBody(t, newCA(t, "other", nil).pem+ours.pem+mute.pem))
	tests := []struct {
		name, anchor string
		data         []byte
		reason       string
	}{
		{"DER", anchor, ours.crl(t, 1), ""},
		{"PEM", anchor, crlPEM(ours.crl(t, 1)), ""},
		{"a trust anchor that is not there", arnPrefix + "trust-anchor/" + someID, ours.crl(t, 1), "there is no trust anchor with this ARN"},
		{"the ID alone of a trust anchor", anchor[len(arnPrefix):], ours.crl(t, 1), "there is no trust anchor with this ARN"},
		{"another CA's list", anchor, newCA(t, "stranger", nil).crl(t, 1), "no certificate of the trust anchor has the list's issuer as its subject"},
		{"a list of a CA of the same name", anchor, namesake.crl(t, 1), "the signature does not verify with the trust anchor's certificate"},
		{"a list of a CA that may not sign lists", anchor, mute.crl(t, 1), "keyUsage of the trust anchor's certificate lacks cRLSign"},
		{"a certificate in place of a list", anchor, []byte(ours.pem), "the PEM block is not an X509 CRL"},
		{"no list", anchor, []byte("list"), "the data is not an X.509 certificate revocation list of version 2, PEM or DER (openssl ca -gencrl makes one with -crlexts)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer, err := do(t, a, administrator, http.MethodPost, "/crls", asJSON(t, object{
				"name": "c", "crlData": tt.data, "trustAnchorArn": tt.anchor,
			}))
			if tt.reason != "" {
				if r := refusal(t, err); r.Code != "ValidationException" || r.Reason != tt.reason {
					t.Errorf("got %v, want %s", r, tt.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			crl := answer["crl"].(map[string]any)
			if want := base64.StdEncoding.EncodeToString(tt.data); crl["crlData"] != want {
				t.Errorf("got %v, want the list as sent", crl["crlData"])
			}
			id := crl["crlId"].(string)
			_, err = do(t, a, administrator, http.MethodPatch, "/crl/"+id, asJSON(t, object{"name": "new", "crlData": namesake.crl(t, 2)}))
			if refusal(t, err).Code != "ValidationException" {
				t.Errorf("update with a list of a namesake: got %v", err)
			}
			if crl := mustDo(t, a, http.MethodGet, "/crl/"+id, "")["crl"].(map[string]any); crl["name"] != "c" {
				t.Error("a refused update changed the name")
			}
			mustDo(t, a, http.MethodPatch, "/crl/"+id, asJSON(t, object{"crlData": ours.crl(t, 2)}))
		})
	}
}

func TestAListOutlivesItsTrustAnchor(t *testing.T) {
	a := newAccount(t)
	authority := newCA(t, "ca", nil)
	anchorID, anchor := created(t, a, "/trustanchors", "trustAnchor", bundleBody(t, authority.pem))
	body := asJSON(t, object{"name": "c", "crlData": authority.crl(t, 1), "trustAnchorArn": anchor})
	id, _ := created(t, a, "/crls", "crl", body)
	mustDo(t, a, http.MethodDelete, "/trustanchor/"+anchorID, "")
	mustDo(t, a, http.MethodGet, "/crl/"+id, "")
	if _, err := do(t, a, administrator, http.MethodPatch, "/crl/"+id, asJSON(t, object{"crlData": authority.crl(t, 2)})); refusal(t, err).Status != 400 {
		t.Errorf("new data without a trust anchor: got %v, want 400", err)
	}
	mustDo(t, a, http.MethodDelete, "/crl/"+id, "")
}
