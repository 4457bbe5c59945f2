package emulator

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awsra "github.com/aws/aws-sdk-go-v2/service/rolesanywhere"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/createsession"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

// start serves the world on loopback and answers its URL.
func (w *world) start() string {
	w.t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config = w.NewServer(nil)
	server.Start()
	w.t.Cleanup(server.Close)
	return server.URL
}

// stsClient is AWS's client with the given credentials and without patience.
func (w *world) stsClient(url string, c aws.CredentialsProvider) *awssts.Client {
	return awssts.New(awssts.Options{Region: w.Region(), BaseEndpoint: &url, Credentials: c, RetryMaxAttempts: 1})
}

// administrator makes a user who may do everything.
func (w *world) administrator() aws.CredentialsProvider {
	w.t.Helper()
	created := must(w.Apply(Seed{Users: []SeedUser{{Name: "admin", Managed: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}}}}))(w.t)
	user := created.Users["admin"]
	return credentials.NewStaticCredentialsProvider(user.AccessKeyID, user.SecretAccessKey, "")
}

func (s session) provider() aws.CredentialsProvider {
	c := s.CredentialSet[0].Credentials
	return credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, c.SessionToken)
}

func TestEveryServiceAnswersAtOneURL(t *testing.T) {
	w := newWorldOf(t, Config{Now: time.Now})
	admin := w.administrator()
	url := w.start()
	s := w.granted(w.call())

	who, err := w.stsClient(url, s.provider()).GetCallerIdentity(t.Context(), nil)
	if err != nil || aws.ToString(who.Arn) != s.CredentialSet[0].AssumedRoleUser.ARN || aws.ToString(who.UserId) != s.CredentialSet[0].AssumedRoleUser.AssumedRoleID {
		t.Errorf("STS: got %+v, %v", who, err)
	}
	role, err := awsiam.New(awsiam.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: admin}).
		GetRole(t.Context(), &awsiam.GetRoleInput{RoleName: aws.String("backup")})
	if err != nil || aws.ToString(role.Role.Arn) != w.roleARN {
		t.Errorf("IAM: got %+v, %v", role, err)
	}
	subjects, err := awsra.New(awsra.Options{Region: w.Region(), BaseEndpoint: &url, Credentials: admin}).ListSubjects(t.Context(), nil)
	if err != nil || len(subjects.Subjects) != 1 || aws.ToString(subjects.Subjects[0].SubjectArn) != s.SubjectARN {
		t.Errorf("Roles Anywhere: got %+v, %v", subjects, err)
	}
}

func TestRoutes(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name, method, target, body string
		status                     int
		contentType, code          string
	}{
		{"the root", "GET", "/", "", 403, "application/json", "MissingAuthenticationTokenException"},
		{"an unknown path", "GET", "/unknown", "", 403, "application/json", "MissingAuthenticationTokenException"},
		{"sessions by GET are the management's", "GET", "/sessions", "", 403, "application/json", "MissingAuthenticationTokenException"},
		{"CreateSession", "POST", "/sessions", "", 400, "application/json", "ValidationException"},
		{"CreateSession below a prefix", "POST", "/a/b/sessions", "", 400, "application/json", "ValidationException"},
		{"the management", "GET", "/trustanchors", "", 403, "application/json", "MissingAuthenticationTokenException"},
		{"STS", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", 403, "text/xml", "MissingAuthenticationToken"},
		{"STS by GET", "GET", "/?Action=GetCallerIdentity&Version=2011-06-15", "", 403, "text/xml", "MissingAuthenticationToken"},
		{"IAM", "POST", "/", "Action=ListUsers&Version=2010-05-08", 403, "text/xml", "MissingAuthenticationToken"},
		{"a query that is none", "GET", "/?Action=AssumeRole&Policy=a;b&Version=2011-06-15", "", 404, "text/xml", "MalformedQueryString"},
		{"a form that is none", "POST", "/", "Action=%zz", 404, "text/xml", "MalformedQueryString"},
		{"a body of 1 MiB", "POST", "/sessions", strings.Repeat(" ", 1<<20), 400, "application/json", "ValidationException"},
		{"a larger body", "POST", "/sessions", strings.Repeat(" ", 1<<20+1), 413, "application/json", "RequestEntityTooLargeException"},
		{"a larger body for STS", "POST", "/", strings.Repeat(" ", 1<<20+1), 413, "application/json", "RequestEntityTooLargeException"},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := w.serve(httptest.NewRequestWithContext(t.Context(), test.method, test.target, strings.NewReader(test.body)))
			if answer.Code != test.status || answer.Header().Get("Content-Type") != test.contentType {
				t.Errorf("got %d %s, want %d %s", answer.Code, answer.Header().Get("Content-Type"), test.status, test.contentType)
			}
			code := answer.Header().Get("X-Amzn-Errortype")
			if test.contentType == "text/xml" && strings.Contains(answer.Body.String(), "<Code>"+test.code+"</Code>") {
				code = test.code
			}
			if code != test.code {
				t.Errorf("got code %q in %s, want %s", code, answer.Body, test.code)
			}
			if id := answer.Header().Get("X-Amzn-Requestid"); !uuid.MatchString(id) {
				t.Errorf("got request ID %q, want a UUID", id)
			} else if test.contentType == "text/xml" && !strings.Contains(answer.Body.String(), "<RequestId>"+id+"</RequestId>") {
				t.Errorf("got %s, want the request ID %s", answer.Body, id)
			}
		})
	}
}

