//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/stsclient"
	"github.com/awsauth-go/awsauth/serve/credfile"
)

// At every moment the file has credentials that AWS accepts; what else is in it stays; and it ends as intended when it is told to.
func TestUpdateKeepsAProfileFresh(t *testing.T) {
	t.Parallel()
	const life = 4 * time.Second // a quarter of it is left at each renewal, also on a busy machine
	h := newExecHost(t, awsauthtest.Config{Emulator: emulator.Config{SessionLifetime: life}})
	file := filepath.Join(h.dir, "credentials")
	const theirs = "[other]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE # kept\n\n"
	if err := os.WriteFile(file, []byte(theirs), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("awsauth", "update", "backup", "--profile", "fresh")
	c.Env = append(h.env, "AWS_SHARED_CREDENTIALS_FILE="+file)
	var stderr bytes.Buffer
	c.Stderr = &stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	t.Cleanup(func() {
		if !ended {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	})
	read := func() (aws.Credentials, bool) {
		text, err := os.ReadFile(file)
		if err != nil || !strings.HasPrefix(string(text), theirs) {
			t.Fatalf("%v: the file is %q", err, text)
		}
		var values [3]string
		for i, key := range []string{"aws_access_key_id", "aws_secret_access_key", "aws_session_token"} {
			values[i], _ = credfile.Lookup(text, "fresh", key)
		}
		got, err := credentials.NewStaticCredentialsProvider(values[0], values[1], values[2]).Retrieve(context.Background())
		return got, err == nil
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, there := read(); there {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing is written")
		}
	}
	keys := map[string]bool{}
	for start := time.Now(); time.Since(start) < 5*life; time.Sleep(50 * time.Millisecond) {
		got, _ := read()
		if _, err := (stsclient.Client{Region: h.local.Region, Endpoint: h.local.Endpoint}).CallerIdentity(t.Context(), got); err != nil {
			t.Fatalf("after %s: %v", time.Since(start), err)
		}
		keys[got.AccessKeyID] = true
	}
	if len(keys) < 5 {
		t.Errorf("got %d sessions in %s, want one for each %s at least", len(keys), 5*life, life)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended = true
	if err := c.Wait(); err != nil {
		t.Errorf("told to stop: %v", err)
	}
	if lines := strings.Count(stderr.String(), "profile fresh of "+file+" has ASIAEMU"); lines < 5 || strings.Contains(stderr.String(), "no new credentials") {
		t.Errorf("it said\n%s", stderr.String())
	}
}

// A file that cannot be written is tried again soon, and one that never could ends it.
func TestUpdateTriesAgainToWrite(t *testing.T) {
	t.Parallel()
	h := newExecHost(t, awsauthtest.Config{Emulator: emulator.Config{SessionLifetime: 12 * time.Second}})
	dir := filepath.Join(h.dir, "aws")
	file := filepath.Join(dir, "credentials")
	if err := os.MkdirAll(file, 0o700); err != nil { // a directory in its place
		t.Fatal(err)
	}
	first := exec.Command("awsauth", "update", "backup")
	first.Env = append(h.env, "AWS_SHARED_CREDENTIALS_FILE="+file)
	if out, err := first.CombinedOutput(); err == nil || !strings.Contains(string(out), "not a regular file") {
		t.Errorf("it cannot ever be written: got %v and\n%s", err, out)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("awsauth", "update", "backup")
	c.Env = append(h.env, "AWS_SHARED_CREDENTIALS_FILE="+file)
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	lines := bufio.NewScanner(stderr)
	next := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("%q is not said", want)
	}
	next("has ASIAEMU")
	if err := errors.Join(os.Rename(file, file+".aside"), os.Mkdir(file, 0o700)); err != nil {
		t.Fatal(err)
	}
	next("profile backup is not written: change " + file + ": not a regular file (those that there are end in ")
	if err := errors.Join(os.Remove(file), os.Rename(file+".aside", file)); err != nil {
		t.Fatal(err)
	}
	mended := time.Now()
	next("has ASIAEMU")
	if took := time.Since(mended); took > 5*time.Second { // the next session comes after six at least
		t.Errorf("it is written %s after it could be", took)
	}
}

// A program that knows no lock puts back what it has read before, as the AWS CLI may: the profile is mended long before a session ends.
func TestUpdateMendsWhatIsWrittenOver(t *testing.T) {
	t.Parallel()
	h := newExecHost(t, awsauthtest.Config{})
	file := filepath.Join(h.dir, "credentials")
	c := exec.Command("awsauth", "update", "backup")
	c.Env = append(h.env, "AWS_SHARED_CREDENTIALS_FILE="+file)
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "has ASIAEMU") {
	}
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := credfile.Lookup(good, "backup", "aws_access_key_id")
	const theirs = "[other]\nregion = eu-west-1\n[backup]\naws_access_key_id = ASIAIOSFODNN7EXAMPLE\n"
	if err := os.WriteFile(file, []byte(theirs), 0o600); err != nil {
		t.Fatal(err)
	}
	if want := "profile backup of " + file + " was no longer as it was written, and has " + key + " again"; !lines.Scan() || !strings.HasSuffix(lines.Text(), want) {
		t.Errorf("it said %q, want %q", lines.Text(), want)
	}
	mended, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := credfile.Lookup(mended, "backup", "aws_access_key_id"); got != key || !strings.HasPrefix(string(mended), "[other]\nregion = eu-west-1\n") {
		t.Errorf("the file is %q", mended)
	}
}

// AWS may come back, and is waited for; what only a person can mend ends it.
func TestUpdateWaitsForAWSAndForNobodyElse(t *testing.T) {
	t.Parallel()
	h := newExecHost(t, awsauthtest.Config{})
	file := filepath.Join(h.dir, "credentials")
	run := func(args ...string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		c := exec.CommandContext(ctx, "awsauth", append([]string{"update", "backup", "--no-cache"}, args...)...)
		c.Env = append(h.env, "AWS_SHARED_CREDENTIALS_FILE="+file)
		c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
		var stderr bytes.Buffer
		c.Stderr = &stderr
		err := c.Run()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return stderr.String(), err
	}
	if said, err := run("--endpoint-url", "http://127.0.0.1:1"); err != context.DeadlineExceeded ||
		!strings.Contains(said, "no new credentials: create session: 127.0.0.1:1: connection refused (there are none)\n") {
		t.Errorf("AWS is away: got %v and\n%s", err, said)
	}
	if said, err := run("--certificate", "file:nowhere.pem"); err == nil || err == context.DeadlineExceeded ||
		!strings.Contains(said, "awsauth: update backup: identity \"nowhere.pem\": no such file or directory\n") {
		t.Errorf("no certificate: got %v and\n%s", err, said)
	}
}
