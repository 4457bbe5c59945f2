package certstore_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/identity/certstore"
)

func create(t *testing.T) *certstore.Store {
	t.Helper()
	store, err := certstore.Create(filepath.Join(t.TempDir(), "store"), certstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestEveryKindOfGoodCertificateComesBackAsItWas(t *testing.T) {
	store, ca := create(t), awsauthtest.NewCA(t, "ca")
	for _, kind := range awsauthtest.Kinds() {
		if kind == awsauthtest.RSA4096 {
			continue // takes seconds to make
		}
		t.Run(string(kind), func(t *testing.T) {
			want := ca.Issue("client", kind).Identity
			if err := store.Add(t.Context(), "client", want, certstore.AddOptions{Replace: true}); err != nil {
				t.Fatal(err)
			}
			got, err := store.Source("client").Identity(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !got.Certificate.Equal(want.Certificate) || len(got.Chain) != len(want.Chain) {
				t.Errorf("got %s with a chain of %d, want a chain of %d", got.Certificate.Subject, len(got.Chain), len(want.Chain))
			}
			for i := range got.Chain {
				if !got.Chain[i].Equal(want.Chain[i]) {
					t.Errorf("%d of the chain: got %s, want %s", i+1, got.Chain[i].Subject, want.Chain[i].Subject)
				}
			}
			if public, ok := got.Key.Public().(interface{ Equal(any) bool }); ok && !public.Equal(want.Key.Public()) {
				t.Error("the key is another")
			}
			if got.Origin != "client" {
				t.Errorf("got origin %q, want client", got.Origin)
			}
		})
	}
}

// What Roles Anywhere would refuse is refused with the reason, and force lets pass what may be of use on another day.
func TestWhatRolesAnywhereWouldRefuseIsRefused(t *testing.T) {
	ca := awsauthtest.NewCA(t, "ca")
	for _, test := range []struct {
		trait  awsauthtest.Trait
		is     error
		forced bool
	}{
		{awsauthtest.Expired, identity.ErrExpired, true},
		{awsauthtest.NotYetValid, identity.ErrNotYetValid, true},
		{awsauthtest.ExpiredIntermediate, identity.ErrExpired, true},
		{awsauthtest.IntermediateWithoutCertSign, identity.ErrChain, true},
		{awsauthtest.IntermediateNotAuthority, identity.ErrChain, true},
		{awsauthtest.TooLongChain, identity.ErrChain, true},
		{awsauthtest.LeafInChain, identity.ErrChain, true},
		{awsauthtest.UnrelatedInChain, identity.ErrChain, false},
		{awsauthtest.CertificateAuthority, identity.ErrCertificateAuthority, false},
		{awsauthtest.AnotherKey, identity.ErrKeyMismatch, false},
		{awsauthtest.RSA1024, identity.ErrUnsupportedKey, false},
		{awsauthtest.P224, identity.ErrUnsupportedKey, false},
		{awsauthtest.Ed25519, identity.ErrUnsupportedKey, false},
		{awsauthtest.NoKeyUsage, identity.ErrKeyUsage, false},
		{awsauthtest.NoDigitalSignature, identity.ErrKeyUsage, false},
		{awsauthtest.Version1, identity.ErrVersion, false},
		{awsauthtest.SHA1Signature, identity.ErrWeakSignature, false},
		{awsauthtest.SHA1Intermediate, identity.ErrWeakSignature, false},
		{awsauthtest.EmptySubject, identity.ErrEmptySubject, false},
	} {
		t.Run(string(test.trait), func(t *testing.T) {
			store, id := create(t), ca.Issue("client", test.trait).Identity
			err := store.Add(t.Context(), "client", id, certstore.AddOptions{})
			if !errors.Is(err, test.is) {
				t.Errorf("got %v, want %v", err, test.is)
			}
			if got := certstore.Forcible(err); got != test.forced {
				t.Errorf("%v: got forcible %t, want %t", err, got, test.forced)
			}
			err = store.Add(t.Context(), "client", id, certstore.AddOptions{Force: true})
			if (err == nil) != test.forced {
				t.Errorf("with force: got %v, want it added: %t", err, test.forced)
			}
			got, err := store.Source("client").Identity(t.Context())
			if (err == nil) != test.forced || err == nil && !got.Certificate.Equal(id.Certificate) {
				t.Errorf("with force: got %v, want it usable: %t", err, test.forced)
			}
		})
	}
}
