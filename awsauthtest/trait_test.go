package awsauthtest_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// verdict is what becomes of a trait. The zero value is a session.
type verdict struct {
	check []string // patterns of identity.Check's problems, each after `identity "certificate backup": `
	// What rolesanywhere.Client answers when it cannot send; otherwise the emulator's message, always with 403
	// AccessDeniedException, and a pattern of its true reason.
	client, message, reason string
}

const (
	insufficient = "Untrusted certificate. Insufficient certificate"
	untrusted    = "Untrusted signing certificate"
	unable       = "Unable to assume role for arn:aws:iam::123456789012:role/local."
	noPath       = "no path leads from the certificate to the trust anchor local: "
	noSource     = "the source identity that the subject .* gives has other characters than letters, digits and _\\+=,.@-, or more than 64"
	noAuthority  = `certificate chain is not usable: "CN=Intermediate CA" is not an authority: version 3, CA:TRUE and key usage keyCertSign are required`
	keyUsage     = `certificate lacks key usage digitalSignature: "CN=backup" must be issued with it`
	usableKeys   = "RSA of 2048 to 8192 bits and ECDSA on P-256, P-384 or P-521 can be used"
	weakKey      = "the certificate's key is neither RSA of 2048 bits or more nor ECDSA on P-256, P-384 or P-521"
	noLink       = `certificate chain is not usable: "CN=%" does not link: it issued none of the certificates before it`
)

