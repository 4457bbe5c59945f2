package endurance

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/agent"
)

// forgery is a request that a server which is tricked into sending one may send (SSRF), byte by byte. {path}, {host} and {port} are
// those that the door has, {auth} is the line with a token that is good there, so that the form alone is what is refused.
type forgery struct {
	name    string
	request string
	// The status codes of all answers. What is not expected at a door is not sent there.
	imds, container []int
}

// forgeries are T5: the expected answers are written by hand. RFC 9112 decides what is no HTTP (400), the guard what is no program of
// this host (403), and the door what is not there.
var forgeries = []forgery{
	// As it should be: the detector finds what is given.
	{"a program's own request", "GET {path} HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{200}, []int{200}},

	// Another Host.
	{"Host is another site", "GET {path} HTTP/1.1\r\nHost: evil.test\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host is another site at the port", "GET {path} HTTP/1.1\r\nHost: evil.test:{port}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host is EC2's address", "GET {path} HTTP/1.1\r\nHost: 169.254.169.254\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host has no port", "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host has another port", "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:1\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host has the port with a zero before", "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:0{port}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host ends with a dot", "GET {path} HTTP/1.1\r\nHost: localhost.:{port}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host is an address with a dot", "GET {path} HTTP/1.1\r\nHost: 127.0.0.1.:{port}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host is an address in short", "GET {path} HTTP/1.1\r\nHost: 127.1:{port}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host is a decimal address", "GET {path} HTTP/1.1\r\nHost: 2130706433:{port}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host is a hexadecimal address", "GET {path} HTTP/1.1\r\nHost: 0x7f000001:{port}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host is an octal address", "GET {path} HTTP/1.1\r\nHost: 0177.0.0.1:{port}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host is the address of no host", "GET {path} HTTP/1.1\r\nHost: 0.0.0.0:{port}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host is another address of loopback", "GET {path} HTTP/1.1\r\nHost: 127.0.0.2:{port}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host is IPv6's loopback", "GET {path} HTTP/1.1\r\nHost: [::1]:{port}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host is the address within IPv6", "GET {path} HTTP/1.1\r\nHost: [::ffff:127.0.0.1]:{port}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host is a name that leads to loopback", "GET {path} HTTP/1.1\r\nHost: 127.0.0.1.nip.test:{port}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host has a user", "GET {path} HTTP/1.1\r\nHost: evil.test@{host}\r\n{auth}\r\n", []int{400}, []int{400}},
	{"Host is a user of another site", "GET {path} HTTP/1.1\r\nHost: {host}@evil.test\r\n{auth}\r\n", []int{400}, []int{400}},
	{"Host is a list", "GET {path} HTTP/1.1\r\nHost: {host}, evil.test\r\n{auth}\r\n", []int{400}, []int{400}},
	{"Host is folded", "GET {path} HTTP/1.1\r\nHost: {host}\r\n evil.test\r\n{auth}\r\n", []int{400}, []int{400}},
	{"Host is empty", "GET {path} HTTP/1.1\r\nHost:\r\n{auth}\r\n", []int{403}, []int{403}},
	{"no Host", "GET {path} HTTP/1.1\r\n{auth}\r\n", []int{400}, []int{400}},
	{"no Host in HTTP/1.0", "GET {path} HTTP/1.0\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Host twice", "GET {path} HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\n{auth}\r\n", []int{400}, []int{400}},
	{"Host and another", "GET {path} HTTP/1.1\r\nHost: evil.test\r\nHost: {host}\r\n{auth}\r\n", []int{400}, []int{400}},
	{"Host within a name that is encoded", "GET {path} HTTP/1.1\r\nHost: 127%2e0.0.1:{port}\r\n{auth}\r\n", []int{403}, []int{403}},

	// The forms of a target (RFC 9112, 3.2).
	{"absolute, its own host", "GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{400}, []int{400}},
	{"absolute, its own host, and Host is another", "GET http://{host}{path} HTTP/1.1\r\nHost: evil.test\r\n{auth}\r\n", []int{400}, []int{400}},
	{"absolute, another host, and Host is right", "GET http://169.254.169.254{path} HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"absolute, with a user", "GET http://a:b@{host}{path} HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{400}, []int{400}},
	{"absolute, another scheme", "GET gopher://{host}{path} HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{400}, []int{400}},
	{"a target with two slashes", "GET //{host}{path} HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{404}, nil},
	{"a target without a slash", "GET latest/meta-data HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{400}, []int{400}},
	{"a target of backslashes", "GET \\latest\\meta-data HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{400}, []int{400}},
	{"CONNECT to the door", "CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{405}, []int{405}},
	{"CONNECT elsewhere", "CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"OPTIONS of all", "OPTIONS * HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{405}, []int{405}},

	// Paths, with a token that is good: nothing is cleaned, and nothing is there but what is there.
	{"dots", "GET /latest/meta-data/iam/../iam/security-credentials/c0 HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{404}, nil},
	{"dots that are encoded", "GET /latest/meta-data/iam/%2e%2e/iam/security-credentials/c0 HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{404}, nil},
	{"dots that are encoded twice", "GET /latest/%252e%252e/latest/meta-data/iam/security-credentials/c0 HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{404}, nil},
	{"parameters", "GET {path};a=b HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{404}, nil},
	{"dots with parameters", "GET /x/..;{path} HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{404}, nil},
	{"NUL", "GET {path}%00 HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{404}, nil},
	{"another path, and the right one in X-Original-URL", "GET /x HTTP/1.1\r\nHost: {host}\r\nX-Original-Url: {path}\r\n{auth}\r\n", []int{404}, nil},
	{"capitals", "GET /LATEST/META-DATA/IAM/SECURITY-CREDENTIALS/C0 HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{404}, nil},
	{"a line feed that is encoded makes no Host", "GET /x%0d%0aHost:%20{host} HTTP/1.1\r\n{auth}\r\n", []int{400}, []int{400}},

	// Without a token, which a tricked server does not have.
	{"version 1", "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n", []int{401}, []int{403}},
	{"version 1, encoded", "GET /latest/meta-data/iam/security-credentials/%63%30 HTTP/1.1\r\nHost: {host}\r\n\r\n", []int{401}, []int{403}},
	{"a token in the query", "GET {path}?X-aws-ec2-metadata-token={token}&Authorization={token} HTTP/1.1\r\nHost: {host}\r\n\r\n", []int{401}, []int{403}},
	{"a token in a cookie", "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: Authorization={token}; X-aws-ec2-metadata-token={token}\r\n\r\n", []int{401}, []int{403}},
	{"a token of the other door", "GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Aws-Ec2-Metadata-Token: {other}\r\nAuthorization: {other}\r\n\r\n", []int{401}, []int{403}},
	{"a token as a bearer's", "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n", []int{401}, []int{403}},
	{"a token after another", "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: x\r\nX-Aws-Ec2-Metadata-Token: x\r\n{auth}\r\n", []int{401}, []int{403}},
	{"a token with an underscore in its name", "GET {path} HTTP/1.1\r\nHost: {host}\r\nX_Aws_Ec2_Metadata_Token: {token}\r\n\r\n", []int{401}, []int{403}},

	// Asking for a token by other means than PUT with a time.
	{"a token by GET", "GET /latest/api/token HTTP/1.1\r\nHost: {host}\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 60\r\n\r\n", []int{405}, []int{403}},
	{"a token by GET that says PUT", "GET /latest/api/token HTTP/1.1\r\nHost: {host}\r\nX-HTTP-Method-Override: PUT\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 60\r\n\r\n", []int{405}, []int{403}},
	{"a token by POST that says PUT", "POST /latest/api/token HTTP/1.1\r\nHost: {host}\r\nX-HTTP-Method-Override: PUT\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 60\r\nContent-Length: 0\r\n\r\n", []int{405}, []int{405}},
	{"a token by a query that says PUT", "GET /latest/api/token?_method=PUT HTTP/1.1\r\nHost: {host}\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 60\r\n\r\n", []int{405}, []int{403}},
	{"a token without a time", "PUT /latest/api/token HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n", []int{400}, []int{405}},
	{"a token for no time", "PUT /latest/api/token HTTP/1.1\r\nHost: {host}\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 0\r\nContent-Length: 0\r\n\r\n", []int{400}, []int{405}},
	{"a token through a proxy", "PUT /latest/api/token HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 10.0.0.1\r\nX-Aws-Ec2-Metadata-Token-Ttl-Seconds: 60\r\nContent-Length: 0\r\n\r\n", []int{403}, []int{405}},

	// Methods.
	{"POST", "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n{auth}\r\n", []int{405}, []int{405}},
	{"POST that says GET", "POST {path} HTTP/1.1\r\nHost: {host}\r\nX-HTTP-Method-Override: GET\r\nContent-Length: 0\r\n{auth}\r\n", []int{405}, []int{405}},
	{"HEAD", "HEAD {path} HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{405}, []int{405}},
	{"TRACE", "TRACE {path} HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{405}, []int{405}},
	{"get", "get {path} HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{405}, []int{405}},
	{"PUT of credentials", "PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n{auth}\r\n", []int{405}, []int{405}},

	// What proxies and browsers say.
	{"X-Forwarded-For", "GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 127.0.0.1\r\n{auth}\r\n", []int{403}, []int{403}},
	{"X-Forwarded-For that is empty", "GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For:\r\n{auth}\r\n", []int{403}, []int{403}},
	{"X-Forwarded-For that is folded", "GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For:\r\n 127.0.0.1\r\n{auth}\r\n", []int{403}, []int{403}},
	{"x_forwarded_for", "GET {path} HTTP/1.1\r\nHost: {host}\r\nx_forwarded_for: 127.0.0.1\r\n{auth}\r\n", []int{403}, []int{403}},
	{"X-Forwarded-Host", "GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: {host}\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Forwarded", "GET {path} HTTP/1.1\r\nHost: {host}\r\nForwarded: for=127.0.0.1\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Via", "GET {path} HTTP/1.1\r\nHost: {host}\r\nVia: 1.1 proxy\r\n{auth}\r\n", []int{403}, []int{403}},
	{"X-Real-IP", "GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Real-IP: 127.0.0.1\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Origin", "GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: null\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Referer", "GET {path} HTTP/1.1\r\nHost: {host}\r\nReferer: http://{host}/\r\n{auth}\r\n", []int{403}, []int{403}},
	{"Sec-Fetch-Mode", "GET {path} HTTP/1.1\r\nHost: {host}\r\nSec-Fetch-Mode: cors\r\n{auth}\r\n", []int{403}, []int{403}},
	{"a web socket", "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: http://evil.test\r\n{auth}\r\n", []int{403}, []int{403}},

	// No HTTP, or two requests in one. What follows has no token.
	{"a name with a space", "GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For : 127.0.0.1\r\n{auth}\r\n", []int{400}, []int{400}},
	{"a header before the first", "GET {path} HTTP/1.1\r\n X: y\r\nHost: {host}\r\n{auth}\r\n", []int{400}, []int{400}},
	{"a line before the request", "\r\nGET {path} HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{400}, []int{400}},
	{"another protocol before it", "EHLO evil.test\r\nGET {path} HTTP/1.1\r\nHost: {host}\r\n{auth}\r\n", []int{400}, []int{400}},
	{"HTTP/0.9", "GET {path}\r\n\r\n", []int{400}, []int{400}},
	{"HTTP/3.0", "GET {path} HTTP/3.0\r\nHost: {host}\r\n{auth}\r\n", []int{505}, []int{505}},
	{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{403}, []int{403}},
	{"lines that end with a line feed alone, and another Host", "GET {path} HTTP/1.1\nHost: evil.test\n\n", []int{403}, []int{403}},
	{"two lengths", "GET {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nContent-Length: 5\r\n{auth}\r\n", []int{400}, []int{400}},
	{"a negative length", "GET {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n{auth}\r\n", []int{400}, []int{400}},
	{"an encoding that nobody knows", "GET {path} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: xchunked\r\n{auth}\r\n0\r\n\r\n", []int{501}, []int{501}},
	{
		"a length and chunks",
		"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n{auth}\r\n0\r\n\r\nGET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n",
		[]int{405},
		[]int{405},
	},
	{
		"a request after one that is refused",
		"GET {path} HTTP/1.1\r\nHost: evil.test\r\nContent-Length: 0\r\n{auth}\r\nGET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n",
		[]int{403},
		[]int{403},
	},
	{
		"a request that begins in the body of another",
		"GET {path} HTTP/1.1\r\nHost: evil.test\r\nContent-Length: 6\r\n{auth}\r\nGET / GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n",
		[]int{403},
		[]int{403},
	},
}

// statusLine begins each answer.
var statusLine = regexp.MustCompile(`HTTP/1\.[01] (\d{3}) `)

// T5: no request that a tricked server may send gets a byte of credentials, from neither door.
func TestForgedRequestsGetNothing(t *testing.T) {
	if len(forgeries) < 60 {
		t.Fatalf("got %d forms, want 60 at least", len(forgeries))
	}
	h := newHost(t, options{credentials: 1, container: true, imds: true})
	h.start()
	h.settled()
	given, err := agent.Client{Socket: h.socket}.Credentials(t.Context(), "c0")
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(h.tokenFile(os.Getuid(), "c0"))
	if err != nil {
		t.Fatal(err)
	}
	d := Metadata(h.imds, 0)
	session, err := d.do(t.Context(), http.MethodPut, d.session, http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"600"}})
	if err != nil {
		t.Fatal(err)
	}
	secrets := []string{given.AccessKeyID, given.SecretAccessKey, given.SessionToken[:32], string(token), string(session)}
	leaked := func(answer string) int {
		found := 0
		for _, s := range secrets {
			found += strings.Count(answer, s)
		}
		return found
	}
	var sent atomic.Int64
	var all sync.WaitGroup
	for _, door := range []struct {
		name, address, path, auth, token, other string
		want                                    func(forgery) []int
	}{
		{
			"imds", h.imds, "/latest/meta-data/iam/security-credentials/c0", "X-Aws-Ec2-Metadata-Token: ", string(session), string(token),
			func(f forgery) []int { return f.imds },
		},
		{"container", h.container, "/", "Authorization: ", string(token), string(session), func(f forgery) []int { return f.container }},
	} {
		_, port, err := net.SplitHostPort(door.address)
		if err != nil {
			t.Fatal(err)
		}
		fill := strings.NewReplacer("{path}", door.path, "{host}", door.address, "{port}", port, "{token}", door.token, "{other}", door.other,
			"{auth}", door.auth+door.token+"\r\n")
		for i, f := range forgeries {
			want := door.want(f)
			if want == nil {
				continue
			}
			sent.Add(1)
			all.Go(func() {
				answer := exchange(t, door.address, fill.Replace(f.request))
				got := []string{}
				for _, m := range statusLine.FindAllStringSubmatch(answer, -1) {
					got = append(got, m[1])
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("%s, %s: got %v, want %v", door.name, f.name, got, want)
				}
				switch found := leaked(answer); {
				case i == 0 && found < 3:
					t.Errorf("%s: the detector does not find what is given", door.name)
				case i > 0 && found > 0:
					t.Errorf("%s, %s: credentials or tokens are in the answer", door.name, f.name)
				}
			})
		}
	}
	all.Wait()
	t.Logf("%d forms, %d requests: nothing is given", len(forgeries)-1, sent.Load()-2)
}

// exchange sends bytes, and answers all that comes back until nothing more does. A client that had closed its half would be nobody's.
func exchange(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Error(err)
	}
	var answer []byte
	for wait := 10 * time.Second; ; wait = 500 * time.Millisecond {
		if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			t.Error(err)
		}
		buffer := make([]byte, 64<<10)
		n, err := conn.Read(buffer)
		answer = append(answer, buffer[:n]...)
		if err != nil {
			return string(answer)
		}
	}
}
