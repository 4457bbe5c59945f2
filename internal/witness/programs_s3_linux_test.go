package witness

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

// bucket is where programs that speak S3 alone work.
const bucket = "programs"

// rclone lists a bucket: one process that is told by HTTP to do so again and again, or a process each time.
func rclone(t *testing.T, server string) program {
	t.Helper()
	path := foreign.Find(t, "rclone")
	_, version, _ := strings.Cut(foreign.MustRun(t, foreign.Command(t, path, "version")), "rclone v")
	process := func(c *cell, args ...string) *exec.Cmd {
		p := c.command(path, args...)
		p.Env = append(p.Env, "RCLONE_CONFIG=", "RCLONE_CONFIG_LOCAL_TYPE=s3", "RCLONE_CONFIG_LOCAL_PROVIDER=Other", "RCLONE_CONFIG_LOCAL_ENV_AUTH=true",
			"RCLONE_CONFIG_LOCAL_REGION="+region, "RCLONE_CONFIG_LOCAL_ENDPOINT="+c.front.URL)
		return p
	}
	return program{
		name: "rclone " + release(version), server: server,
		once: func(c *cell) error { return succeed(process(c, "lsf", "local:"+bucket)) },
		lasting: func(c *cell, d time.Duration) error {
			address := foreign.FreeAddress(c.t)
			p := process(c, "rcd", "--rc-no-auth", "--rc-addr", address)
			var stderr bytes.Buffer
			p.Stderr = &stderr
			if err := p.Start(); err != nil {
				return err
			}
			failure := tellRclone("http://"+address, d)
			_ = p.Process.Signal(syscall.SIGTERM)
			_ = p.Wait()
			if failure != nil {
				return fmt.Errorf("%w\n%s", failure, stderr.String())
			}
			return nil
		},
	}
}

// tellRclone has a running rclone list the bucket four times a second.
func tellRclone(url string, d time.Duration) error {
	for ready := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		answer, err := http.Post(url+"/rc/noop", "application/json", strings.NewReader("{}"))
		if err == nil {
			_ = answer.Body.Close()
			break
		}
		if time.Now().After(ready) {
			return err
		}
	}
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(250 * time.Millisecond) {
		answer, err := http.Post(url+"/operations/list", "application/json", strings.NewReader(`{"fs": "local:`+bucket+`", "remote": ""}`))
		if err != nil {
			return err
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			return fmt.Errorf("operations/list: %s %s %w", answer.Status, text, err)
		}
	}
	return nil
}

// repositories counts those that restic has been told to make.
var repositories atomic.Int64

// restic makes repositories, a process each, or one backup that takes as long as its input does.
func restic(t *testing.T, server string) program {
	t.Helper()
	path := foreign.Find(t, "restic")
	words := strings.Fields(foreign.MustRun(t, foreign.Command(t, path, "version")))
	if len(words) < 2 {
		t.Fatalf("restic does not say its version: %q", words)
	}
	process := func(c *cell, repository string, args ...string) *exec.Cmd {
		p := c.command(path, append([]string{"--no-cache", "-r", "s3:" + c.front.URL + "/" + bucket + "/" + repository}, args...)...)
		p.Env = append(p.Env, "RESTIC_PASSWORD=of a test")
		return p
	}
	initialized := func(c *cell) (string, error) {
		repository := fmt.Sprint("repository-", repositories.Add(1))
		return repository, succeed(process(c, repository, "init"))
	}
	p := program{
		name: "restic " + release(words[1]), server: server, heavy: true,
		once: func(c *cell) error {
			_, err := initialized(c)
			return err
		},
		lasting: func(c *cell, d time.Duration) error {
			repository, err := initialized(c)
			if err != nil {
				return err
			}
			p := process(c, repository, "backup", "--stdin", "--pack-size", "4")
			p.Stdin = &slowly{until: time.Now().Add(d)}
			return succeed(p)
		},
	}
	if p.name == "restic 0.14" { // newer ones know more doors
		p.cannot = map[string]*reason{doorProcess: &noProcess, doorTokenFile: &noTokenFileHere, doorMetadata: &ownMetadata}
	}
	return p
}

// slowly is input that comes in pieces, each more than a pack of restic's, until a time.
type slowly struct {
	until time.Time
	left  int // of the piece
}

const (
	piece       = 5 << 20
	betweenPart = 1500 * time.Millisecond
)

func (s *slowly) Read(p []byte) (int, error) {
	if s.left == 0 {
		if time.Now().After(s.until) {
			return 0, io.EOF
		}
		time.Sleep(betweenPart)
		s.left = piece
	}
	n := min(len(p), s.left)
	_, _ = rand.Read(p[:n]) // it never fails
	s.left -= n
	return n, nil
}

var (
	noTokenFileHere = reason{
		mark:  "c",
		text:  "The minio-go of restic 0.14 knows no `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` (`credentials/iam_aws.go`), and asks without a token.",
		shown: asksWithoutToken,
	}
	noProcess = reason{
		mark:  "d",
		text:  "It runs no `credential_process` ([restic#3029](https://github.com/restic/restic/issues/3029)), and asks EC2's own address in its place.",
		shown: asksEC2,
	}
	ownMetadata = reason{
		mark: "e",
		text: "It knows no `AWS_EC2_METADATA_SERVICE_ENDPOINT`: minio-go, by which it speaks S3, asks EC2's own address, 169.254.169.254, " +
			"whatever the variable says.",
		shown: asksEC2,
	}
)

// asksEC2 is shown by an HTTP proxy, to which everything goes that is not on loopback.
func asksEC2(c *cell) error {
	trap := foreign.NewTrap(c.t)
	c.env = append(c.env, "HTTP_PROXY="+trap.URL, "http_proxy="+trap.URL)
	if err := c.program.once(c); err == nil {
		return errors.New("it has got credentials; want it to ask EC2's own address, and fail")
	}
	for _, call := range trap.Noted() {
		if strings.Contains(call.What, "http://169.254.169.254/latest/") {
			return nil
		}
	}
	return fmt.Errorf("got %v, want it to ask EC2's own address", trap.Noted())
}
