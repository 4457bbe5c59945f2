package emulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// Fault is one way in which the emulator misbehaves. Make one with Latency, Errors, Throttle, Skew, Cut, Hang or
// ParseFault.
type Fault struct {
	kind  string
	count int           // how many requests it strikes; 0 for each one, by rate
	rate  float64       // of requests struck, 0 to 1, when count is 0
	delay time.Duration // of latency and skew
}

// Latency delays every answer.
func Latency(d time.Duration) Fault { return Fault{kind: "latency", rate: 1, delay: d} }

// Errors answers the next n requests with 500 InternalFailure.
func Errors(n int) Fault { return Fault{kind: "errors", count: n} }

// Throttle answers the next n requests with 429 ThrottlingException; STS and IAM say 400 Throttling.
func Throttle(n int) Fault { return Fault{kind: "throttle", count: n} }

// Skew sets the emulator's clock off by d, as if this host's were off by -d: signatures are judged and sessions end by it.
func Skew(d time.Duration) Fault { return Fault{kind: "skew", rate: 1, delay: d} }

// Cut ends the next n answers in the middle of the body.
func Cut(n int) Fault { return Fault{kind: "cut", count: n} }

// Hang leaves the next n requests without an answer until the client gives up.
func Hang(n int) Fault { return Fault{kind: "hang", count: n} }

// Faults is what ParseFault reads, for help and messages.
const Faults = "latency=200ms, errors=10%, throttle=3, skew=10m, cut=10%, hang=1"

// ErrFault reports a text that is no fault.
var ErrFault = errors.New("not a fault: use KIND=VALUE, as " + Faults)

// ParseFault reads "latency=200ms" and "skew=10m" (durations), "errors", "throttle", "cut" and "hang" with a number of
// requests ("throttle=3") or a share of them ("errors=10%").
func ParseFault(s string) (Fault, error) {
	kind, value, _ := strings.Cut(s, "=")
	f := Fault{kind: kind}
	switch kind {
	case "latency", "skew":
		d, err := time.ParseDuration(value)
		if err != nil || kind == "latency" && d < 0 {
			return Fault{}, ErrFault
		}
		f.delay, f.rate = d, 1
	case "errors", "throttle", "cut", "hang":
		if share, ok := strings.CutSuffix(value, "%"); ok {
			percent, err := strconv.ParseFloat(share, 64)
			if err != nil || !(percent >= 0 && percent <= 100) {
				return Fault{}, ErrFault
			}
			f.rate = percent / 100
			break
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return Fault{}, ErrFault
		}
		f.count = n
	default:
		return Fault{}, ErrFault
	}
	return f, nil
}

// Fail makes the emulator misbehave from now on. It replaces the faults set before; without arguments it is well again.
func (e *Emulator) Fail(all ...Fault) {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	e.faults.all = append([]Fault(nil), all...)
	var skew time.Duration
	for _, f := range all {
		if f.kind == "skew" {
			skew = f.delay
		}
	}
	e.faults.skew.Store(int64(skew))
}

// now is the emulator's clock.
func (e *Emulator) now() time.Time { return e.config.Now().Add(time.Duration(e.faults.skew.Load())) }

// faults are the faults in force.
type faults struct {
	mu   sync.Mutex // guards all
	all  []Fault
	skew atomic.Int64 // nanoseconds
}

// struck are the faults that one request suffers, by kind.
type struck map[string]Fault

// strike draws the faults of one request.
func (f *faults) strike() struck {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all struck
	for i := range f.all {
		fault := &f.all[i]
		switch {
		case fault.count > 0:
			if fault.count--; fault.count == 0 {
				fault.count = -1 // spent
			}
		case fault.count < 0 || rand.Float64() >= fault.rate:
			continue
		}
		if all == nil {
			all = make(struck, len(f.all))
		}
		all[fault.kind] = *fault
	}
	return all
}

// wait delays the answer. It reports whether there is to be one at all: not when the client has given up.
func (s struck) wait(ctx context.Context) bool {
	if _, ok := s["hang"]; ok {
		<-ctx.Done()
		return false
	}
	latency, ok := s["latency"]
	if !ok {
		return true
	}
	select {
	case <-time.After(latency.delay):
		return true
	case <-ctx.Done():
		return false
	}
}

// refusal is the answer in the place of a service's own, or nil; query says that the service speaks the Query protocol.
func (s struck) refusal(query bool) error {
	const reason = "a fault that was asked for"
	if _, ok := s["throttle"]; ok {
		if query {
			return &wire.Refusal{Status: http.StatusBadRequest, Code: "Throttling", Message: "Rate exceeded", Reason: reason}
		}
		return &wire.Refusal{
			Status: http.StatusTooManyRequests, Code: "ThrottlingException", Message: "Rate exceeded", Reason: reason,
		}
	}
	if _, ok := s["errors"]; ok {
		return &wire.Refusal{
			Status: http.StatusInternalServerError, Code: "InternalFailure", Message: "The emulator failed.", Reason: reason,
		}
	}
	return nil
}

// writer is where the answer is to be written, and what sends it when all is written.
func (s struck) writer(w http.ResponseWriter) (_ http.ResponseWriter, send func()) {
	if _, ok := s["cut"]; ok {
		cut := &cutWriter{ResponseWriter: w}
		return cut, cut.send
	}
	return w, func() {}
}

// cutWriter announces the whole body and sends half of it.
type cutWriter struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (c *cutWriter) WriteHeader(status int) { c.status = status }

func (c *cutWriter) Write(b []byte) (int, error) { return c.body.Write(b) }

func (c *cutWriter) send() {
	c.Header().Set("Content-Length", fmt.Sprint(c.body.Len()))
	if c.status != 0 {
		c.ResponseWriter.WriteHeader(c.status)
	}
	half := c.body.Bytes()[:c.body.Len()/2]
	if _, err := c.ResponseWriter.Write(half); err != nil {
		return
	}
	if f, ok := c.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler) // net/http's way to break the connection
}