func TestTheHostIsWhatTheClientSays(t *testing.T) {
	w := newWorld(t)
	for _, host := range []string{"127.0.0.1:9920", "rolesanywhere.eu-west-1.amazonaws.com", "[::1]:1"} {
		c := w.call()
		r := w.request(c)
		r.Host = host
		signer := must(sigv4x509.NewSigner(c.identity.Certificate, c.identity.Chain, c.identity.Key))(t)
		if err := signer.Sign(r, []byte(c.body), c.region, c.at); err != nil {
			t.Fatal(err)
		}
		if got := w.serve(r).Code; got != http.StatusCreated {
			t.Errorf("%s: got %d, want 201", host, got)
		}
	}
}

// overTheWire sends the call over loopback, with its body in chunks when that is asked for.
func (w *world) overTheWire(url string, c *call, chunked bool) (*http.Response, []byte) {
	w.t.Helper()
	r := must(http.NewRequestWithContext(w.t.Context(), http.MethodPost, url+c.path+"?"+c.query.Encode(), strings.NewReader(c.body)))(w.t)
	r.Header = c.header.Clone()
	if chunked {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(c.body)), -1
	}
	signer := must(sigv4x509.NewSigner(c.identity.Certificate, c.identity.Chain, c.identity.Key))(w.t)
	if err := signer.Sign(r, []byte(c.body), c.region, c.at); err != nil {
		w.t.Fatal(err)
	}
	response := must(http.DefaultClient.Do(r))(w.t)
	defer response.Body.Close()
	return response, must(io.ReadAll(response.Body))(w.t)
}

func TestWhatTheServerTakes(t *testing.T) {
	w := newWorld(t)
	url := w.start()
	for _, test := range []struct {
		name    string
		headers int // bytes
		chunked bool
		status  int
	}{
		{"a request", 0, false, 201},
		{"a body in chunks", 0, true, 201},
		{"headers of 120 KiB", 120 << 10, false, 201},
		{"headers of 160 KiB", 160 << 10, false, 431},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := w.call()
			for sent := 0; sent < test.headers; sent += 1 << 10 {
				c.header.Add("X-Filling", strings.Repeat("a", 1000))
			}
			if response, body := w.overTheWire(url, c, test.chunked); response.StatusCode != test.status {
				t.Errorf("got %d %s, want %d", response.StatusCode, body, test.status)
			}
		})
	}
}

