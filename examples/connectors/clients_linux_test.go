package connectors

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/foreign"
	"github.com/awsauth-go/awsauth/serve/container"
	"github.com/awsauth-go/awsauth/serve/process"
)

// job is what a client does in one cell.
type job struct {
	t       testing.TB
	service service
	state   state
	kind    kind
	url     string   // of the service
	env     []string // by which it finds its credentials
	dir     string   // for its files
	aws     aws.Config
}

// client is a program that is not ours, and how it gets its credentials.
type client struct {
	name     string
	services []service
	door     func(*office, testing.TB, kind, state, string) []string
	// do does the work of a service when the credentials are good, and makes one call when they are not.
	do func(job) error
	// silent says that the call it makes is one by HEAD, whose answer has no code.
	silent bool
}

// office is what the clients share: servers, and credentials in every state.
type office struct {
	account       *account
	servers       map[string]string // URL by the service's name
	configuration string            // for the command, of all credentials that are not spoiled
	expired       map[kind]aws.Credentials
	containers    string // URL of the container endpoint

	mu     sync.Mutex // guards grants
	grants []container.Grant
}

func newOffice(t testing.TB) *office {
	t.Helper()
	messages := parsed(t, foreign.StartFauxqs(t))
	a := newAccount(t, emulator.Config{Gateway: map[string]*url.URL{
		"sqs": messages, "sns": messages, "rekognition": backend(t, http.HandlerFunc(simulatedRekognition)),
	}}, nil)
	o := &office{account: a, expired: map[kind]aws.Credentials{}, servers: map[string]string{
		"s3": foreign.StartVersitygw(t, a.emulator, bucket), "sqs": a.endpoint, "sns": a.endpoint, "rekognition": a.endpoint, "sts": a.endpoint,
	}}
	for _, k := range []kind{session, chained} {
		o.expired[k] = a.ending(t, k, 10*time.Second)
		if err := awsSTS.call(t.Context(), (&checker{endpoint: a.endpoint}).config(fixed(o.expired[k]))); err != nil {
			t.Fatalf("before their end: %v", err)
		}
	}
	time.Sleep(time.Until(o.expired[chained].Expires) + 1100*time.Millisecond) // ends are in whole seconds
	o.configuration = a.configuration(t, a)
	endpoint := httptest.NewServer(&container.Handler{Find: o.grant})
	t.Cleanup(endpoint.Close)
	o.containers = endpoint.URL
	return o
}

// credentials are some in a state.
func (o *office) credentials(t testing.TB, k kind, s state) aws.Credentials {
	t.Helper()
	switch s {
	case denied:
		return o.account.get(t, k, false)
	case expired:
		return o.expired[k]
	}
	return spoiled(t, o.account, o.account.get(t, k, true), k, s)
}

func (o *office) grant(hash [32]byte) (container.Grant, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i := slices.IndexFunc(o.grants, func(g container.Grant) bool { return g.Token == hash })
	if i < 0 {
		return container.Grant{}, false
	}
	return o.grants[i], true
}

// throughContainer has a client ask the container endpoint, for a token that is good for these credentials alone. What has ended is said
// to last, or the client would not use it.
func (o *office) throughContainer(t testing.TB, k kind, s state, _ string) []string {
	t.Helper()
	token, given := rand.Text(), o.credentials(t, k, s)
	if given.CanExpire {
		given.Expires = time.Now().Add(time.Hour)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.grants = append(o.grants, container.Grant{Token: container.Hash(token), Provider: fixed(given), Name: "connectors"})
	return []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + o.containers + "/", "AWS_CONTAINER_AUTHORIZATION_TOKEN=" + token}
}

// throughProcess has a client run the command, or for what that would not give something that prints as it does.
func (o *office) throughProcess(t testing.TB, k kind, s state, dir string) []string {
	t.Helper()
	run := fmt.Sprintf("%s get %s --format process --no-cache --config %s", command, configured(k, s == good), o.configuration)
	if s != good && s != denied {
		given := o.credentials(t, k, s)
		if given.CanExpire {
			given.Expires = time.Now().Add(time.Hour)
		}
		path := filepath.Join(dir, "printed")
		write(t, path, string(process.Marshal(given)))
		run = "cat " + path
	}
	path := filepath.Join(dir, "config")
	write(t, path, "[default]\ncredential_process = "+run+"\n")
	return []string{"AWS_CONFIG_FILE=" + path}
}

// config is that of a program in this process.
func (o *office) config(t testing.TB) aws.Config {
	t.Helper()
	return (&checker{endpoint: o.account.endpoint}).config(fixed(o.account.get(t, static, true)))
}

