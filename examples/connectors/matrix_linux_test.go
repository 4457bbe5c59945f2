package connectors

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/foreign"
)

// state is what is wrong with credentials, or good.
type state string

const (
	good        state = "good"
	wrongSecret state = "wrong secret"
	noToken     state = "no token"
	otherToken  state = "another session's token"
	expired     state = "expired"
	denied      state = "no permission"
)

// states are the columns of the table.
var states = []state{good, wrongSecret, noToken, otherToken, expired, denied}

// source gets credentials that a server knows.
type source interface {
	get(t testing.TB, k kind, may bool) aws.Credentials
	// ending gets some that end after a time.
	ending(t testing.TB, k kind, after time.Duration) aws.Credentials
}

// checker is a server that checks who calls.
type checker struct {
	service  service
	name     string // for the table
	endpoint string
	region   string // foreign.Region when empty
	source   source
	// codes are the errors that the service answers.
	codes map[state]string
	// staticCodes are those that it has for static credentials alone.
	staticCodes map[state]string
	// not has the states that do not come to pass here, and why.
	not map[state]*note
	// configuration is the command's, of credentials that are good there; empty where it cannot get them.
	configuration string
	// life is how long the shortest session lives there; no time for as short as one likes.
	life time.Duration
}

// note says why a cell is empty.
type note struct{ mark, text string }

func (n note) String() string { return "- **" + n.mark + "** " + n.text + "\n" }

var (
	hasNoToken   = note{"a", "A static key has no session token and no end."}
	asksForNone  = note{"b", "GetCallerIdentity needs no permission."}
	topicsOfAll  = note{"c", "Ceph 16 applies the policies of a role to S3, and not to topics; a user's it has for buckets alone."}
	neverExpires = note{"d", "moto never ends a session."}
	quarterHour  = note{"e", "Sessions of Ceph live for 15 minutes at least: `make soak` waits for their end and demands AccessDenied, `make connectors` does not."}
	notes        = []*note{&hasNoToken, &asksForNone, &topicsOfAll, &neverExpires, &quarterHour}
)

// absent answers why a cell cannot exist; nil when it can.
func (c *checker) absent(k kind, s state) *note {
	switch {
	case k == static && slices.Contains([]state{noToken, otherToken, expired}, s):
		return &hasNoToken
	case c.service.name == "sts" && s == denied:
		return &asksForNone
	}
	return c.not[s]
}

// config is a program's that has these credentials.
func (c *checker) config(p aws.CredentialsProvider) aws.Config {
	region := foreign.Region
	if c.region != "" {
		region = c.region
	}
	return aws.Config{Region: region, BaseEndpoint: aws.String(c.endpoint), Credentials: p}
}

// spoil answers credentials that are in a state.
func (c *checker) spoil(t *testing.T, k kind, s state) aws.Credentials {
	t.Helper()
	switch s {
	case denied:
		return c.source.get(t, k, false)
	case expired:
		return c.ended(t, k)
	}
	got := c.source.get(t, k, true)
	if err := c.service.call(t.Context(), c.config(fixed(got))); err != nil {
		t.Fatalf("before a part of them is wrong: %v", err)
	}
	return spoiled(t, c.source, got, k, s)
}

// spoiled answers credentials that are good, or of which one part is wrong.
func spoiled(t testing.TB, from source, got aws.Credentials, k kind, s state) aws.Credentials {
	t.Helper()
	switch s {
	case wrongSecret:
		got.SecretAccessKey = from.get(t, k, false).SecretAccessKey
	case noToken:
		got.SessionToken = ""
	case otherToken:
		got.SessionToken = from.get(t, k, true).SessionToken
	}
	return got
}

// ended answers credentials that were good, and are no longer.
func (c *checker) ended(t *testing.T, k kind) aws.Credentials {
	t.Helper()
	const soon = 10 * time.Second
	got := c.source.ending(t, k, max(soon, c.life))
	if err := c.service.call(t.Context(), c.config(fixed(got))); err != nil {
		t.Fatalf("before the end: %v", err)
	}
	time.Sleep(time.Until(got.Expires) + 1100*time.Millisecond) // ends are in whole seconds
	return got
}

// fixed gives credentials as they are.
func fixed(c aws.Credentials) aws.CredentialsProvider {
	return credentials.StaticCredentialsProvider{Value: c}
}

// refusal makes a call that must fail, and answers the service's own code for that, which the SDK does not read out of every form.
func (c *checker) refusal(ctx context.Context, given aws.Credentials) (code string, err error) {
	config, listener := c.config(fixed(given)), new(listener)
	config.HTTPClient, config.RetryMaxAttempts = &http.Client{Transport: listener}, 1
	err = c.service.call(ctx, config)
	if refused, ok := errors.AsType[smithy.APIError](err); ok && refused.ErrorCode() != "UnknownError" {
		return refused.ErrorCode(), err
	}
	return listener.code, err
}

