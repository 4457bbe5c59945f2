package endurance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/foreign"
)

// password is that of the actions' caller.
const password = "correct-horse-battery-staple"

// What a program of this host sends, and what browsers and proxies do: {address} and {port} are the door's.
var (
	hostsSent = []sent{
		{"Host", "{address}", true},
		{"Host", "localhost:{port}", true},
		{"Host", "127.0.0.1", false},
		{"Host", "127.0.0.1:80", false},
		{"Host", "[::1]:{port}", false},
		{"Host", "169.254.169.254", false},
		{"Host", "evil.test:{port}", false},
		{"Host", "127.0.0.1.nip.test:{port}", false},
	}
	headersSent = []sent{
		{"User-Agent", "aws-sdk-go-v2/1.47.7", true},
		{"Accept", "*/*", true},
		{"Origin", "null", false},
		{"Origin", "http://{address}", false},
		{"Referer", "http://{address}/", false},
		{"Sec-Fetch-Mode", "cors", false},
		{"Sec-Fetch-Site", "same-origin", false},
		{"X-Forwarded-For", "127.0.0.1", false},
		{"X-Forwarded-Host", "{address}", false},
		{"Forwarded", "for=127.0.0.1", false},
		{"Via", "1.1 proxy", false},
		{"X-Real-Ip", "127.0.0.1", false},
	}
	methodsSent = []string{"GET", "HEAD", "POST", "PUT", "OPTIONS", "TRACE"}
)

// sent is a header, and whether programs of this host send it.
type sent struct {
	name, value string
	local       bool
}

// barred is a door as a browser sees it, with everything that a program needs there: what is refused is refused for its form.
type barred struct {
	name, address, path, body string
	header                    http.Header
	method                    string   // by which it gives something
	methods                   []string // that it has at all
	gives                     string
}

// barred are the doors of a job, and what may be in no refusal.
func (j job) barred(ctx context.Context) (all []barred, secrets []string, err error) {
	given, err := agent.Client{Socket: j.Socket}.Credentials(ctx, j.Name)
	token, unread := os.ReadFile(j.TokenFile)
	metadata := Metadata(j.IMDS, 0)
	session, none := metadata.do(ctx, http.MethodPut, metadata.session, http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"60"}})
	if err := errors.Join(err, unread, none); err != nil {
		return nil, nil, err
	}
	secrets = []string{given.AccessKeyID, given.SecretAccessKey, given.SessionToken[:32], string(token), string(session), password}
	return []barred{
		{"container", j.Container, "/", "", http.Header{"Authorization": {string(token)}}, "GET", []string{"GET"}, given.SecretAccessKey},
		{
			"imds", j.IMDS, "/latest/meta-data/iam/security-credentials/" + j.Name, "",
			http.Header{"X-Aws-Ec2-Metadata-Token": {string(session)}},
			"GET",
			[]string{"GET", "PUT"},
			given.SecretAccessKey,
		},
		{
			"actions", j.Actions, "/v1/credentials/session", `{"name":"` + j.Name + `"}`,
			http.Header{"X-Api-Key": {password}, "Content-Type": {"application/json"}},
			"POST",
			[]string{"GET", "POST"},
			given.SecretAccessKey,
		},
		{"health", j.Health, "/metrics", "", http.Header{}, "GET", []string{"GET"}, "\nawsauth_ready 1\n"},
	}, secrets, nil
}

// want is the status of a row, as the documents have it: 403 for another Host, 405 for a method that the door has not, 403 for what
// browsers and proxies send, 405 for a method by which there is nothing.
func (b barred) want(host, header sent, method string) int {
	switch {
	case !host.local:
		return http.StatusForbidden
	case !slices.Contains(b.methods, method):
		return http.StatusMethodNotAllowed
	case !header.local:
		return http.StatusForbidden
	case method != b.method:
		return http.StatusMethodNotAllowed
	}
	return http.StatusOK
}

