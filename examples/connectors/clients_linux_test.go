package connectors

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

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

// run runs a client's process, and answers its standard output.
func (j job) run(path string, args ...string) (string, error) {
	c := foreign.Command(j.t, path, args...)
	c.Dir = j.dir
	c.Env = append(append(c.Env, "AWS_ENDPOINT_URL="+j.url, "HOME="+j.dir), j.env...)
	r := foreign.Run(c)
	if r.Err != nil {
		return "", fmt.Errorf("%s: %w\n%s%s", strings.Join(args, " "), r.Err, r.Stdout, r.Stderr)
	}
	return r.Stdout, nil
}

// file writes one into the job's directory.
func (j job) file(name string, content []byte) error {
	return os.WriteFile(filepath.Join(j.dir, name), content, 0o600)
}

func (j job) same(name string, want []byte) error {
	got, err := os.ReadFile(filepath.Join(j.dir, name))
	return errors.Join(err, same(name, got, want))
}

// large is more than what the AWS CLI and rclone upload in one part.
func large() []byte {
	content := make([]byte, 9<<20)
	_, _ = rand.Read(content) // it never fails
	return content
}

func awsCLI(cli foreign.Tool, j job) error {
	aws := func(args ...string) (string, error) {
		out, err := j.run(cli.Path, append([]string{"--endpoint-url", j.url, "--output", "text"}, args...)...)
		if err != nil && j.state != good && !strings.Contains(err.Error(), "An error occurred (") {
			err = nil // it has not said the service's code
		}
		return strings.TrimSpace(out), err
	}
	one := map[string][]string{
		"s3": {"s3api", "list-objects-v2", "--bucket", bucket}, "sqs": {"sqs", "list-queues"}, "sns": {"sns", "list-topics"}, "sts": {"sts", "get-caller-identity"},
		"rekognition": {"rekognition", "detect-labels", "--image-bytes", "fileb://sky.png", "--query", "Labels[].Name"},
	}
	if err := errors.Join(j.file("sky.png", picture(blue)), j.file("grass.png", picture(green))); err != nil {
		return err
	}
	if j.state != good {
		_, err := aws(one[j.service.name]...)
		return err
	}
	// script runs one command after the other, in which %d is what the d-th one has answered.
	var answers []string
	script := func(commands ...[]string) error {
		for _, args := range commands {
			args = slices.Clone(args)
			for i := range args {
				for d, answer := range answers {
					args[i] = strings.ReplaceAll(args[i], fmt.Sprintf("%%%d", d), answer)
				}
			}
			out, err := aws(args...)
			if err != nil {
				return err
			}
			answers = append(answers, out)
		}
		return nil
	}
	switch name := unique("cli"); j.service.name {
	case "s3":
		content := large()
		object := "s3://" + bucket + "/" + name
		return errors.Join(j.file("up", content), script(
			[]string{"s3", "cp", "up", object, "--no-progress"}, []string{"s3", "cp", object, "down", "--no-progress"}, []string{"s3", "rm", object},
		), j.same("down", content))
	case "sqs":
		err := script(
			[]string{"sqs", "create-queue", "--queue-name", name},
			[]string{"sqs", "send-message", "--queue-url", "%0", "--message-body", "a job"},
			[]string{"sqs", "receive-message", "--queue-url", "%0", "--query", "Messages[0].[Body]"},
			[]string{"sqs", "delete-queue", "--queue-url", "%0"},
		)
		if err != nil && strings.Contains(err.Error(), "(InvalidAction)") {
			return nil // it speaks Query; the cell sees whether it does
		}
		if err != nil {
			return err
		}
		if answers[2] != "a job" {
			return fmt.Errorf("receive-message: got %q", answers[2])
		}
	case "sns":
		c := j.aws // it reads what the client has published
		topic, queue, err := subscribed(j.t.Context(), c)
		if err != nil {
			return err
		}
		if err := script(
			[]string{"sns", "create-topic", "--name", name},
			[]string{"sns", "list-topics", "--query", "Topics[].TopicArn"},
			[]string{"sns", "publish", "--topic-arn", *topic, "--message", "an order"},
		); err != nil {
			return err
		}
		body, err := receive(j.t.Context(), sqs.NewFromConfig(c), queue)
		if err != nil {
			return err
		}
		if !strings.Contains(body, `"an order"`) || !strings.Contains(answers[1], answers[0]) {
			return fmt.Errorf("got the topics %q and the message %q", answers[1], body)
		}
	case "rekognition":
		if err := script(one["rekognition"], []string{"rekognition", "detect-labels", "--image-bytes", "fileb://grass.png", "--query", "Labels[].Name"}); err != nil {
			return err
		}
		if answers[0] != "Sky" || answers[1] != "Grass" {
			return fmt.Errorf("detect-labels: got %q", answers)
		}
	case "sts":
		if err := script(one["sts"]); err != nil {
			return err
		}
		if !strings.Contains(answers[0], callers[j.kind]) {
			return fmt.Errorf("get-caller-identity: got %q, want …%s", answers[0], callers[j.kind])
		}
	}
	return nil
}

