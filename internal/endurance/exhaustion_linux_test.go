package endurance

import (
	"context"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/agent"
)

// What an attack may cost an agent at most.
const (
	mostFiles      = 600
	mostMoreMemory = 16 << 20
	mostTokens     = 1024
)

// How long others wait under an attack at most, 99 of a hundred. Where an attack is more than there is a target for, as three times the
// connections or headers that are read to their end, it is as long as for any answer.
const (
	mostUnderAttack = 50 * time.Millisecond
	mostForAnswer   = time.Second
)

// target is a door as an attacker sees it.
type target struct{ network, address, host string }

func (j job) targets() (all []target) {
	if j.Socket != "" {
		all = append(all, target{"unix", j.Socket, agent.Host})
	}
	for _, address := range []string{j.Container, j.IMDS} {
		if address != "" {
			all = append(all, target{"tcp", address, address})
		}
	}
	return all
}

// attack has a number of attackers work at each door until it is over, each again as soon as it has been cut off, and answers how often
// they have begun and have been cut off. strike works until then, and answers why it goes on no longer.
func attack(ctx context.Context, j job, attackers int, strike func(to target, conn net.Conn) error) report {
	targets := j.targets()
	begun := make([]atomic.Int64, len(targets))
	var cut atomic.Int64
	var all sync.WaitGroup
	for i, to := range targets {
		for range attackers {
			all.Go(func() {
				for ctx.Err() == nil {
					conn, err := net.DialTimeout(to.network, to.address, time.Second)
					if err != nil {
						time.Sleep(10 * time.Millisecond)
						continue
					}
					begun[i].Add(1)
					over := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
					if err := strike(to, conn); ctx.Err() == nil && !os.IsTimeout(err) {
						cut.Add(1)
					}
					over()
					_ = conn.Close() // it may have been cut off
				}
			})
		}
	}
	all.Wait()
	r := report{Least: math.MaxInt, Cut: int(cut.Load())}
	for i := range begun {
		n := int(begun[i].Load())
		r.Asked, r.Least = r.Asked+n, min(r.Least, n)
	}
	return r
}

// halfOpen sends a request a byte at a time, and never all of it.
func halfOpen(ctx context.Context, j job) report {
	return attack(ctx, j, j.Times, func(to target, conn net.Conn) error {
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+to.host+"\r\nX-Slow: "); err != nil {
			return err
		}
		buffer := make([]byte, 1)
		for {
			_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			_, err := conn.Read(buffer)
			if err == nil || os.IsTimeout(err) {
				_, err = conn.Write([]byte("x"))
			}
			if err != nil { // cut off
				time.Sleep(time.Second)
				return err
			}
		}
	})
}

// tenThousandHeaders sends ten thousand names of headers, which is more than a door reads.
func tenThousandHeaders(ctx context.Context, j job) report {
	return attack(ctx, j, j.Times, sendHeaders(func(i, _ int) bool { return i < 10_000 }))
}

// allowedHeaders sends as many names of headers as a door reads, in a request that it refuses.
func allowedHeaders(ctx context.Context, j job) report {
	return attack(ctx, j, j.Times, sendHeaders(func(_, size int) bool { return size < 15<<10 }))
}

// sendHeaders strikes with one request that has headers for as long as more of them are wanted, of which it tells the number and the bytes.
func sendHeaders(more func(number, size int) bool) func(to target, conn net.Conn) error {
	var headers strings.Builder
	for i := 0; more(i, headers.Len()); i++ {
		fmt.Fprintf(&headers, "x%d: y\r\n", i)
	}
	return func(to target, conn net.Conn) error {
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+to.host+"\r\n"+headers.String()+"\r\n"); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, conn) // until it is cut off
		return err
	}
}

// pipeline sends one request after the other without waiting, and every other attacker reads no answer.
func pipeline(ctx context.Context, j job) report {
	var turn atomic.Int64
	return attack(ctx, j, j.Times, func(to target, conn net.Conn) error {
		if turn.Add(1)%2 == 0 {
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
		requests := strings.Repeat("GET /credentials/c0 HTTP/1.1\r\nHost: "+to.host+"\r\n\r\n", 100)
		for {
			_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
			if _, err := io.WriteString(conn, requests); err != nil {
				return err
			}
		}
	})
}

// manyTokens asks for tokens of the metadata service as fast as it can, and counts how many of the last ones are good in the end.
func manyTokens(ctx context.Context, j job) report {
	metadata := Metadata(j.IMDS, 32)
	var mu sync.Mutex
	var given []string
	r := Closed(ctx, 32, j.Times, func(ctx context.Context) error {
		token, err := metadata.do(ctx, http.MethodPut, metadata.session, http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"21600"}})
		mu.Lock()
		defer mu.Unlock()
		given = append(given, string(token))
		return err
	})
	good := 0
	for _, token := range given[max(len(given)-3*mostTokens, 0):] {
		if _, err := metadata.do(ctx, http.MethodGet, metadata.url, http.Header{"X-Aws-Ec2-Metadata-Token": {token}}); err == nil {
			good++
		}
	}
	s := summary(r)
	s.Good = good
	return s
}

