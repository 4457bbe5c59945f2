package emulator

import (
	"crypto/elliptic"
	"crypto/x509"
	"io"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/internal/pki"
)

func TestCreateSessionGrants(t *testing.T) {
	inBody := func(w *world, c *call) {
		c.query, c.body = nil, w.fill(`{"profileArn":"{profile}","roleArn":"{role}","trustAnchorArn":"{anchor}","durationSeconds":900}`)
	}
	chain := func(certificates func(w *world) []*x509.Certificate) func(*world, *call) {
		return func(w *world, c *call) { c.identity = withChain(w.client, certificates(w)...) }
	}
	for _, test := range []struct {
		name string
		make func(w *world, c *call)
	}{
		{"the ARNs in the query", func(*world, *call) {}},
		{"the ARNs in the body", inBody},
		{"the ARNs in both", func(w *world, c *call) { query := c.query; inBody(w, c); c.query = query }},
		{"an empty body", body("")},
		{"a body of white space", body(" \r\n")},
		{"an empty object", body("{}")},
		{"900 seconds", body(`{"durationSeconds":900}`)},
		{"a whole float, as Envoy sends", body(`{"durationSeconds":3600.0}`)},
		{"12 hours, which the profile shortens", body(`{"durationSeconds":43200}`)},
		{"members that nobody knows", body(`{"sessionName":"no name","DURATIONSECONDS":1,"a":null}`)},
		{"members that are null", body(`{"durationSeconds":null,"roleSessionName":null,"instanceProperties":null}`)},
		{"instance properties", body(`{"instanceProperties":{"host":"a"}}`)},
		{"another content type", func(_ *world, c *call) { c.header.Set("Content-Type", "application/x-amz-json-1.0") }},
		{"no content type", func(_ *world, c *call) { c.header.Del("Content-Type") }},
		{"a prefix of the path", func(_ *world, c *call) { c.path = "/x/sessions" }},
		{"more parameters", func(_ *world, c *call) { c.query.Set("a", "b c/+~") }},
		{"the headers of SDKs", func(_ *world, c *call) {
			c.header.Set("Amz-Sdk-Invocation-Id", "a")
			c.header.Set("Amz-Sdk-Request", "attempt=1;  max=3")
			c.header["X-Amz-Content-Sha256"] = []string{"a", "b"}
		}},
		{"a list of headers without spaces", spoilt(authorization(", SignedHeaders", ",SignedHeaders"))},
		{"signed 5 minutes ago", func(_ *world, c *call) { c.at = noon.Add(-5 * time.Minute) }},
		{"signed in 5 minutes", func(_ *world, c *call) { c.at = noon.Add(5 * time.Minute) }},
		{"RSA", func(w *world, c *call) { c.identity = w.issueKey(rsa2048()) }},
		{"P-384", func(w *world, c *call) { c.identity = w.issueKey(ecKey(elliptic.P384())) }},
		{"P-521", func(w *world, c *call) { c.identity = w.issueKey(ecKey(elliptic.P521())) }},
		{"no basicConstraints", leaf(func(c *x509.Certificate) { c.BasicConstraintsValid = false })},
		{"no extended key usage", leaf(func(c *x509.Certificate) { c.ExtKeyUsage = nil })},
		{"an extended key usage for servers", leaf(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })},
		{"a serial number of 20 octets", leaf(func(c *x509.Certificate) { c.SerialNumber = new(big.Int).Lsh(big.NewInt(1), 158) })},
		{"a leaf of the anchor itself", func(w *world, c *call) {
			c.identity = must(w.root.Issue(pki.Leaf{CommonName: "client"}))(w.t)
		}},
		{"the root in the chain", chain(func(w *world) []*x509.Certificate { return []*x509.Certificate{w.ca.Certificate, w.root.Certificate} })},
		{"the chain in another order", chain(func(w *world) []*x509.Certificate { return []*x509.Certificate{w.root.Certificate, w.ca.Certificate} })},
		{"the leaf repeated in the chain", chain(func(w *world) []*x509.Certificate {
			return []*x509.Certificate{w.client.Certificate, w.ca.Certificate}
		})},
		{"five certificates, some of them unrelated", chain(func(w *world) []*x509.Certificate {
			other := must(pki.NewCA("other", noon))(w.t)
			namesake := must(other.Intermediate("intermediate"))(w.t)
			return []*x509.Certificate{other.Certificate, namesake.Certificate, w.client.Certificate, w.ca.Certificate, w.root.Certificate}
		})},
		{"three intermediates", func(w *world, c *call) {
			second := must(w.ca.Intermediate("second"))(w.t)
			third := must(second.Intermediate("third"))(w.t)
			c.identity = must(third.Issue(pki.Leaf{CommonName: "client"}))(w.t)
		}},
		{"another certificate revoked", func(w *world, c *call) { w.revoke(w.ca, w.ca.Certificate) }},
		{"the same serial number revoked by another CA", func(w *world, c *call) { w.revoke(w.root, w.client.Certificate) }},
		{"a revocation list that is disabled", func(w *world, c *call) {
			w.revoke(w.ca, w.client.Certificate)
			w.changeCRL(func(list *account.CRL) { list.Enabled = false })
		}},
		{"a revocation list of another trust anchor", func(w *world, c *call) {
			w.revoke(w.ca, w.client.Certificate)
			w.changeCRL(func(list *account.CRL) { list.TrustAnchorARN += "a" })
		}},
		{"a session name", body(`{"roleSessionName":"a.b_c=d,e@f-g+1"}`)},
		{"a profile without session names, when none is sent", func(w *world, c *call) {
			w.changeProfile(func(p *account.Profile) { p.AcceptRoleSessionName = false })
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c := w.call()
			test.make(w, c)
			w.granted(c)
		})
	}
}