// script is a running node, which does one job after the other.
type script struct {
	mu  sync.Mutex // guards all below
	in  io.Writer
	out *bufio.Reader
}

func newScript(t testing.TB, node *foreign.Node) *script {
	t.Helper()
	c := foreign.Command(t, node.Path, "testdata/clients.js")
	c.Env = append(c.Env, node.Modules())
	in, err := c.StdinPipe()
	check(t, err)
	out, err := c.StdoutPipe()
	check(t, err)
	foreign.Start(t, c)
	return &script{in: in, out: bufio.NewReader(out)}
}

func (s *script) do(j job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := map[string]any{"service": j.service.name, "good": j.state == good, "endpoint": j.url, "name": unique("js"), "bucket": bucket, "caller": callers[j.kind]}
	for _, assignment := range j.env {
		name, value, _ := strings.Cut(assignment, "=")
		asked[name] = value
	}
	if j.service.name == "rekognition" {
		asked["pictures"] = [][]byte{picture(blue), picture(green)}
	}
	question, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	if _, err := s.in.Write(append(question, '\n')); err != nil {
		return err
	}
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return err
	}
	if failure := bytes.TrimSpace(line); string(failure) != "ok" {
		return errors.New(string(failure))
	}
	return nil
}

func rclone(path string, j job) error {
	run := func(args ...string) (string, error) {
		return j.run(path, append(args, "--config", "", "--retries", "1", "--low-level-retries", "1", "--s3-provider", "Other", "--s3-env-auth",
			"--s3-region", foreign.Region, "--s3-endpoint", j.url, "--s3-no-check-bucket", "--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M")...)
	}
	if j.state != good {
		_, err := run("lsf", ":s3:"+bucket)
		return err
	}
	content, object := large(), ":s3:"+bucket+"/"+unique("rclone")
	if err := j.file("up", content); err != nil {
		return err
	}
	for _, args := range [][]string{{"copyto", "up", object}, {"copyto", object, "down"}, {"deletefile", object}} {
		if _, err := run(args...); err != nil {
			return err
		}
	}
	return j.same("down", content)
}

func restic(path string, j job) error {
	j.env = append(j.env, "RESTIC_PASSWORD=of a test", "AWS_DEFAULT_REGION="+foreign.Region)
	run := func(args ...string) (string, error) {
		return j.run(path, append([]string{"--no-cache", "-r", "s3:" + j.url + "/" + bucket + "/" + filepath.Base(j.dir)}, args...)...)
	}
	if _, err := run("init"); err != nil || j.state != good {
		return err
	}
	content := large()
	if err := j.file("up", content); err != nil {
		return err
	}
	for _, args := range [][]string{{"backup", "up"}, {"restore", "latest", "--target", "restored"}} {
		if _, err := run(args...); err != nil {
			return err
		}
	}
	return j.same("restored/up", content)
}