// listener reads the error code out of the body of an answer.
type listener struct{ code string }

func (l *listener) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || answer.StatusCode < 400 {
		return answer, err
	}
	text, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close() // it has been read
	if found := foreign.ErrorForm.FindSubmatch(text); found != nil {
		l.code = string(found[1]) + string(found[2])
	}
	answer.Body = io.NopCloser(bytes.NewReader(text))
	return answer, err
}

// cell runs one, and answers what stands in the table.
func (c *checker) cell(t *testing.T, k kind, s state) string {
	t.Helper()
	if why := c.absent(k, s); why != nil {
		return "– " + why.mark
	}
	if s == good {
		if err := c.service.work(t.Context(), c.config(fixed(c.source.get(t, k, true))), k); err != nil {
			t.Error(err)
			return failed
		}
		return "✓"
	}
	want := c.codes[s]
	if other, ok := c.staticCodes[s]; ok && k == static {
		want = other
	}
	if s == expired && c.life > 0 && os.Getenv("AWSAUTH_SOAK") == "" {
		return "– " + quarterHour.mark
	}
	got, err := c.refusal(t.Context(), c.spoil(t, k, s))
	if err == nil || got != want || want == "" {
		t.Errorf("got %q of %v, want %s", got, err, want)
		return failed
	}
	if s == expired && c.life > 0 {
		return "– " + quarterHour.mark // as in the run that does not wait for it
	}
	return got
}

const failed = "**failed**"

var (
	update = flag.Bool("update", false, "write the tables of docs/connectors.md anew")
	show   = flag.Bool("show", false, "print them")
)

const page = "../../docs/connectors.md"

// matrix is the table.
type matrix struct {
	mu    sync.Mutex // guards cells
	cells map[[4]string]string
	rows  [][3]string // service, checked by, credentials; guarded as well
}

// fill runs all cells of a server's rows.
func (m *matrix) fill(t *testing.T, c *checker) {
	t.Helper()
	for _, k := range kinds {
		for _, s := range states {
			t.Run(fmt.Sprintf("%s credentials, %s", k, s), func(t *testing.T) {
				if s == expired {
					t.Parallel() // it waits
				}
				text := c.cell(t, k, s)
				m.mu.Lock()
				defer m.mu.Unlock()
				m.cells[[4]string{c.service.title, c.name, string(k), string(s)}] = text
			})
		}
		t.Run(fmt.Sprintf("%s credentials, without an SDK", k), func(t *testing.T) { c.withoutSDK(t, k) })
	}
}

// add has the rows of a server in the table.
func (m *matrix) add(title, name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range kinds {
		m.rows = append(m.rows, [3]string{title, name, string(k)})
	}
}

// compare holds docs/connectors.md to the table.
func (m *matrix) compare(t *testing.T) {
	t.Helper()
	slices.SortFunc(m.rows, func(a, b [3]string) int { return slices.Compare(a[:], b[:]) })
	var rows [][]string
	for _, r := range m.rows {
		row := r[:]
		for _, s := range states {
			text, ran := m.cells[[4]string{r[0], r[1], r[2], string(s)}]
			if !ran {
				text = failed
			}
			if row = append(row, text); text == failed && *update {
				t.Fatal("a cell has failed; the page stays as it is")
			}
		}
		rows = append(rows, row)
	}
	below := "\n"
	for _, n := range notes {
		below += n.String()
	}
	head := []string{"service", "checked by", "credentials"}
	for _, s := range states {
		head = append(head, string(s))
	}
	display(head, rows, below)
	foreign.Table{
		Path: page, From: "<!-- matrix: made by make connectors -->\n", To: "<!-- end of the matrix -->\n", Head: head, Key: 3, Below: below,
	}.Compare(t, rows, *update)
}

// missing says that a server is not here. make connectors, which shows its tables, fails for one that can be had.
func (m *matrix) missing(t *testing.T, server string, anywhere bool) {
	t.Helper()
	if !*show {
		return
	}
	fmt.Printf("not here: %s (go test -v says why)\n", server)
	if anywhere {
		t.Error("not here, and a fresh machine can have it: " + foreign.Remedy)
	}
}

// display prints a table for people, and what its letters mean.
func display(head []string, rows [][]string, below string) {
	if !*show {
		return
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ToUpper(strings.Join(head, "\t")))
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // who reads may have gone
	fmt.Println(strings.NewReplacer("- **", "  ", "**", "", "`", "").Replace(below))
}

// The servers, as the table names them.
const (
	byGateway  = "the emulator's gateway, and botocore the signature"
	byFront    = "the emulator's gateway"
	byEmulator = "the emulator"
	byVersity  = "versitygw, which asks the emulator whose a key is"
	byOwnIAM   = "versitygw with an IAM of its own"
	byCeph     = "Ceph 16's gateway"
	byMoto     = "moto 5"
)