func TestTheAnswerIsAsAWSGivesIt(t *testing.T) {
	w := newWorld(t)
	w.client = w.issue(func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0xabc) })
	answer := w.do(w.call())
	if got := answer.Header().Get("Content-Type"); answer.Code != http.StatusCreated || got != "application/json" {
		t.Errorf("got %d %s, want 201 application/json", answer.Code, got)
	}
	if got := answer.Header().Get("X-Amzn-Requestid"); !uuid.MatchString(got) {
		t.Errorf("got request ID %q, want a UUID", got)
	}
	body := answer.Body.String()
	s := readSession(t, answer.Body)
	if s.SubjectARN == "" || s.CredentialSet[0].Credentials.SessionToken == "" {
		t.Fatalf("got %s", body)
	}
	got := s.CredentialSet[0]
	var roleID string
	w.account.Read(func(state *account.State) { roleID = state.Roles["backup"].ID })
	for _, check := range []struct{ what, got, want string }{
		{"user's ARN", got.AssumedRoleUser.ARN, "arn:aws:sts::123456789012:assumed-role/backup/0abc"},
		{"user's ID", got.AssumedRoleUser.AssumedRoleID, roleID + ":0abc"},
		{"role", got.RoleARN, "arn:aws:iam::123456789012:role/jobs/backup"},
		{"source identity", got.SourceIdentity, "CN=client"},
		{"expiration", got.Credentials.Expiration, "2026-11-22T13:00:00Z"},
	} {
		if check.got != check.want {
			t.Errorf("%s: got %q, want %q", check.what, check.got, check.want)
		}
	}
	for _, check := range []struct{ what, got, form string }{
		{"access key ID", got.Credentials.AccessKeyID, `^ASIAEMU[A-Z2-7]{13}$`},
		{"secret access key", got.Credentials.SecretAccessKey, `^[A-Za-z0-9+/]{40}$`},
		{"role ID", roleID, `^AROA[A-Z2-7]{17}$`},
		{"subject", s.SubjectARN, `^arn:aws:rolesanywhere:eu-west-1:123456789012:subject/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`},
	} {
		if !regexp.MustCompile(check.form).MatchString(check.got) {
			t.Errorf("%s: got %q, want the form %s", check.what, check.got, check.form)
		}
	}
	if got.PackedPolicySize < 1 || got.PackedPolicySize > 100 {
		t.Errorf("got packed policy size %d, want 1 to 100", got.PackedPolicySize)
	}
	// The order of members is the one of AWS's documentation.
	order := regexp.MustCompile(`^\{"credentialSet":\[\{"assumedRoleUser":\{"arn":.*,"assumedRoleId":.*\},"credentials":\{"accessKeyId":.*,"expiration":.*,` +
		`"secretAccessKey":.*,"sessionToken":.*\},"packedPolicySize":[0-9]+,"roleArn":.*,"sourceIdentity":.*\}\],"subjectArn":.*\}$`)
	if !order.MatchString(body) {
		t.Errorf("got %s", body)
	}
}

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestNamesOfSessions(t *testing.T) {
	hex := func(s string) *big.Int { n, _ := new(big.Int).SetString(s, 16); return n }
	long := strings.Repeat("a", 61)
	for _, test := range []struct {
		name            string
		commonName      string
		serial          *big.Int
		body            string
		session, source string
	}{
		{"the serial number in hexadecimal", "host", hex("2a9902119721ab7b"), "", "2a9902119721ab7b", "CN=host"},
		{"padded to an even number of digits", "host", hex("abc"), "", "0abc", "CN=host"},
		{"padded to the two digits that STS demands", "host", hex("1"), "", "01", "CN=host"},
		{"without a leading zero octet", "host", hex("ff00"), "", "ff00", "CN=host"},
		{"20 octets", "host", hex("7fffffffffffffffffffffffffffffffffffffff"), "", "7fffffffffffffffffffffffffffffffffffffff", "CN=host"},
		{"as asked for", "host", hex("abc"), `{"roleSessionName":"nightly"}`, "nightly", "CN=host"},
		{"two letters", "host", hex("abc"), `{"roleSessionName":"ab"}`, "ab", "CN=host"},
		{"64 letters", "host", hex("abc"), `{"roleSessionName":"` + strings.Repeat("n", 64) + `"}`, strings.Repeat("n", 64), "CN=host"},
		{"no common name", "", hex("123"), "", "0123", "ID=0123"},
		{"no common name and an even serial number", "", big.NewInt(17767), "", "4567", "ID=4567"},
		{"a common name of 61 letters", long, hex("abc"), "", "0abc", "CN=" + long},
		{"a common name of 62 letters", long + "b", hex("abc"), "", "0abc", long + "b"},
		{"a common name of 64 letters", long + "bcd", hex("abc"), "", "0abc", long + "bcd"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			c := w.call()
			c.identity = w.issue(func(c *x509.Certificate) {
				c.Subject.CommonName, c.Subject.Organization, c.SerialNumber = test.commonName, []string{"Acme"}, test.serial
			})
			c.body = test.body
			got := w.granted(c).CredentialSet[0]
			if session := got.AssumedRoleUser.ARN[strings.LastIndexByte(got.AssumedRoleUser.ARN, '/')+1:]; session != test.session {
				t.Errorf("got session %q, want %q", session, test.session)
			}
			if got.SourceIdentity != test.source {
				t.Errorf("got source identity %q, want %q", got.SourceIdentity, test.source)
			}
		})
	}
}

