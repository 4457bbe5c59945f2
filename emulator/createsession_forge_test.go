package emulator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"io"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

// authorization replaces a part of the Authorization header.
func authorization(old, replacement string) func(*http.Request) {
	return func(r *http.Request) {
		before := r.Header.Get("Authorization")
		after := strings.Replace(before, old, replacement, 1)
		if after == before {
			panic("Authorization has no " + old)
		}
		r.Header.Set("Authorization", after)
	}
}

// header sets a header of the signed request; an empty value removes it.
func header(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
}

// resign puts another signature of the same text in the place of the right one.
func (w *world) resign(c *call, sign func(stringToSign string) []byte) {
	c.signed = func(r *http.Request) {
		signature := must(sigv4x509.Parse(r, []byte(c.body)))(w.t)
		value := r.Header.Get("Authorization")
		head := value[:strings.LastIndexByte(value, '=')+1]
		r.Header.Set("Authorization", head+hex.EncodeToString(sign(signature.Trace.StringToSign)))
	}
}

// curveSized signs the hash that belongs to the curve's size, SHA-384 for P-384.
func curveSized(key crypto.Signer) func(string) []byte {
	return func(text string) []byte {
		h := crypto.SHA384.New()
		io.WriteString(h, text)
		signature, err := key.Sign(rand.Reader, h.Sum(nil), crypto.SHA384)
		if err != nil {
			panic(err)
		}
		return signature
	}
}

// rawForm writes an ECDSA signature as r‖s, as JOSE does, in place of ASN.1.
type rawForm struct{ crypto.Signer }

func (k rawForm) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	der, err := k.Signer.Sign(random, digest, opts)
	if err != nil {
		return nil, err
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &pair); err != nil {
		return nil, err
	}
	return append(pair.R.FillBytes(make([]byte, 32)), pair.S.FillBytes(make([]byte, 32))...), nil
}

// impostor claims one key and signs with another.
type impostor struct {
	crypto.Signer
	public crypto.PublicKey
}

func (k impostor) Public() crypto.PublicKey { return k.public }

func withKey(i *identity.Identity, key crypto.Signer) *identity.Identity {
	changed := *i
	changed.Key = key
	return &changed
}

func withChain(i *identity.Identity, chain ...*x509.Certificate) *identity.Identity {
	changed := *i
	changed.Chain = chain
	return &changed
}

func ecKey(curve elliptic.Curve) crypto.Signer {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// The keys of RSA are made once, because that takes long.
var (
	rsa2048 = sync.OnceValue(func() crypto.Signer { return rsaKey(2048) })
	rsa1024 = sync.OnceValue(func() crypto.Signer { return rsaKey(1024) })
)

func rsaKey(bits int) crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

// issueKey makes a leaf of another key.
func (w *world) issueKey(key crypto.Signer) *identity.Identity {
	w.t.Helper()
	return must(w.ca.Issue(pki.Leaf{CommonName: "client", Key: key}))(w.t)
}

// present puts a certificate into a signed request that the signer would not take.
func present(c *x509.Certificate) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("X-Amz-X509", base64.StdEncoding.EncodeToString(c.Raw))
		serial := regexp.MustCompile(`Credential=[0-9]+/`)
		r.Header.Set("Authorization", serial.ReplaceAllString(r.Header.Get("Authorization"), "Credential="+c.SerialNumber.String()+"/"))
	}
}

// ed25519Leaf is a certificate of a key that no algorithm of the protocol is for.
func (w *world) ed25519Leaf() *x509.Certificate {
	w.t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	return must(pki.Sign(w.client.Certificate, w.ca.Certificate, public, w.ca.Key))(w.t)
}

// version1 makes the client's certificate one of X.509 version 1: without version and extensions, signed anew.
func (w *world) version1() *x509.Certificate {
	w.t.Helper()
	type tbs struct {
		Serial                               *big.Int
		Algorithm                            pkix.AlgorithmIdentifier
		Issuer, Validity, Subject, PublicKey asn1.RawValue
	}
	var v3 struct {
		Version                              int `asn1:"explicit,tag:0"`
		Serial                               *big.Int
		Algorithm                            pkix.AlgorithmIdentifier
		Issuer, Validity, Subject, PublicKey asn1.RawValue
		Extensions                           asn1.RawValue `asn1:"explicit,tag:3"`
	}
	if _, err := asn1.Unmarshal(w.client.Certificate.RawTBSCertificate, &v3); err != nil {
		w.t.Fatal(err)
	}
	v1 := must(asn1.Marshal(tbs{v3.Serial, v3.Algorithm, v3.Issuer, v3.Validity, v3.Subject, v3.PublicKey}))(w.t)
	digest := sha256.Sum256(v1)
	signature := must(w.ca.Key.Sign(rand.Reader, digest[:], crypto.SHA256))(w.t)
	der := must(asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: v1}, v3.Algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}}))(w.t)
	return must(x509.ParseCertificate(der))(w.t)
}
