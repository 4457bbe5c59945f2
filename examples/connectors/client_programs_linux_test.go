package connectors

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

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