var verdicts = map[awsauthtest.Trait]verdict{
	awsauthtest.P256:                 {},
	awsauthtest.P384:                 {},
	awsauthtest.P521:                 {},
	awsauthtest.RSA2048:              {},
	awsauthtest.RSA4096:              {},
	awsauthtest.ThroughIntermediate:  {},
	awsauthtest.ThroughIntermediates: {},
	awsauthtest.RootInChain:          {},
	awsauthtest.NoCommonName:         {},
	awsauthtest.NoExtendedKeyUsage:   {},
	awsauthtest.LongSerial:           {},

	awsauthtest.Expired: {
		check:   []string{`certificate has expired: "CN=backup" ended on \d{4}-\d\d-\d\d, 1 hour ago`},
		message: untrusted, reason: `the certificate expired at .* UTC`,
	},
	awsauthtest.NotYetValid: {
		check:   []string{`certificate is not yet valid: "CN=backup" begins on \d{4}-\d\d-\d\d, in 59 minutes; is the clock right\?`},
		message: untrusted, reason: `the certificate is not valid before .* UTC`,
	},
	awsauthtest.CertificateAuthority: {
		check:   []string{`certificate is a certificate authority, not an end entity: "CN=backup" has CA:TRUE; use a certificate that it issued`},
		message: insufficient, reason: `the certificate is a certificate authority: its basicConstraints have CA:TRUE`,
	},
	awsauthtest.NoKeyUsage: {
		check:   []string{keyUsage},
		message: insufficient, reason: `the certificate's keyUsage lacks digitalSignature`,
	},
	awsauthtest.NoDigitalSignature: {
		check:   []string{keyUsage},
		message: insufficient, reason: `the certificate's keyUsage lacks digitalSignature`,
	},
	awsauthtest.Version1: {
		check:   []string{`certificate is not X\.509 version 3: "CN=backup" is version 1`, keyUsage},
		message: insufficient, reason: `the certificate is X\.509 version 1, not 3`,
	},
	awsauthtest.SHA1Signature: {
		check:   []string{`certificate is signed with a weak algorithm: "CN=backup" is signed with ECDSA-SHA1; SHA-256 or stronger is required`},
		message: insufficient, reason: `the certificate is signed with ECDSA-SHA1, not with SHA-256 or stronger`,
	},
	awsauthtest.EmptySubject: {
		check:   []string{`certificate has an empty subject: the certificate with serial number \d+ must be issued with one, such as CN=backup`},
		message: insufficient, reason: `the certificate's subject is empty`,
	},
	awsauthtest.RSA1024: {
		check:   []string{`unsupported kind of key: the key of "CN=backup": .*` + usableKeys},
		message: insufficient, reason: weakKey,
	},
	awsauthtest.P224: {
		check:   []string{`unsupported kind of key: the key of "CN=backup": .*` + usableKeys},
		message: insufficient, reason: weakKey,
	},

	awsauthtest.ExpiredIntermediate: {
		check:   []string{`certificate has expired: "CN=Intermediate CA" ended on \d{4}-\d\d-\d\d, 1 hour ago`},
		message: untrusted, reason: noPath + `"CN=Intermediate CA" expired at .* UTC`,
	},
	awsauthtest.IntermediateWithoutCertSign: {
		check: []string{noAuthority}, message: untrusted, reason: noPath + `the certificate "CN=Intermediate CA" has no keyUsage keyCertSign`,
	},
	awsauthtest.IntermediateNotAuthority: {
		check: []string{noAuthority}, message: untrusted, reason: noPath + `"CN=Intermediate CA" is no certificate authority.*`,
	},
	awsauthtest.SHA1Intermediate: {
		check:   []string{`certificate is signed with a weak algorithm: "CN=Intermediate CA" is signed with ECDSA-SHA1; SHA-256 or stronger is required`},
		message: untrusted, reason: noPath + `"CN=Intermediate CA" is .*signed .*`,
	},
	awsauthtest.TooLongChain: {
		check:   []string{`certificate chain is not usable: 6 certificates beside the leaf; 5 is the most`},
		message: untrusted, reason: `X-Amz-X509-Chain has 6 certificates, and at most 5 are accepted`,
	},

	awsauthtest.AnotherKey: {
		check:  []string{`key does not match certificate: the private key is not that of "CN=backup"`},
		client: "new signer: the private key does not belong to the certificate",
	},
	awsauthtest.Ed25519: {
		check:  []string{`unsupported kind of key: the key of "CN=backup": ` + usableKeys},
		client: "new signer: no AWS4-X509 algorithm for a key of type ed25519.PublicKey: use RSA or ECDSA",
	},

	awsauthtest.LeafInChain:      {check: []string{`certificate chain is not usable: the leaf "CN=backup" is repeated in the chain`}},
	awsauthtest.UnrelatedInChain: {check: []string{strings.Replace(noLink, "%", "Unrelated CA", 1)}},
	awsauthtest.IntermediatesMixed: {check: []string{
		strings.Replace(noLink, "%", "Intermediate CA 1", 1), strings.Replace(noLink, "%", "Intermediate CA 2", 1),
	}},

	awsauthtest.ImpostorCA: {
		message: untrusted,
		reason:  noPath + `"CN=backup" is not signed by the key of "CN=local"`,
	},
	awsauthtest.UnknownCA: {
		message: untrusted, reason: noPath + `"CN=backup" is issued by "CN=Unknown CA", which is neither in X-Amz-X509-Chain nor the trust anchor, "CN=local"`,
	},
	awsauthtest.SelfSigned: {
		message: untrusted, reason: noPath + `"CN=backup" is issued by "CN=backup", which is neither in X-Amz-X509-Chain nor the trust anchor, "CN=local"`,
	},
	awsauthtest.MissingIntermediate: {
		message: untrusted, reason: noPath + `"CN=backup" is issued by "CN=Intermediate CA 1", which is neither in X-Amz-X509-Chain nor the trust anchor, "CN=local"`,
	},
	awsauthtest.WrongSignature: {
		message: "Invalid signature", reason: `the signature does not verify with the certificate's public key`,
	},
	awsauthtest.ZeroSerial: {message: insufficient, reason: `the certificate's serial number is not positive`},

	awsauthtest.ParenthesesInName: {
		message: unable + " Some attributes failed to be mapped into session tags. Issuer: [  ]; Subject: [ CN ]; SAN: [  ]",
		reason:  `a mapped value .* has others than letters, digits, spaces and .*`,
	},
	awsauthtest.SpaceInName:  {message: unable, reason: noSource},
	awsauthtest.AccentInName: {message: unable, reason: noSource},
	awsauthtest.LongName:     {message: unable, reason: noSource},
}

func TestEveryTraitHasItsVerdict(t *testing.T) {
	local := awsauthtest.Start(t)
	for _, trait := range slices.Concat(awsauthtest.Kinds(), awsauthtest.Defects()) {
		t.Run(string(trait), func(t *testing.T) {
			want, ok := verdicts[trait]
			if !ok {
				t.Fatal("has no row in verdicts")
			}
			client := local.Client("backup", trait)
			matchProblems(t, client.Identity.Check(time.Now()), want.check)
			reason, err := send(t, local, client)
			want.match(t, err, reason)
		})
	}
}

