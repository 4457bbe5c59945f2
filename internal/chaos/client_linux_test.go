package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// task is what a client is started for. It goes to its standard input, as one line of JSON; the client ends with the input.
type task struct {
	Door     string // "socket", "container" or "imds"
	Names    []string
	Socket   string
	Address  string // of the container endpoint or the metadata service
	Tokens   string // directory of this user's tokens
	Emulator string // whose STS is asked whether credentials are good
	Interval time.Duration
	Late     time.Duration
	Stranger bool // may have nothing
}

// run is a time in which a door has answered the same, with the same credentials. The client prints one a line when it is over.
type run struct {
	Door, Name string
	Outcome    string    // "200 KEY", "503", or another status
	From       time.Time // when the first of them was asked for
	First      time.Time // when that was answered
	To         time.Time // when the last of them was asked for
	Until      time.Time // when that was answered
	Count      int
	Slowest    time.Duration
	Problems   []string // at most a few
}

// client asks for credentials all the time, as a program of another user.
type client struct {
	task
	http  *http.Client
	stood atomic.Int64 // for how long the machine has not let this process run, though it wanted to: that is not the agent's delay
	out   sync.Mutex   // guards standard output
}

// watchMachine counts by how much sleeps are longer than they should be.
func (c *client) watchMachine(ctx context.Context) {
	const nap = 20 * time.Millisecond
	for begun := time.Now(); sleep(ctx, nap); begun = time.Now() {
		if over := time.Since(begun) - nap; over > nap {
			c.stood.Add(int64(over))
		}
	}
}

func clientMain() int {
	c := &client{}
	input := json.NewDecoder(os.Stdin)
	if err := input.Decode(&c.task); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 10 * time.Second}
	if c.Door == "socket" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", c.Socket)
		}
	}
	c.http = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { c.watchMachine(ctx) })
	for i, name := range c.Names {
		all.Go(func() {
			if sleep(ctx, c.Interval*time.Duration(i)/time.Duration(len(c.Names))) {
				c.poll(ctx, name)
			}
		})
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is closed
	cancel()
	all.Wait()
	return 0
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// poll asks for one credential, and says what has come of it.
func (c *client) poll(ctx context.Context, name string) {
	var now run
	var verified time.Time
	for {
		before := c.stood.Load()
		a := c.ask(name)
		stood := time.Duration(c.stood.Load() - before)
		g, problems := judge(c.Door, a, c.Late+stood)
		outcome := fmt.Sprint(a.status)
		if c.Stranger && a.status == http.StatusForbidden && a.err == nil {
			problems = nil
		} else if c.Stranger {
			problems = append(problems, "a stranger got "+outcome)
		}
		if a.status == http.StatusOK && a.err == nil {
			outcome += " " + g.Key
		}
		changed := now.Count > 0 && outcome != now.Outcome
		// Credentials that have more than a second left are shown to STS now and then, which must know them.
		if len(problems) == 0 && g.Key != "" && c.Emulator != "" && time.Until(g.Expires) > time.Second && (changed || time.Since(verified) > 2*time.Second) {
			verified = time.Now()
			if err := c.verify(ctx, g); err != nil && ctx.Err() == nil {
				problems = append(problems, "STS: "+err.Error())
			}
		}
		if changed {
			c.print(now)
			now = run{}
		}
		if now.Count == 0 {
			now = run{Door: c.Door, Name: name, Outcome: outcome, From: a.begun, First: a.ended}
		}
		now.To, now.Until, now.Slowest = a.begun, a.ended, max(now.Slowest, a.ended.Sub(a.begun)-stood)
		now.Count++
		if len(now.Problems) < 3 {
			now.Problems = append(now.Problems, problems...)
		}
		if !sleep(ctx, c.Interval) {
			c.print(now)
			return
		}
	}
}

func (c *client) print(r run) {
	c.out.Lock()
	defer c.out.Unlock()
	_ = json.NewEncoder(os.Stdout).Encode(r) // whoever reads it may have gone
}

// ask asks once, as the SDKs do.
func (c *client) ask(name string) (a answered) {
	a.begun = time.Now().Round(0)
	defer func() { a.ended = time.Now().Round(0) }()
	var r *http.Request
	switch c.Door {
	case "socket":
		if r, a.err = http.NewRequest(http.MethodGet, "http://awsauth-agent/credentials/"+name, http.NoBody); a.err != nil {
			return a
		}
	case "container":
		token, err := os.ReadFile(filepath.Join(c.Tokens, name))
		if err != nil {
			a.err = err
			return a
		}
		if r, a.err = http.NewRequest(http.MethodGet, "http://"+c.Address+"/", http.NoBody); a.err != nil {
			return a
		}
		r.Header.Set("Authorization", string(token))
	case "imds":
		const path = "/latest/meta-data/iam/security-credentials/"
		token, err := c.imdsToken()
		if err != nil {
			a.err = err
			return a
		}
		if r, a.err = http.NewRequest(http.MethodGet, "http://"+c.Address+path+name, http.NoBody); a.err != nil {
			return a
		}
		r.Header.Set("X-aws-ec2-metadata-token", token)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		a.err = err
		return a
	}
	a.status, a.header = answer.StatusCode, answer.Header
	a.body, err = io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	a.err = errors.Join(err, answer.Body.Close())
	return a
}

func (c *client) imdsToken() (string, error) {
	r, err := http.NewRequest(http.MethodPut, "http://"+c.Address+"/latest/api/token", http.NoBody)
	if err != nil {
		return "", err
	}
	r.Header.Set("X-aws-ec2-metadata-token-ttl-seconds", "60")
	answer, err := c.http.Do(r)
	if err != nil {
		return "", err
	}
	token, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err = errors.Join(err, answer.Body.Close()); err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("token: status %d", answer.StatusCode)
	}
	return strings.TrimSpace(string(token)), err
}

var direct = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}, Timeout: 20 * time.Second}

// verify asks STS whose credentials these are.
func (c *client) verify(ctx context.Context, g given) error {
	who, err := sts.New(sts.Options{
		Region: region, BaseEndpoint: &c.Emulator, HTTPClient: direct, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(g.Key, g.Secret, g.Token),
	}).GetCallerIdentity(ctx, nil)
	if err == nil && !strings.Contains(aws.ToString(who.Arn), ":assumed-role/local/") {
		err = errors.New("they are another role's")
	}
	return err
}