// cell runs one, and answers what stands in the table: of all kinds of credentials, which differ in nothing.
func (o *office) cell(t *testing.T, c *client, of service, s state) string {
	t.Helper()
	checks := &checker{service: of}
	var texts []string
	for _, k := range kinds {
		if checks.absent(k, s) != nil {
			continue
		}
		dir := t.TempDir()
		front := foreign.NewFront(t, o.servers[of.name], "")
		err := c.do(job{t: t, service: of, state: s, kind: k, url: front.URL, env: c.door(o, t, k, s, dir), dir: dir, aws: o.config(t)})
		calls := front.Noted()
		text := "✓"
		switch {
		case s == good && err != nil:
			t.Errorf("%s credentials: %v", k, err)
			text = failed
		case s != good && err == nil:
			t.Errorf("%s credentials: no call has failed", k)
			text = failed
		case len(calls) == 0:
			t.Errorf("%s credentials: it has called nobody: %v", k, err)
			text = failed
		case s != good:
			last := calls[len(calls)-1]
			if text = last.Code; c.silent && text == "" {
				text = fmt.Sprint(last.Status)
			}
			if want := c.code(of, s, last.Target == ""); text != want {
				t.Errorf("%s credentials: got %q of %v, want %s", k, text, err, want)
				text = failed
			}
		case of.name == "sqs" && calls[0].Target == "":
			text = "– " + queryUnknown.mark // it has been refused with the code that awsCLI wants
		}
		if c.silent && text != failed && s != good {
			text += " " + headOnly.mark
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return "– " + asksForNone.mark
	}
	slices.Sort(texts)
	if texts = slices.Compact(texts); len(texts) > 1 {
		t.Errorf("the kinds of credentials differ: %q", texts)
		return failed
	}
	return texts[0]
}

// code is what a client is told, as in the table of servers. A client may speak to SQS by the Query protocol.
func (c *client) code(of service, s state, query bool) string {
	switch {
	case c.silent:
		return "403"
	case of.name == "s3" && s == otherToken:
		return "InvalidAccessKeyId" // versitygw asks for key and token at once
	case of.name == "s3":
		return s3Codes[s]
	case of.name == "sns" && s == denied:
		return "AuthorizationError"
	case of.name == "sns", of.name == "sts", of.name == "sqs" && query:
		return queryCodes[s]
	}
	return jsonCodes[s]
}

var (
	queryUnknown = note{"f", "It speaks to SQS by the Query protocol, as all did until 2023, and fauxqs answers that it does not know its operations, once " +
		"the emulator has let them pass."}
	headOnly = note{"g", "restic begins with HEAD, and the answer to that has a status and no code."}
)

// Programs in other languages do the same work with the same credentials, and are refused with the same codes.
func TestOtherClientsWithCredentials(t *testing.T) {
	t.Parallel()
	needNetwork(t)
	o := newOffice(t)
	all := []service{amazonS3, amazonSQS, amazonSNS, amazonRekognition, awsSTS}
	var clients []*client
	add := func(c *client) { clients = append(clients, c) }
	if node := foreign.LookJavaScript(t); node != nil {
		add(&client{name: "SDK for JavaScript, container endpoint", services: all, door: (*office).throughContainer, do: newScript(t, node).do})
	}
	if path := foreign.Look(t, "rclone"); path != "" {
		add(&client{name: "rclone, container endpoint", services: all[:1], door: (*office).throughContainer, do: func(j job) error { return rclone(path, j) }})
	}
	if path := foreign.Look(t, "restic"); path != "" {
		add(&client{name: "restic, container endpoint", services: all[:1], door: (*office).throughContainer, do: func(j job) error { return restic(path, j) }, silent: true})
	}
	for i, cli := range foreign.AWSCLIs(t) {
		services := all
		if i > 0 {
			services = all[1:3] // what a newer one says in another way
		}
		do := func(j job) error { return awsCLI(cli, j) }
		name := strings.Replace(cli.Version, "aws-cli/", "AWS CLI ", 1)
		name = name[:strings.LastIndex(name, ".")]
		add(&client{name: name + ", credential_process", services: services, door: (*office).throughProcess, do: do})
		add(&client{name: name + ", container endpoint", services: services, door: (*office).throughContainer, do: do})
	}
	var mu sync.Mutex
	cells := map[[3]string]string{}
	t.Run("clients", func(t *testing.T) {
		for _, c := range clients {
			for _, of := range c.services {
				t.Run(c.name+", "+of.title, func(t *testing.T) {
					t.Parallel()
					for _, s := range states {
						t.Run(string(s), func(t *testing.T) {
							text := o.cell(t, c, of, s)
							mu.Lock()
							defer mu.Unlock()
							cells[[3]string{c.name, of.title, string(s)}] = text
						})
					}
				})
			}
		}
	})
	t.Run("docs/connectors.md", func(t *testing.T) {
		var rows [][]string
		for _, c := range clients {
			for _, of := range c.services {
				row := []string{c.name, of.title}
				for _, s := range states {
					row = append(row, cells[[3]string{c.name, of.title, string(s)}])
				}
				if *update && (slices.Contains(row, failed) || slices.Contains(row, "")) {
					t.Fatal("a cell has failed; the page stays as it is")
				}
				rows = append(rows, row)
			}
		}
		head := []string{"client", "service"}
		for _, s := range states {
			head = append(head, string(s))
		}
		below := "\n" + queryUnknown.String() + headOnly.String()
		display(head, rows, below)
		foreign.Table{
			Path: page, From: "<!-- clients: made by make connectors -->\n", To: "<!-- end of the clients -->\n", Head: head, Key: 2, Open: true,
			Below: below,
		}.Compare(t, rows, *update)
	})
}
