package authn_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/authn"
	"github.com/awsauth-go/awsauth/emulator/internal/query/querytest"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// world is an account with everybody who might sign.
type world struct {
	*querytest.Server
	user, other, session, userSession aws.Credentials
}

func newWorld(t *testing.T) *world {
	w := &world{Server: querytest.New(t)}
	w.user, w.other = w.User(t, "alice"), w.User(t, "bob")
	role := w.Role(t, "backup", querytest.Trust(querytest.AccountID, "sts:AssumeRole", ""))
	w.session = w.issue(account.Session{RoleName: role.Name, RoleID: role.ID, SessionName: "nightly"})
	w.Account.Read(func(s *account.State) {
		w.userSession = w.issue(account.Session{UserName: "alice", UserID: s.Users["alice"].ID})
	})
	return w
}

func (w *world) issue(s account.Session) aws.Credentials {
	c := w.Account.Issue(s, time.Hour)
	return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
}

// message is a request to be signed; its zero fields are those of a good one.
type message struct {
	by              aws.Credentials
	service, region string
	at              time.Duration // from now
	target, body    string
	headers         map[string]string
	presign         bool
	after           func(*http.Request) // changes the signed request
}

const getCallerIdentity = "Action=GetCallerIdentity&Version=2011-06-15"

// sign answers the request as a server receives it, and its body.
func (w *world) sign(t *testing.T, m message) (*http.Request, []byte) {
	t.Helper()
	or := func(s *string, fallback string) {
		if *s == "" {
			*s = fallback
		}
	}
	or(&m.service, "sts")
	or(&m.region, querytest.Region)
	or(&m.target, "/")
	or(&m.body, getCallerIdentity)
	r := httptest.NewRequestWithContext(t.Context(), "POST", m.target, strings.NewReader(m.body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range m.headers {
		r.Header.Set(name, value)
	}
	sum := sha256.Sum256([]byte(m.body))
	hash, signer, at := hex.EncodeToString(sum[:]), v4.NewSigner(), w.Clock.Now().Add(m.at)
	if m.presign {
		target, _, err := signer.PresignHTTP(t.Context(), m.by, r, hash, m.service, m.region, at)
		if err != nil {
			t.Fatal(err)
		}
		r = httptest.NewRequestWithContext(t.Context(), "POST", target, strings.NewReader(m.body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else if err := signer.SignHTTP(t.Context(), m.by, r, hash, m.service, m.region, at); err != nil {
		t.Fatal(err)
	}
	r.RequestURI = r.URL.RequestURI()
	if m.after != nil {
		m.after(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, body
}

func (w *world) authenticate(t *testing.T, m message, s authn.Service) (*account.Caller, *wire.Refusal) {
	t.Helper()
	r, body := w.sign(t, m)
	c, err := authn.Authenticate(w.Account, r, body, s, querytest.Skew)
	if err == nil {
		return c, nil
	}
	var refusal *wire.Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("got error %v, want a refusal", err)
	}
	return nil, refusal
}

func TestCallers(t *testing.T) {
	w := newWorld(t)
	const alice, backup = "arn:aws:iam::123456789012:user/alice", "arn:aws:sts::123456789012:assumed-role/backup/nightly"
	tests := []struct {
		name    string
		message message
		service authn.Service
		want    string
	}{
		{"a long-term key is its user", message{by: w.user}, authn.Service{Name: "sts"}, alice},
		{"a role's session is the session", message{by: w.session}, authn.Service{Name: "sts"}, backup},
		{"a user's session is the user", message{by: w.userSession}, authn.Service{Name: "sts"}, alice},
		{"a presigned request is taken", message{by: w.user, presign: true, target: "/?X-Amz-Expires=900"}, authn.Service{Name: "sts"}, alice},
		{"a session presigns", message{by: w.session, presign: true}, authn.Service{Name: "sts"}, backup},
		{"the global STS endpoint is signed for us-east-1", message{by: w.user, region: "us-east-1"}, authn.Service{Name: "sts"}, alice},
		{"IAM is signed for us-east-1", message{by: w.user, service: "iam", region: "us-east-1"}, authn.Service{Name: "iam"}, alice},
		{"IAM is signed for the account's region", message{by: w.user, service: "iam"}, authn.Service{Name: "iam"}, alice},
		{"Roles Anywhere is signed for its region", message{by: w.user, service: "rolesanywhere"}, authn.Service{Name: "rolesanywhere", JSON: true}, alice},
		{"a clock five minutes behind is taken", message{by: w.user, at: -5 * time.Minute}, authn.Service{Name: "sts"}, alice},
		{"a clock five minutes ahead is taken", message{by: w.user, at: 5 * time.Minute}, authn.Service{Name: "sts"}, alice},
		{"a presigned request lasts beyond the skew", message{by: w.user, presign: true, target: "/?X-Amz-Expires=900", at: -14 * time.Minute}, authn.Service{Name: "sts"}, alice},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, refusal := w.authenticate(t, tt.message, tt.service)
			if refusal != nil {
				t.Fatalf("got refusal %v", refusal)
			}
			if c.ARN != tt.want {
				t.Errorf("got caller %s, want %s", c.ARN, tt.want)
			}
		})
	}
}

// Columns of refused requests, by the code of the Query protocol.
var jsonCodes = map[string]string{
	"MissingAuthenticationToken": "MissingAuthenticationTokenException",
	"IncompleteSignature":        "IncompleteSignatureException",
	"InvalidClientTokenId":       "UnrecognizedClientException",
	"SignatureDoesNotMatch":      "InvalidSignatureException",
	"ExpiredToken":               "ExpiredTokenException",
}

const (
	missing    = "Request is missing Authentication Token"
	incomplete = "The request signature does not conform to AWS standards."
	invalid    = "The security token included in the request is invalid."
	expired    = "The security token included in the request is expired"
	mismatch   = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
)

func replaceAuthorization(old, replacement string) func(*http.Request) {
	return func(r *http.Request) {
		h := r.Header.Get("Authorization")
		r.Header.Set("Authorization", strings.Replace(h, old, replacement, 1))
	}
}

func setHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func setBody(body string) func(*http.Request) {
	return func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(body)) }
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name    string
		message func(*world) message
		code    string
		text    string
	}{
		{"no signature", func(w *world) message {
			return message{by: w.user, after: func(r *http.Request) { r.Header.Del("Authorization") }}
		}, "MissingAuthenticationToken", missing},
		{"an empty Authorization header", func(w *world) message {
			return message{by: w.user, after: setHeader("Authorization", "")}
		}, "IncompleteSignature", incomplete},
		{"another algorithm", func(w *world) message {
			return message{by: w.user, after: replaceAuthorization("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512")}
		}, "IncompleteSignature", incomplete},
		{"a bearer token", func(w *world) message {
			return message{by: w.user, after: setHeader("Authorization", "Bearer abc")}
		}, "IncompleteSignature", incomplete},
		{"no Credential", func(w *world) message {
			return message{by: w.user, after: replaceAuthorization("Credential=", "Cred=")}
		}, "IncompleteSignature", incomplete},
		{"no SignedHeaders", func(w *world) message {
			return message{by: w.user, after: replaceAuthorization("SignedHeaders=", "Headers=")}
		}, "IncompleteSignature", incomplete},
		{"no Signature", func(w *world) message {
			return message{by: w.user, after: replaceAuthorization("Signature=", "Sig=")}
		}, "IncompleteSignature", incomplete},
		{"a Credential of four parts", func(w *world) message {
			return message{by: w.user, after: replaceAuthorization("/sts/aws4_request", "/aws4_request")}
		}, "IncompleteSignature", incomplete},
		{"two Authorization headers", func(w *world) message {
			return message{by: w.user, after: func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }}
		}, "IncompleteSignature", incomplete},
		{"a signature in header and query", func(w *world) message {
			return message{by: w.user, after: func(r *http.Request) { r.URL.RawQuery = "X-Amz-Signature=00" }}
		}, "IncompleteSignature", incomplete},
		{"no X-Amz-Date", func(w *world) message {
			return message{by: w.user, after: func(r *http.Request) { r.Header.Del("X-Amz-Date") }}
		}, "IncompleteSignature", incomplete},
		{"a date in another form", func(w *world) message {
			return message{by: w.user, after: setHeader("X-Amz-Date", "Mon, 23 Nov 2026 08:20:00 GMT")}
		}, "IncompleteSignature", incomplete},
		{"a presigned request without its date", func(w *world) message {
			return message{by: w.user, presign: true, after: func(r *http.Request) {
				r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "X-Amz-Date", "X-Amz-Dote", 1)
			}}
		}, "IncompleteSignature", incomplete},

		{"an unknown access key", func(w *world) message {
			return message{by: aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"}}
		}, "InvalidClientTokenId", invalid},
		{"an access key ID of no kind", func(w *world) message {
			return message{by: aws.Credentials{AccessKeyID: "backup", SecretAccessKey: "x"}}
		}, "InvalidClientTokenId", invalid},
		{"an inactive access key", func(w *world) message {
			return message{by: w.other}
		}, "InvalidClientTokenId", invalid},
		{"a session without its token", func(w *world) message {
			w.session.SessionToken = ""
			return message{by: w.session}
		}, "InvalidClientTokenId", invalid},
		{"a session with another's token", func(w *world) message {
			w.session.SessionToken = w.userSession.SessionToken
			return message{by: w.session}
		}, "InvalidClientTokenId", invalid},
		{"a session with a token that is not base64", func(w *world) message {
			w.session.SessionToken = "!"
			return message{by: w.session}
		}, "InvalidClientTokenId", invalid},
		{"a session with a token of another account", func(w *world) message {
			a, err := account.New(account.Config{ID: "210987654321", Region: querytest.Region})
			if err != nil {
				panic(err)
			}
			c := a.Issue(account.Session{RoleName: "backup"}, time.Hour)
			return message{by: aws.Credentials{
				AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken,
			}}
		}, "InvalidClientTokenId", invalid},
		{"a long-term key with a token", func(w *world) message {
			w.user.SessionToken = w.session.SessionToken
			return message{by: w.user}
		}, "InvalidClientTokenId", invalid},
		{"a session of a role that is gone", func(w *world) message {
			return message{by: w.issue(account.Session{RoleName: "gone", RoleID: "AROAGONE", SessionName: "nightly"})}
		}, "InvalidClientTokenId", invalid},
		{"a session of a role that was made anew", func(w *world) message {
			return message{by: w.issue(account.Session{RoleName: "backup", RoleID: "AROAOLD", SessionName: "nightly"})}
		}, "InvalidClientTokenId", invalid},
		{"a session of a user who is gone", func(w *world) message {
			return message{by: w.issue(account.Session{UserName: "gone", UserID: "AIDAGONE"})}
		}, "InvalidClientTokenId", invalid},
		{"a session of a user who was made anew", func(w *world) message {
			return message{by: w.issue(account.Session{UserName: "alice", UserID: "AIDAOLD"})}
		}, "InvalidClientTokenId", invalid},

		{"an expired session", func(w *world) message {
			w.Clock.Advance(time.Hour)
			return message{by: w.session}
		}, "ExpiredToken", expired},
		{"an expired session of a role that is gone", func(w *world) message {
			c := w.issue(account.Session{RoleName: "gone", RoleID: "AROAGONE", SessionName: "nightly"})
			w.Clock.Advance(2 * time.Hour)
			return message{by: c}
		}, "ExpiredToken", expired},
		{"an expired session with a wrong secret learns nothing of it", func(w *world) message {
			w.Clock.Advance(time.Hour)
			w.session.SecretAccessKey = "wrong"
			return message{by: w.session}
		}, "SignatureDoesNotMatch", mismatch},
		{"a session of a role that is gone with a wrong secret learns nothing of it", func(w *world) message {
			c := w.issue(account.Session{RoleName: "gone", RoleID: "AROAGONE", SessionName: "nightly"})
			c.SecretAccessKey = "wrong"
			return message{by: c}
		}, "SignatureDoesNotMatch", mismatch},

		{"a wrong secret", func(w *world) message {
			w.user.SecretAccessKey = w.other.SecretAccessKey
			return message{by: w.user}
		}, "SignatureDoesNotMatch", mismatch},
		{"another body", func(w *world) message {
			return message{by: w.user, after: setBody(getCallerIdentity + "&x=y")}
		}, "SignatureDoesNotMatch", mismatch},
		{"another body than X-Amz-Content-Sha256 says", func(w *world) message {
			return message{by: w.user, headers: map[string]string{"X-Amz-Content-Sha256": strings.Repeat("0", 64)}}
		}, "SignatureDoesNotMatch", mismatch},
		{"an unsigned payload", func(w *world) message {
			return message{by: w.user, headers: map[string]string{"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}}
		}, "SignatureDoesNotMatch", mismatch},
		{"another path", func(w *world) message {
			return message{by: w.user, after: func(r *http.Request) { r.RequestURI = "/x" }}
		}, "SignatureDoesNotMatch", mismatch},
		{"another host", func(w *world) message {
			return message{by: w.user, after: func(r *http.Request) { r.Host = "sts.example.com" }}
		}, "SignatureDoesNotMatch", mismatch},
		{"an x-amz- header that is not signed", func(w *world) message {
			return message{by: w.user, after: setHeader("X-Amz-Target", "x")}
		}, "SignatureDoesNotMatch", "There were headers present in the request which were not signed"},
		{"a host that is not signed", func(w *world) message {
			return message{by: w.user, after: replaceAuthorization(";host;", ";")}
		}, "SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},

		{"a clock too far behind", func(w *world) message {
			return message{by: w.user, at: -20 * time.Minute}
		}, "SignatureDoesNotMatch", "Signature expired: 20261123T080000Z is now earlier than 20261123T081500Z (20261123T082000Z - 5 min.)"},
		{"a clock too far ahead", func(w *world) message {
			return message{by: w.user, at: 5*time.Minute + time.Second}
		}, "SignatureDoesNotMatch", "Signature not yet current: 20261123T082501Z is still later than 20261123T082500Z (20261123T082000Z + 5 min.)"},
		{"a presigned request that has run out", func(w *world) message {
			return message{by: w.user, presign: true, target: "/?X-Amz-Expires=60", at: -2 * time.Minute}
		}, "SignatureDoesNotMatch", "Signature expired: 20261123T081900Z is now earlier than 20261123T082000Z"},

		{"another region", func(w *world) message {
			return message{by: w.user, region: "us-west-2"}
		}, "SignatureDoesNotMatch", "Credential should be scoped to a valid Region, not 'us-west-2'."},
		{"another service", func(w *world) message {
			return message{by: w.user, service: "s3"}
		}, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'sts'."},
		{"another date in the scope", func(w *world) message {
			return message{by: w.user, after: replaceAuthorization("/20261123/", "/20261122/")}
		}, "SignatureDoesNotMatch", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: " +
			"'20261122' != '20261123', from '20261123T082000Z'."},
		{"another terminator", func(w *world) message {
			return message{by: w.user, after: replaceAuthorization("/aws4_request", "/aws5_request")}
		}, "SignatureDoesNotMatch", "Credential should be scoped with a valid terminator: 'aws4_request'."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.Change(t, func(s *account.State) {
				k := *s.AccessKeys[w.other.AccessKeyID]
				k.Active = false
				s.AccessKeys[k.ID] = &k
			})
			m := tt.message(w)
			for _, json := range []bool{false, true} {
				want := wire.Refusal{Status: 403, Code: tt.code, Message: tt.text}
				if tt.code == "IncompleteSignature" {
					want.Status = 400
				}
				if json {
					want.Code = jsonCodes[tt.code]
				}
				_, got := w.authenticate(t, m, authn.Service{Name: "sts", JSON: json})
				if got == nil {
					t.Fatal("got no refusal")
				}
				if got.Reason == "" || got.Remedy == "" {
					t.Errorf("got reason %q and remedy %q, want both", got.Reason, got.Remedy)
				}
				if w.user.SecretAccessKey != "" && strings.Contains(got.Error(), w.user.SecretAccessKey) {
					t.Error("the refusal has the secret")
				}
				want.Reason, want.Remedy = got.Reason, got.Remedy
				if *got != want {
					t.Errorf("got  %+v\nwant %+v", *got, want)
				}
			}
			w.Account.Read(func(s *account.State) {
				for _, k := range s.AccessKeys {
					if k.LastUsed != nil {
						t.Error("a refused request was noted as the last use of its key")
					}
				}
			})
		})
	}
}

func TestRolesAnywhereHasNoGlobalEndpoint(t *testing.T) {
	w := newWorld(t)
	_, got := w.authenticate(t, message{by: w.user, service: "rolesanywhere", region: "us-east-1"},
		authn.Service{Name: "rolesanywhere", JSON: true})
	if got == nil || got.Code != "InvalidSignatureException" {
		t.Errorf("got %v, want InvalidSignatureException", got)
	}
}

func TestALongTermKeyNotesItsLastUse(t *testing.T) {
	w := newWorld(t)
	if _, refusal := w.authenticate(t, message{by: w.user, service: "iam", region: "us-east-1"}, authn.Service{Name: "iam"}); refusal != nil {
		t.Fatal(refusal)
	}
	want := account.LastUsed{At: w.Clock.Now(), Service: "iam", Region: "us-east-1"}
	w.Account.Read(func(s *account.State) {
		if got := s.AccessKeys[w.user.AccessKeyID].LastUsed; got == nil || *got != want {
			t.Errorf("got last use %v, want %v", got, want)
		}
		if got := s.AccessKeys[w.other.AccessKeyID].LastUsed; got != nil {
			t.Errorf("got last use %v of another key, want none", got)
		}
	})
}

func TestNoByteOfASessionTokenCanBeChanged(t *testing.T) {
	w := newWorld(t)
	sealed, err := base64.StdEncoding.DecodeString(w.session.SessionToken)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		sealed[i] ^= 1
		c := w.session
		c.SessionToken = base64.StdEncoding.EncodeToString(sealed)
		if _, refusal := w.authenticate(t, message{by: c}, authn.Service{Name: "sts"}); refusal == nil || refusal.Code != "InvalidClientTokenId" {
			t.Fatalf("byte %d flipped: got %v, want InvalidClientTokenId", i, refusal)
		}
		sealed[i] ^= 1
	}
	for i := range len(w.session.SessionToken) {
		text := []byte(w.session.SessionToken)
		text[i] ^= 1
		c := w.session
		c.SessionToken = string(text)
		if _, refusal := w.authenticate(t, message{by: c}, authn.Service{Name: "sts"}); refusal == nil {
			t.Fatalf("character %d changed: accepted", i)
		}
	}
}