// Every service takes every kind of credentials that is good, and refuses what is wrong with its own error code.
func TestServicesWithCredentials(t *testing.T) {
	t.Parallel()
	m := &matrix{cells: map[[4]string]string{}}
	t.Run("servers", func(t *testing.T) {
		for _, server := range []struct {
			name     string
			services []service
			fill     func(*testing.T, *matrix)
			anywhere bool // a fresh machine can have it
		}{
			{byVersity, []service{amazonS3}, behindVersity, true},
			{byOwnIAM, []service{amazonS3, awsSTS}, behindOwnIAM, true},
			{byGateway, []service{amazonSQS, amazonSNS, amazonRekognition}, behindGateway, true},
			{byFront, []service{amazonS3}, behindFront, true},
			{byEmulator, []service{awsSTS}, atTheEmulator, true},
			{byCeph, []service{amazonSNS}, behindCeph, true},
			{byMoto, []service{amazonS3, amazonSQS, amazonSNS, amazonRekognition, awsSTS}, behindMoto, false},
		} {
			t.Run(server.name, func(t *testing.T) {
				t.Parallel()
				defer func() {
					if t.Skipped() {
						m.missing(t, server.name, server.anywhere)
						return
					}
					for _, s := range server.services {
						m.add(s.title, server.name)
					}
				}()
				server.fill(t, m)
			})
		}
	})
	t.Run("docs/connectors.md", func(t *testing.T) { m.compare(t) })
}

// The codes by the form of the error. AWS documents them as the common errors of each service.
var (
	s3Codes = map[state]string{ // Amazon S3 API Reference, "Error responses"; versitygw knows no ExpiredToken
		wrongSecret: "SignatureDoesNotMatch", noToken: "InvalidAccessKeyId", otherToken: "InvalidToken",
		expired: "InvalidAccessKeyId", denied: "AccessDenied",
	}
	queryCodes = map[state]string{ // as of STS
		wrongSecret: "SignatureDoesNotMatch", noToken: "InvalidClientTokenId", otherToken: "InvalidClientTokenId",
		expired: "ExpiredToken", denied: "AccessDenied",
	}
	jsonCodes = map[state]string{
		wrongSecret: "InvalidSignatureException", noToken: "UnrecognizedClientException", otherToken: "UnrecognizedClientException",
		expired: "ExpiredTokenException", denied: "AccessDeniedException",
	}
)

// with answers codes of which some are others.
func with(codes map[state]string, others map[state]string) map[state]string {
	all := map[state]string{}
	for s, c := range codes {
		all[s] = c
	}
	for s, c := range others {
		all[s] = c
	}
	return all
}

func behindVersity(t *testing.T, m *matrix) {
	a := newAccount(t, emulator.Config{}, nil)
	m.fill(t, &checker{
		service: amazonS3, name: byVersity, endpoint: foreign.StartVersitygw(t, a.emulator, bucket), source: a, configuration: a.configuration(t, a),
		codes: with(s3Codes, map[state]string{otherToken: "InvalidAccessKeyId"}),
	}) // the emulator is asked for key and token at once
}

func behindGateway(t *testing.T, m *matrix) {
	needNetwork(t)
	messages := parsed(t, foreign.StartFauxqs(t))
	var witness *botocore
	a := newAccount(t, emulator.Config{Gateway: map[string]*url.URL{
		"sqs": messages, "sns": messages, "rekognition": backend(t, http.HandlerFunc(simulatedRekognition)),
	}}, func(a *account, next http.Handler) http.Handler {
		witness = newBotocore(t, a, next)
		return witness
	})
	for _, c := range []*checker{
		{service: amazonSQS, codes: jsonCodes},
		{service: amazonSNS, codes: with(queryCodes, map[state]string{denied: "AuthorizationError"})},
		{service: amazonRekognition, codes: jsonCodes},
	} {
		c.name, c.endpoint, c.source, c.configuration = byGateway, a.endpoint, a, a.configuration(t, a)
		t.Run(c.service.title, func(t *testing.T) { m.fill(t, c) })
	}
	witness.check(t)
}

// behindFront has rclone's S3 behind the gateway, which itself says what S3 says.
func behindFront(t *testing.T, m *matrix) {
	objects := foreign.StartRclone(t, bucket)
	a := newAccount(t, emulator.Config{Gateway: map[string]*url.URL{"s3": parsed(t, objects)}}, nil)
	m.fill(t, &checker{
		service: amazonS3, name: byFront, endpoint: a.endpoint, source: a, configuration: a.configuration(t, a),
		codes: with(s3Codes, map[state]string{otherToken: "InvalidAccessKeyId", expired: "ExpiredToken"}),
	})
}

func atTheEmulator(t *testing.T, m *matrix) {
	a := newAccount(t, emulator.Config{}, nil)
	m.fill(t, &checker{service: awsSTS, name: byEmulator, endpoint: a.endpoint, source: a, configuration: a.configuration(t, a), codes: queryCodes})
}
