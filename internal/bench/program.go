package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// program is the path of the command.
type program string

// measure starts the command in processes of its own, with an empty environment.
func (p program) measure(ctx context.Context) ([]result, error) {
	const (
		sessions = 50
		starts   = 15
		demos    = 5
	)
	ready, err := p.timeReady(ctx, starts)
	if err != nil {
		return nil, err
	}
	session, memory, err := p.compareSession(ctx, sessions)
	if err != nil {
		return nil, err
	}
	held, err := p.compareHeld(ctx, sessions)
	if err != nil {
		return nil, err
	}
	demo, err := p.timeDemo(ctx, demos)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(string(p))
	if err != nil {
		return nil, err
	}
	return []result{
		atMost("awsauth get session, cold, to awsauth version", session, 2.5),
		memory,
		atMost("awsauth get NAME, held, to awsauth version", held, 2),
		within("awsauth emulator, from its start to ready", ready, 50*time.Millisecond),
		within("awsauth demo", demo, 3*time.Second),
		sized("the binary, stripped", info.Size(), 15),
	}, nil
}

func (p program) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, string(p), args...)
	c.Env = []string{}
	return c
}

// running is an emulator in a process of its own, and what it said when it was ready.
type running struct {
	Endpoint       string `json:"endpoint"`
	TrustAnchorARN string `json:"trust_anchor_arn"`
	ProfileARN     string `json:"profile_arn"`
	RoleARN        string `json:"role_arn"`
	Identity       struct {
		URI string `json:"uri"`
	} `json:"identity"`

	took time.Duration // from its start to its first line
	stop func() error
}

func (p program) emulator(ctx context.Context, more ...string) (*running, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := p.command(ctx, append([]string{"emulator", "--listen", "127.0.0.1:0", "--json"}, more...)...)
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 5 * time.Second
	out, err := c.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	start := time.Now()
	if err := c.Start(); err != nil {
		cancel()
		return nil, err
	}
	r := &running{stop: func() error {
		cancel()
		if err := c.Wait(); err != nil && ctx.Err() == nil {
			return fmt.Errorf("emulator: %w", err)
		}
		return nil
	}}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	r.took = time.Since(start)
	if err == nil {
		err = json.Unmarshal(line, r)
	}
	if err != nil {
		return nil, fmt.Errorf("emulator: it did not say that it is ready: %w", firstOf(err, r.stop()))
	}
	return r, nil
}

// firstOf answers the second error when the first only follows from it.
func firstOf(err, cause error) error {
	if cause != nil {
		return cause
	}
	return err
}

func (p program) timeReady(ctx context.Context, times int) (time.Duration, error) {
	var took []float64
	for range times {
		r, err := p.emulator(ctx)
		if err != nil {
			return 0, err
		}
		if err := r.stop(); err != nil {
			return 0, err
		}
		took = append(took, float64(r.took))
	}
	return time.Duration(median(took)), nil
}

// compareSession lets a cold get session and the least that the command can do take turns.
func (p program) compareSession(ctx context.Context, rounds int) (_ comparison, memory result, err error) {
	r, err := p.emulator(ctx)
	if err != nil {
		return comparison{}, result{}, err
	}
	defer func() { err = firstOf(err, r.stop()) }()
	var most int64
	session := repeat(func() error {
		peak, err := p.run(ctx, "AccessKeyId", "get", "session", "--format", "process", "--endpoint-url", r.Endpoint,
			"--certificate", r.Identity.URI, "--role-arn", r.RoleARN, "--profile-arn", r.ProfileARN,
			"--trust-anchor-arn", r.TrustAnchorARN)
		most = max(most, peak)
		return err
	})
	version := repeat(func() error {
		_, err := p.run(ctx, "awsauth", "version")
		return err
	})
	c, err := compare(ctx, rounds, 1, session, version)
	memory = sized("awsauth get session, most memory", most, 20)
	if most == 0 {
		memory.ours, memory.over = "not known here", false
	}
	return c, memory, err
}

// compareHeld lets a get of what an earlier one has got and the least that the command can do take turns.
func (p program) compareHeld(ctx context.Context, rounds int) (_ comparison, err error) {
	r, err := p.emulator(ctx)
	if err != nil {
		return comparison{}, err
	}
	defer func() { err = firstOf(err, r.stop()) }()
	dir, err := os.MkdirTemp("", "awsauth-bench-")
	if err != nil {
		return comparison{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf("credentials:\n  held: {type: session, endpoint_url: %q, role_arn: %q, profile_arn: %q, trust_anchor_arn: %q, certificate: %q}\n",
		r.Endpoint, r.RoleARN, r.ProfileARN, r.TrustAnchorARN, r.Identity.URI)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return comparison{}, err
	}
	held := repeat(func() error {
		_, err := p.runIn(ctx, []string{"HOME=" + dir, "XDG_CACHE_HOME=" + dir, "XDG_DATA_HOME=" + dir}, "AccessKeyId", "get", "held", "--config", file)
		return err
	})
	version := repeat(func() error {
		_, err := p.run(ctx, "awsauth", "version")
		return err
	})
	return compare(ctx, rounds, 1, held, version)
}

// run runs the command to its end, demands a word of its output, and answers its peak of memory in bytes.
func (p program) run(ctx context.Context, word string, args ...string) (peak int64, err error) {
	return p.runIn(ctx, []string{}, word, args...)
}

// runIn is run with an environment.
func (p program) runIn(ctx context.Context, environment []string, word string, args ...string) (peak int64, err error) {
	c := p.command(ctx, args...)
	c.Env = environment
	var out, messages bytes.Buffer
	c.Stdout, c.Stderr = &out, &messages
	if err := c.Run(); err != nil {
		return 0, fmt.Errorf("awsauth %s: %w: %s", args[0], err, bytes.TrimSpace(messages.Bytes()))
	}
	if !bytes.Contains(out.Bytes(), []byte(word)) {
		return 0, fmt.Errorf("awsauth %s: its output has no %q", args[0], word)
	}
	return peakMemory(c.ProcessState), nil
}

func (p program) timeDemo(ctx context.Context, times int) (time.Duration, error) {
	var took []float64
	for range times {
		start := time.Now()
		if _, err := p.run(ctx, "get demo", "demo"); err != nil {
			return 0, err
		}
		took = append(took, float64(time.Since(start)))
	}
	return time.Duration(median(took)), nil
}