// A4: whatever another user does to the doors, whoever may have credentials gets them, and the agent stays small.
func TestAttacksFailNoRequestOfOthers(t *testing.T) {
	for _, a := range []struct {
		name string
		most time.Duration // p99 of others
		job  job
	}{
		{"nobody attacks", mostUnderAttack, job{}},
		{"two thousand connections that ask nothing", mostUnderAttack, job{Kind: "half-open", Times: 667}}, // at each of three doors
		{"six thousand connections that ask nothing", mostForAnswer, job{Kind: "half-open", Times: 2000}},
		{"ten thousand headers", mostUnderAttack, job{Kind: "headers", Times: 8}},
		{"as many headers as are read", mostForAnswer, job{Kind: "allowed-headers", Times: 8}},
		{"requests that do not wait for answers", mostUnderAttack, job{Kind: "pipeline", Times: 16}},
		{"tokens without end", mostUnderAttack, job{Kind: "tokens", Times: full(t, 5000, 100_000)}},
	} {
		t.Run(a.name, func(t *testing.T) {
			inTime(t, "p99", a.most, func() time.Duration { return p99UnderAttack(t, a.job) })
		})
	}
}

// p99UnderAttack has an agent attacked, holds it to all but the time, and answers how long 99 of a hundred others have waited.
func p99UnderAttack(t *testing.T, attack job) time.Duration {
	t.Helper()
	h := newHost(t, options{credentials: 1, container: true, imds: true, users: []int{other(1), other(3)}})
	h.start()
	defer h.agent.kill()
	h.settled()
	legit := job{Kind: "open", Name: "c0", Socket: h.socket, Container: h.container, TokenFile: h.tokenFile(other(1), "c0"), IMDS: h.imds, Rate: 200, Times: 1 << 30}
	calm := h.startChild(other(1), legit)
	calm.begin()
	time.Sleep(500 * time.Millisecond)
	if r := calm.halt(); r.Failed > 0 {
		t.Fatalf("before the attack: %d failed, first %s", r.Failed, r.Err)
	}
	before, refusals := h.agent.memory(t, "VmHWM"), h.status().Refusals
	victim := h.startChild(other(1), legit)
	attacker := other(2)
	attack.Socket, attack.Container, attack.IMDS = h.socket, h.container, h.imds
	if attack.Kind == "tokens" {
		attacker = other(3) // one who may have some
	}
	var attacks *working
	if attack.Kind != "" {
		attacks = h.startChild(attacker, attack)
		attacks.begin()
	}
	victim.begin()
	files := 0
	lasts := time.Duration(full(t, 2, 30)) * time.Second
	for began := time.Now(); time.Since(began) < lasts; time.Sleep(20 * time.Millisecond) {
		files = max(files, h.agent.files(t))
	}
	r := victim.halt()
	var attacked report
	switch attack.Kind {
	case "":
	case "tokens":
		attacked = attacks.finish()
		if attacked.Failed > 0 || attacked.Asked != attack.Times || attacked.Good == 0 || attacked.Good > mostTokens {
			t.Errorf("got %s, and %d tokens that are good, want %d at most", attacked, attacked.Good, mostTokens)
		}
	default:
		attacked = attacks.halt()
		if attacked.Least == 0 || attacked.Cut == 0 {
			t.Errorf("the attackers began %d times at the door where it was least, and the agent has ended %d of their connections", attacked.Least, attacked.Cut)
		}
	}
	refusals = h.status().Refusals - refusals
	if os.Getuid() == 0 && (attack.Kind == "allowed-headers" || attack.Kind == "pipeline") && refusals == 0 {
		t.Error("the agent has refused none of the attackers' requests")
	}
	more := h.agent.memory(t, "VmHWM") - before
	t.Logf("%s; at most %d files and %.1f MiB more; the attackers began %d times, were cut off %d and refused %d times",
		r, files, mebi(more), attacked.Asked, attacked.Cut, refusals)
	if r.Failed > 0 {
		t.Errorf("%d of %d requests failed, first %s", r.Failed, r.Asked, r.Err)
	}
	if files > mostFiles {
		t.Errorf("got %d files, want %d at most", files, mostFiles)
	}
	if more > mostMoreMemory {
		t.Errorf("got %.1f MiB more, want %d at most", mebi(more), mostMoreMemory>>20)
	}
	return r.Quantiles[1]
}