// send asks for a session without the checks that awsauth.Session makes first.
func send(t *testing.T, local *awsauthtest.Local, client *awsauthtest.Client) (reason string, err error) {
	t.Helper()
	api, request, err := local.Session(client).Request()
	if err != nil {
		t.Fatal(err)
	}
	transport := api.Transport
	api.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		answer, err := transport.RoundTrip(r)
		if err == nil {
			reason = answer.Header.Get(emulator.HeaderReason)
		}
		return answer, err
	})
	_, err = api.CreateSession(t.Context(), client.Identity, request)
	return reason, err
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func matchProblems(t *testing.T, err error, patterns []string) {
	t.Helper()
	var got []string
	if err != nil {
		got = strings.Split(err.Error(), "\n")
	}
	if len(got) != len(patterns) {
		t.Fatalf("got problems %q, want %q", got, patterns)
	}
	for i, pattern := range patterns {
		matchAll(t, got[i], `identity "certificate backup.*": `+pattern)
	}
}

// matchAll demands that the whole text matches.
func matchAll(t *testing.T, text, pattern string) {
	t.Helper()
	if !regexp.MustCompile(`^` + pattern + `$`).MatchString(text) {
		t.Errorf("got %q, want a match of %q", text, pattern)
	}
}

func (v verdict) match(t *testing.T, err error, reason string) {
	t.Helper()
	if v.client != "" {
		if err == nil || err.Error() != v.client {
			t.Errorf("got %v, want %q", err, v.client)
		}
		return
	}
	if v.message == "" {
		if err != nil {
			t.Errorf("got %v (%s), want a session", err, reason)
		}
		return
	}
	refused := new(rolesanywhere.Error)
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a refusal", err)
	}
	if refused.Status != http.StatusForbidden || refused.Code != "AccessDeniedException" || refused.Message != v.message {
		t.Errorf("got %d %s %q, want 403 AccessDeniedException %q", refused.Status, refused.Code, refused.Message, v.message)
	}
	matchAll(t, reason, v.reason)
}

func TestEveryTraitIsListedOnceAndHasARow(t *testing.T) {
	listed := slices.Concat(awsauthtest.Kinds(), awsauthtest.Defects())
	declared := declaredTraits(t)
	for _, trait := range declared {
		if n := count(listed, trait); n != 1 {
			t.Errorf("trait %q is listed %d times by Kinds and Defects, want once", trait, n)
		}
		if n := count(declared, trait); n != 1 {
			t.Errorf("%d constants are %q, want one", n, trait)
		}
	}
	if len(listed) != len(declared) || len(verdicts) != len(declared) {
		t.Errorf("got %d traits listed and %d rows, want %d of each", len(listed), len(verdicts), len(declared))
	}
}

func count(all []awsauthtest.Trait, trait awsauthtest.Trait) (n int) {
	for _, t := range all {
		if t == trait {
			n++
		}
	}
	return n
}

// declaredTraits reads the constants out of the source.
func declaredTraits(t *testing.T) (all []awsauthtest.Trait) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "trait.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for node := range ast.Preorder(file) {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || spec.Type.(*ast.Ident).Name != "Trait" {
			continue
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, awsauthtest.Trait(text))
	}
	if len(all) == 0 {
		t.Fatal("trait.go declares no trait")
	}
	return all
}

func TestKindsAreGoodAndDefectsAreNot(t *testing.T) {
	for _, trait := range awsauthtest.Kinds() {
		if v := verdicts[trait]; v.check != nil || v.client != "" || v.message != "" {
			t.Errorf("%s is a kind and is refused", trait)
		}
	}
	for _, trait := range awsauthtest.Defects() {
		if v := verdicts[trait]; v.check == nil && v.client == "" && v.message == "" {
			t.Errorf("%s is a defect and nobody minds", trait)
		}
	}
}

func TestTraitsCombine(t *testing.T) {
	ca := awsauthtest.NewCA(t, "Acme CA")
	id := ca.Issue("backup", awsauthtest.P384, awsauthtest.Expired, awsauthtest.ThroughIntermediate, awsauthtest.NoKeyUsage).Identity
	err := id.Check(time.Now())
	for _, want := range []error{identity.ErrExpired, identity.ErrKeyUsage} {
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	if len(id.Chain) != 1 {
		t.Errorf("got a chain of %d, want 1", len(id.Chain))
	}
}

func TestAnUnknownTraitFailsTheTest(t *testing.T) {
	got := failure(t, func(fake testing.TB) { awsauthtest.NewCA(fake, "Acme CA").Issue("backup", "tired") })
	if want := `issue "backup": trait "tired" does not exist`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