func TestTheShortestDurationWins(t *testing.T) {
	for _, test := range []struct {
		name          string
		profile, role int
		body          string
		lifetime      time.Duration // of the emulator's configuration
		wantAfter     time.Duration
	}{
		{"nothing asked: the profile's", 1800, 3600, "", 0, 30 * time.Minute},
		{"less asked than the profile's", 3600, 3600, `{"durationSeconds":900}`, 0, 15 * time.Minute},
		{"more asked than the profile's", 1800, 3600, `{"durationSeconds":3600}`, 0, 30 * time.Minute},
		{"more asked than the role's, less in the profile", 3600, 3600, `{"durationSeconds":43200}`, 0, time.Hour},
		{"12 hours", 43200, 43200, `{"durationSeconds":43200}`, 0, 12 * time.Hour},
		{"the emulator's own", 3600, 3600, "", 20 * time.Second, 20 * time.Second},
		{"a fraction of a second is a second begun", 3600, 3600, "", 1500 * time.Millisecond, 2 * time.Second},
		{"the emulator's own never lengthens", 900, 3600, "", time.Hour, 15 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorldOf(t, Config{SessionLifetime: test.lifetime})
			w.changeProfile(func(p *account.Profile) { p.DurationSeconds = test.profile })
			w.changeRole(func(r *account.Role) { r.MaxSessionDuration = test.role })
			c := w.call()
			c.body = test.body
			if got, want := w.granted(c).CredentialSet[0].Credentials.Expiration, noon.Add(test.wantAfter).Format(time.RFC3339); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestTagsAndPoliciesThatDoNotFitAreRefused(t *testing.T) {
	w := newWorld(t)
	w.changeProfile(func(p *account.Profile) {
		var actions []string
		for i := range 1200 {
			actions = append(actions, "s3:"+strings.Repeat(string(rune('A'+i%26)), 1+i%7)+big.NewInt(int64(i*i*7919)).Text(36))
		}
		p.SessionPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":["` + strings.Join(actions, `","`) + `"]}]}`
	})
	answer := w.do(w.call())
	reason := regexp.MustCompile(`^session tags and policies take [1-9][0-9]{2,} % of what a session holds$`)
	if got := answer.Header().Get(HeaderReason); answer.Code != 403 || !reason.MatchString(got) {
		t.Errorf("got %d %q, want 403 and a reason like %s", answer.Code, got, reason)
	}
}

func TestSubjectsAreRemembered(t *testing.T) {
	w := newWorld(t)
	first := w.granted(w.call()).SubjectARN
	again := w.call()
	again.identity = w.issue(nil)
	again.body = `{"instanceProperties":{"host":"a"}}`
	if got := w.granted(again).SubjectARN; got != first {
		t.Errorf("another certificate of the subject: got %s, want %s", got, first)
	}
	bad := w.call()
	bad.identity = again.identity
	bad.query.Set("roleArn", "arn:aws:iam::123456789012:role/other")
	w.do(bad)
	forged := w.call() // certificates are public: whoever has no key changes nothing
	forged.identity = again.identity
	forged.body = `{"instanceProperties":{"host":"forged"}}`
	forged.signed = func(r *http.Request) { r.Host = "elsewhere" }
	w.do(forged)
	stranger := w.call()
	stranger.identity = withChain(must(must(pki.NewCA("other", noon))(t).Issue(pki.Leaf{CommonName: "stranger"}))(t))
	w.do(stranger)

	w.account.Read(func(s *account.State) {
		if len(s.Subjects) != 1 {
			t.Fatalf("got %d subjects, want 1: strangers leave no trace", len(s.Subjects))
		}
		got := s.Subjects[first[strings.LastIndexByte(first, '/')+1:]]
		if got == nil || got.ARN != first || got.X509Subject != "CN=client" || !got.Enabled || !got.LastSeenAt.Equal(noon) {
			t.Fatalf("got %+v", got)
		}
		if len(got.Credentials) != 2 || got.Credentials[0].Failed || !got.Credentials[1].Failed {
			t.Errorf("got %+v, want the first certificate good and the second failed", got.Credentials)
		}
		if c := got.Credentials[0]; c.SerialNumber != w.client.Certificate.SerialNumber.String() || c.Issuer != "CN=intermediate" ||
			c.Certificate != string(pki.CertificatesPEM(w.client.Certificate)) {
			t.Errorf("got %+v", c)
		}
		if p := got.InstanceProperties; len(p) != 1 || p[0].Properties["host"] != "a" || p[0].Failed {
			t.Errorf("got %+v, want the properties once", p)
		}
	})
}

func TestSubjectsThatDifferAreNotOne(t *testing.T) {
	w := newWorld(t)
	seen := map[string]string{}
	for name, change := range map[string]func(*x509.Certificate){
		"CN":            nil,
		"CN, O":         func(c *x509.Certificate) { c.Subject.Organization = []string{"Acme"} },
		"CN, O twice":   func(c *x509.Certificate) { c.Subject.Organization = []string{"Acme", "West"} },
		"CN twice":      func(c *x509.Certificate) { c.Subject.ExtraNames = attributes("2.5.4.3", "other", "2.5.4.3", "client") },
		"CN of another": func(c *x509.Certificate) { c.Subject.CommonName = "other" },
		"e-mail": func(c *x509.Certificate) {
			c.Subject.ExtraNames = attributes("2.5.4.3", "client", "1.2.840.113549.1.9.1", "a@b.example")
		},
	} {
		c := w.call()
		c.identity = w.issue(change)
		arn := w.granted(c).SubjectARN
		if before, ok := seen[arn]; ok {
			t.Errorf("%s and %s are one subject", name, before)
		}
		seen[arn] = name
	}
}

func TestASubjectRemembersALimitedNumberOfCertificates(t *testing.T) {
	w := newWorld(t)
	keep := w.call()
	for i := range 60 {
		c := w.call()
		c.identity = w.issue(func(c *x509.Certificate) { c.SerialNumber = big.NewInt(int64(1000 + i)) })
		w.granted(c)
		w.granted(keep)
	}
	w.account.Read(func(s *account.State) {
		for _, subject := range s.Subjects {
			got := subject.Credentials
			if len(got) != 50 || got[49].SerialNumber != w.client.Certificate.SerialNumber.String() || got[48].SerialNumber != "1059" {
				t.Errorf("got %d certificates, the last two %s and %s; want 50, the newest last", len(got), got[48].SerialNumber, got[49].SerialNumber)
			}
		}
	})
}

func TestManyClientsAtOnce(t *testing.T) {
	w := newWorldOf(t, Config{Log: quiet()})
	requests := make(chan *http.Request, 64*4)
	for i := range 64 {
		c := w.call()
		if i%2 == 0 {
			c.identity = w.issue(func(c *x509.Certificate) { c.Subject.CommonName = "client" + string(rune('a'+i%8)) })
		}
		for range 4 {
			requests <- w.request(c)
		}
	}
	close(requests)
	var wg sync.WaitGroup
	var mu sync.Mutex // guards tokens
	tokens := map[string]bool{}
	for range 64 {
		wg.Go(func() {
			for r := range requests {
				answer := w.serve(r)
				if answer.Code != http.StatusCreated {
					t.Errorf("got %d %s", answer.Code, answer.Body)
					continue
				}
				raw, _ := io.ReadAll(answer.Body)
				mu.Lock()
				tokens[string(raw)] = true
				mu.Unlock()
			}
		})
	}
	wg.Go(func() {
		for range 50 {
			w.changeProfile(func(p *account.Profile) { p.DurationSeconds = 900 })
			w.changeRole(func(*account.Role) {})
		}
	})
	wg.Wait()
	if len(tokens) != 256 {
		t.Errorf("got %d different answers, want 256", len(tokens))
	}
}