func TestAPanicBreaksOneConnectionAndLeavesTheRestAlone(t *testing.T) {
	var log bytes.Buffer
	w := newWorldOf(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	w.sessions.Assume = func(context.Context, createsession.Assumption) (account.Credentials, error) {
		panic("a mistake of ours")
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = w.NewServer(nil)
	server.Start()
	c := w.call()
	r := must(http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/sessions?"+c.query.Encode(), strings.NewReader(c.body)))(t)
	signer := must(sigv4x509.NewSigner(c.identity.Certificate, c.identity.Chain, c.identity.Key))(t)
	if err := signer.Sign(r, []byte(c.body), c.region, c.at); err != nil {
		t.Fatal(err)
	}
	if response, err := http.DefaultClient.Do(r); err == nil {
		t.Errorf("got %s, want a broken connection", response.Status)
		response.Body.Close()
	}
	w.write(func(*account.State) {}) // no lock is held
	server.Close()
	if !strings.Contains(log.String(), "a mistake of ours") {
		t.Errorf("got log %s, want the panic", log.String())
	}
}

func TestAnErrorOfOursIs500(t *testing.T) {
	w := newWorld(t)
	w.sessions.Assume = func(context.Context, createsession.Assumption) (account.Credentials, error) {
		return account.Credentials{}, errors.New("a mistake of ours")
	}
	answer := w.do(w.call())
	if answer.Code != 500 || answer.Header().Get("X-Amzn-Errortype") != "InternalFailure" || answer.Body.String() != `{"message":"The emulator failed."}` {
		t.Errorf("got %d %s", answer.Code, answer.Body)
	}
	if !strings.Contains(w.log.String(), `level=ERROR msg="internal error"`) {
		t.Errorf("got log %s", w.log)
	}
}

func TestListenIsForLoopbackAlone(t *testing.T) {
	for address, want := range map[string]string{"127.0.0.1:0": "127.0.0.1", "localhost:0": "127.0.0.1", "127.0.0.2:0": "127.0.0.2"} {
		l, err := Listen(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if got := l.Addr().(*net.TCPAddr).IP.String(); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
		l.Close()
	}
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0", "localhost.example.com:0", "LOCALHOST:0", "[::ffff:192.0.2.1]:0"} {
		if l, err := Listen(address); !errors.Is(err, ErrNotLoopback) {
			t.Errorf("%s: got %v, %v, want ErrNotLoopback", address, l, err)
		}
	}
	for _, address := range []string{"", "127.0.0.1", "127.0.0.1:http:1", "127.0.0.1:99999"} {
		if l, err := Listen(address); err == nil || !strings.HasPrefix(err.Error(), "listen: ") {
			t.Errorf("%s: got %v, %v, want listen: …", address, l, err)
		}
	}
}

// spies are what an attacker would put into a log or a header.
const spies = "\r\nX-Evil: 1\r\n\x00\x1b[31mÜ"

func TestExplanationsAreOneLine(t *testing.T) {
	w := newWorld(t)
	w.changeProfile(func(p *account.Profile) { p.AttributeMappings = nil }) // so that the reason quotes the subject
	url := w.start()
	for name, change := range map[string]func(*x509.Certificate){
		"line breaks": func(c *x509.Certificate) { c.Subject.CommonName = spies },
		"endless":     func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("ü", 30_000) },
	} {
		t.Run(name, func(t *testing.T) {
			c := w.call()
			c.identity = w.issue(change)
			response, _ := w.overTheWire(url, c, false)
			reason := response.Header.Get(HeaderReason)
			if response.StatusCode != 403 || reason == "" || response.Header.Get("X-Evil") != "" {
				t.Fatalf("got %d %v", response.StatusCode, response.Header)
			}
			if !strings.HasPrefix(reason, "the source identity that the subject CN=") {
				t.Errorf("got reason %q, which quotes no subject", reason)
			}
			for _, name := range []string{HeaderReason, HeaderRemedy} {
				value := response.Header.Get(name)
				if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) || len(value) > maxExplanation+3 {
					t.Errorf("%s: got %q", name, value)
				}
			}
		})
	}
	for line := range strings.Lines(w.log.String()) {
		if !strings.HasPrefix(line, "time=") || strings.ContainsAny(line, "\x1b\x00\r") {
			t.Errorf("got the line %q, want no text of the certificate as it is", line)
		}
	}
}

func TestNothingIsExplainedUnasked(t *testing.T) {
	w := newWorld(t)
	w.config.Explain = false
	c := w.call()
	c.region = "eu-west-2"
	answer := w.do(c)
	if answer.Code != 403 || answer.Header().Get(HeaderReason) != "" || answer.Header().Get(HeaderRemedy) != "" {
		t.Errorf("got %d %v", answer.Code, answer.Header())
	}
	if strings.Contains(w.log.String(), "eu-west-2") {
		t.Errorf("got log %s", w.log)
	}
}

func TestNoLineOfTheLogHasASecret(t *testing.T) {
	w := newWorldOf(t, Config{Now: time.Now})
	w.config.Explain = true
	admin := w.administrator()
	url := w.start()
	long := must(admin.Retrieve(t.Context()))(t)
	secrets := []string{long.SecretAccessKey}
	for range 3 {
		c := w.call()
		r := w.request(c)
		_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
		answer := w.serve(r)
		got := readSession(t, answer.Body)
		secrets = append(secrets, signature, got.CredentialSet[0].Credentials.SecretAccessKey, got.CredentialSet[0].Credentials.SessionToken)
		client := w.stsClient(url, got.provider())
		if _, err := client.GetCallerIdentity(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := client.AssumeRole(t.Context(), &awssts.AssumeRoleInput{RoleArn: &w.roleARN, RoleSessionName: aws.String("ab")}); err == nil {
			t.Fatal("a role that trusts Roles Anywhere alone was assumed by a session")
		}
		bad := credentials.NewStaticCredentialsProvider(got.CredentialSet[0].Credentials.AccessKeyID, long.SecretAccessKey, got.CredentialSet[0].Credentials.SessionToken+"A")
		if _, err := w.stsClient(url, bad).GetCallerIdentity(t.Context(), nil); err == nil {
			t.Fatal("a changed token was accepted")
		}
	}
	session, err := w.stsClient(url, admin).GetSessionToken(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := awsiam.New(awsiam.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: admin}).CreateAccessKey(t.Context(), &awsiam.CreateAccessKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, *session.Credentials.SecretAccessKey, *session.Credentials.SessionToken, *key.AccessKey.SecretAccessKey)
	w.account.Read(func(s *account.State) { secrets = append(secrets, string(s.SealKey)) })
	log := w.log.String()
	if strings.Count(log, "\n") < 12 {
		t.Fatalf("got %d lines, want one for each request", strings.Count(log, "\n"))
	}
	for _, secret := range secrets {
		for n := 16; n <= len(secret); n += 16 {
			if strings.Contains(log, secret[n-16:n]) {
				t.Fatalf("the log has a secret: %s", log)
			}
		}
	}
}

func TestALineOfTheLogSaysWhoAskedForWhat(t *testing.T) {
	w := newWorld(t)
	c := w.call()
	c.region = "eu-west-2"
	id := w.do(c).Header().Get("X-Amzn-Requestid")
	for _, want := range []string{
		"level=WARN", "status=403", "operation=CreateSession", "request=" + id, "code=AccessDeniedException", `message="Invalid signature"`,
		`reason="the request is signed for region eu-west-2, and this is eu-west-1"`, "do=",
	} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("got %s, want %s", w.log, want)
		}
	}
}

