package cli

import (
	"crypto"
	"io"
	"net/http"
	"net/url"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/identity"
)

func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

// explanation keeps what the emulator says in its own headers.
type explanation struct {
	next           http.RoundTripper
	reason, remedy string
}

func (e *explanation) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := e.next.RoundTrip(r)
	if err == nil {
		e.reason, e.remedy = response.Header.Get(emulator.HeaderReason), response.Header.Get(emulator.HeaderRemedy)
	}
	return response, err
}

// misuse is an identity whose certificate is one's and whose signatures are another's: what a thief of a certificate has.
func misuse(certificate, key *identity.Identity) *identity.Identity {
	stolen := *certificate
	stolen.Key = forger{claimed: certificate.Key.Public(), real: key.Key}
	return &stolen
}

// forger claims a public key and signs with another private key.
type forger struct {
	claimed crypto.PublicKey
	real    crypto.Signer
}

func (f forger) Public() crypto.PublicKey { return f.claimed }

func (f forger) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return f.real.Sign(random, digest, opts)
}