// browse sends every row of the table to every door, and answers how many were refused and how many given.
func browse(ctx context.Context, j job) (r report) {
	doors, secrets, err := j.barred(ctx)
	if err != nil {
		return report{Err: err.Error()}
	}
	client := door(0, nil)
	for _, b := range doors {
		for _, host := range hostsSent {
			for _, header := range headersSent {
				for _, method := range methodsSent {
					want := b.want(host, header, method)
					if want == http.StatusOK {
						r.Good++
					} else {
						r.Asked++
					}
					if problem := b.send(ctx, client, [2]sent{host, header}, method, want, secrets); problem != nil {
						r.Failed++
						r.Err += fmt.Sprintf("%s, %s to %s with %s: %s: %v\n", b.name, method, host.value, header.name, header.value, problem)
					}
				}
			}
		}
	}
	return r
}

// send sends a row, and answers what is wrong with what comes back.
func (b barred) send(ctx context.Context, client *http.Client, headers [2]sent, method string, want int, secrets []string) error {
	_, port, err := net.SplitHostPort(b.address)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+b.address+b.path, strings.NewReader(b.body))
	if err != nil {
		return err
	}
	fill := strings.NewReplacer("{address}", b.address, "{port}", port)
	r.Header, r.Host = b.header.Clone(), fill.Replace(headers[0].value)
	r.Header.Set(headers[1].name, fill.Replace(headers[1].value))
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != want {
		return fmt.Errorf("got status %d, want %d", response.StatusCode, want)
	}
	text := fmt.Sprint(response.Header) + string(body)
	if want == http.StatusOK {
		if !strings.Contains(text, b.gives) {
			return errors.New("nothing is given")
		}
		return nil
	}
	if slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(text, s) }) {
		return errors.New("a secret is in the answer")
	}
	if strings.Contains(text, "Access-Control-") || response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("X-Content-Type-Options") != "nosniff" {
		return fmt.Errorf("got %v", response.Header)
	}
	return nil
}

// A2: nothing that a browser or a proxy may send is answered with a credential, at any address of the agent's, though it has the token
// or the password: and the same without what they add is.
func TestBrowsersAndProxiesGetNothing(t *testing.T) {
	j := job{Kind: "browse", Name: "c0", Actions: foreign.FreeAddress(t), Health: foreign.FreeAddress(t)}
	h := newHost(t, options{credentials: 1, container: true, imds: true, users: []int{other(1)}, more: fmt.Sprintf(
		"  health: %q\n  actions: {address: %q, callers: {erp: {password: 'file:erp.password', credentials: [c0]}}}\n", j.Health, j.Actions)})
	h.write("erp.password", password)
	h.start()
	h.settled()
	j.Socket, j.Container, j.TokenFile, j.IMDS = h.socket, h.container, h.tokenFile(other(1), "c0"), h.imds
	before := h.status().Refusals
	w := h.startChild(other(1), j)
	w.begin()
	r := w.finish()
	t.Logf("%d rows refused, %d given", r.Asked, r.Good)
	if r.Failed > 0 || r.Err != "" {
		t.Errorf("%d rows:\n%.4000s", r.Failed, r.Err)
	}
	// Of each door's, two of Host and two of the other headers are a program's.
	const doors, given = 4, 4 * 2 * 2
	if all := doors * len(hostsSent) * len(headersSent) * len(methodsSent); r.Good != given || r.Asked != all-given || r.Asked < 240 {
		t.Errorf("got %d rows refused and %d given, want %d and %d", r.Asked, r.Good, all-given, given)
	}
	if got := h.status().Refusals - before; got != int64(r.Asked) {
		t.Errorf("the agent has refused %d, want %d", got, r.Asked)
	}
	if text, err := os.ReadFile(filepath.Join(h.dir, "agent.log")); err != nil || strings.Contains(string(text), password) {
		t.Errorf("the log has the password, or %v", err)
	}
}