func TestNewRefusesWhatItCannotBe(t *testing.T) {
	for _, test := range []struct {
		name string
		c    Config
		want string
	}{
		{"an account of 11 digits", Config{AccountID: "12345678901"}, `new emulator: account "12345678901" is not 12 digits`},
		{"an account of letters", Config{AccountID: "a23456789012"}, `new emulator: account "a23456789012" is not 12 digits`},
		{"a negative skew", Config{Skew: -1}, "new emulator: neither Skew nor SessionLifetime may be negative"},
		{"a negative lifetime", Config{SessionLifetime: -1}, "new emulator: neither Skew nor SessionLifetime may be negative"},
	} {
		if _, err := New(test.c); err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
	if _, err := New(Config{Region: "atlantis"}); err == nil || !strings.HasPrefix(err.Error(), "new emulator: region: ") {
		t.Errorf("an unknown region: got %v", err)
	}
}

func TestTheDefaultsAreThoseOfAWSsExamples(t *testing.T) {
	e := must(New(Config{}))(t)
	if e.AccountID() != "123456789012" || e.Region() != "eu-west-1" || e.config.Skew != 5*time.Minute {
		t.Errorf("got %s, %s, %s", e.AccountID(), e.Region(), e.config.Skew)
	}
	china := must(New(Config{Region: "cn-north-1"}))(t)
	if got := china.owner().ARN; got != "arn:aws-cn:iam::123456789012:root" {
		t.Errorf("got %s, want the partition of the region", got)
	}
}

// TestWhatIsReadNeverChanges keeps an entry of each kind, has every one changed, and looks again.
func TestWhatIsReadNeverChanges(t *testing.T) {
	w := newWorld(t)
	w.administrator()
	w.granted(w.call())
	w.revoke(w.root, w.root.Certificate)
	entries := map[string]any{}
	w.account.Read(func(s *account.State) {
		entries["user"] = s.Users["admin"]
		entries["role"] = s.Roles["backup"]
		for _, k := range s.AccessKeys {
			entries["access key"] = k
		}
		for _, a := range s.TrustAnchors {
			entries["trust anchor"] = a
		}
		for _, p := range s.Profiles {
			entries["profile"] = p
		}
		for _, c := range s.CRLs {
			entries["CRL"] = c
		}
		for _, subject := range s.Subjects {
			entries["subject"] = subject
		}
	})
	before := map[string]string{}
	for kind, entry := range entries {
		before[kind] = string(must(json.Marshal(entry))(t))
	}
	crl, key := entries["CRL"].(*account.CRL), entries["access key"].(*account.AccessKey)
	profile, anchor := w.profileARN[strings.LastIndexByte(w.profileARN, '/')+1:], w.anchorARN[strings.LastIndexByte(w.anchorARN, '/')+1:]
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	for _, call := range []struct{ method, path, body string }{
		{"PATCH", "/profile/" + profile, `{"name":"other","durationSeconds":900}`},
		{"POST", "/profile/" + profile + "/disable", ``},
		{"PUT", "/profiles/" + profile + "/mappings", `{"certificateField":"x509Subject","mappingRules":[{"specifier":"CN"}]}`},
		{"DELETE", "/profiles/" + profile + "/mappings?certificateField=x509Issuer", ``},
		{"PATCH", "/trustanchor/" + anchor, `{"name":"other"}`},
		{"POST", "/trustanchor/" + anchor + "/disable", ``},
		{"PATCH", "/put-notifications-settings", `{"trustAnchorId":"` + anchor + `","notificationSettings":[{"event":"CA_CERTIFICATE_EXPIRY","enabled":false}]}`},
		{"PATCH", "/crl/" + crl.ID, `{"name":"other"}`},
		{"POST", "/crl/" + crl.ID + "/disable", ``},
		{"POST", "/TagResource", `{"resourceArn":"` + w.profileARN + `","tags":[{"key":"a","value":"b"}]}`},
		{"POST", "/TagResource", `{"resourceArn":"` + w.anchorARN + `","tags":[{"key":"a","value":"b"}]}`},
		{"POST", "/TagResource", `{"resourceArn":"` + crl.ARN + `","tags":[{"key":"a","value":"b"}]}`},
	} {
		var in any
		if call.body != "" {
			in = json.RawMessage(call.body)
		}
		if err := w.manage(call.method, call.path, in, nil); err != nil {
			t.Errorf("%s %s: %v", call.method, call.path, err)
		}
	}
	for _, call := range [][]string{
		{"PutUserPolicy", "UserName", "admin", "PolicyName", "p", "PolicyDocument", document},
		{"TagUser", "UserName", "admin", "Tags.member.1.Key", "a", "Tags.member.1.Value", "b"},
		{"DetachUserPolicy", "UserName", "admin", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess"},
		{"UpdateAccessKey", "UserName", "admin", "AccessKeyId", key.ID, "Status", "Inactive"},
		{"PutRolePolicy", "RoleName", "backup", "PolicyName", "p", "PolicyDocument", document},
		{"TagRole", "RoleName", "backup", "Tags.member.1.Key", "a", "Tags.member.1.Value", "b"},
		{"AttachRolePolicy", "RoleName", "backup", "PolicyArn", "arn:aws:iam::aws:policy/AdministratorAccess"},
		{"UpdateRole", "RoleName", "backup", "MaxSessionDuration", "7200"},
		{"UpdateAssumeRolePolicy", "RoleName", "backup", "PolicyDocument", TrustPolicy("")},
	} {
		if _, err := w.iam(call[0], call[1:]...); err != nil {
			t.Errorf("%s: %v", call[0], err)
		}
	}
	again := w.call()
	again.identity = w.issue(nil)
	w.do(again)
	for kind, entry := range entries {
		if after := string(must(json.Marshal(entry))(t)); after != before[kind] {
			t.Errorf("%s: got %s, want %s as read", kind, after, before[kind])
		}
	}
}
