package identity

import (
	"crypto"
	"errors"
	"testing"

	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// fuzzIdentity checks what holds for every input: an identity that comes out
// is whole, and an error is one of the package's and names the file.
func fuzzIdentity(t *testing.T, b Bundle) *Identity {
	id, err := parse(t.Context(), b, cheap())
	if err == nil {
		checkLinks(t, id)
		return id
	}
	var e *Error
	if !errors.As(err, &e) || e.File == "" || !isSentinel(e.Err) {
		t.Errorf("%v does not name a file and a reason", err)
	}
	return nil
}

func FuzzPEM(f *testing.F) {
	for _, pattern := range []string{"seeds/*.pem", "vectors/*.pem", "vectors/*.key"} {
		for _, s := range seeds(f, pattern) {
			f.Add(s.data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b := one(data)
		b.Password = with("secret")
		fuzzIdentity(t, b)
	})
}

func FuzzPKCS8(f *testing.F) {
	leaf := readFile(f, "testdata/seeds/leaf.der")
	for _, s := range seeds(f, "seeds/*.der") {
		f.Add(s.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzIdentity(t, Bundle{
			Certificate: Part{"leaf", leaf},
			PrivateKey:  Part{"key", data},
			Password:    with("secret"),
		})
	})
}

func FuzzPKCS12(f *testing.F) {
	for _, pattern := range []string{"seeds/*.p12", "vectors/*.p12", "keytool/*.p12"} {
		for _, s := range seeds(f, pattern) {
			f.Add(s.data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b := one(data)
		b.Password = with("secret")
		id := fuzzIdentity(t, b)
		if id == nil || data[0] != 0x30 {
			return
		}
		// Where another library finds the one key of a file, it is the same.
		key, _, _, err := pkcs12.DecodeChain(data, "secret")
		if err == nil && !samePublicKey(key.(crypto.Signer).Public(), id.Key.Public()) {
			t.Error("another library finds another key")
		}
	})
}
