package endurance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// steady asks for many credentials at a pace, one after the other and at each door, as SDKs do: what the agent has not answered, as it
// was killed meanwhile, is asked again.
func steady(ctx context.Context, j job) report {
	var doors []*Door
	for i := range j.Many {
		name := fmt.Sprintf("c%d", i)
		doors = append(doors, Socket(j.Socket, name, 0), Container(j.Container, filepath.Join(j.Tokens, name), 0))
	}
	ask := InTurn(doors...)
	return summary(Open(ctx, Pace{j.Rate, j.Times}, func(context.Context) error { return again(ask) }))
}

// again asks up to three times, while there is no answer at all.
func again(ask func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		err := ask(context.Background())
		failed := new(url.Error)
		noAnswer := errors.As(err, &failed) && !failed.Timeout() && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE))
		if err == nil || !noAnswer || attempt == 3 {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// mostOfSlope is by how many bytes an hour memory grows at most, where nothing is to make it grow.
const mostOfSlope = 1 << 20

// S2: sessions live for seconds, the agent is killed and told to stop at random, certificates are renewed at random, AWS is slow at
// random; and for hundreds of generations of all sessions nobody gets an error, or anything that has ended.
func TestGenerationsOfSessionsFailNobody(t *testing.T) {
	life := time.Duration(full(t, 4, 10)) * time.Second
	o := options{credentials: full(t, 20, 200), container: true, life: life, users: []int{other(1)}, own: 4}
	generations := full(t, 3, 240)
	random := chaos(t)
	h := newHost(t, o)
	m := h.manage()
	m.start()
	h.settled()
	uid := other(1)
	client := h.startChild(uid, job{
		Kind: "steady", Socket: h.socket, Container: h.container, Tokens: filepath.Dir(h.tokenFile(uid, "c0")), Many: o.credentials, Rate: 100, Times: 1 << 30,
	})
	client.begin()
	kills, stops, renewals := 0, 0, 0
	began := time.Now()
	// A generation takes five eighths of a life on average, as it is renewed between 50 and 75 % of it: two thirds leave room.
	long := time.Duration(generations) * life * 2 / 3
	var memory [][2]float64 // hours and bytes of an agent that nobody kills
	calls := h.upstream.all.Load()
	for time.Since(began) < long {
		time.Sleep(time.Duration(random.Int64N(int64(min(life, long/10)))))
		h.upstream.slow.Store(random.Int64N(int64(100 * time.Millisecond)))
		quiet := time.Since(began) > long*2/5 // from then on it is seen whether memory grows
		if quiet {
			memory = append(memory, [2]float64{time.Since(began).Hours(), float64(m.agent.memory(t, "VmRSS"))})
		}
		switch what := random.IntN(3); {
		case what == 0:
			h.renewCertificate(random.IntN(o.own))
			renewals++
		case quiet:
		case what == 1:
			h.upstream.slow.Store(0) // what is not there yet cannot wait for it
			m.agent.kill()
			m.start()
			kills++
		default:
			h.upstream.slow.Store(0)
			m.agent.stop(t)
			m.start()
			stops++
		}
	}
	r := client.halt()
	slope, least := "none measured", float64(generations)*2/3 // in so short a time chance has more weight
	if soak() {
		least = float64(generations)
		grown := memory[len(memory)/5:] // without what it needs to grow up
		slope = fmt.Sprintf("%.2f MiB an hour", gradient(grown)/(1<<20))
		if len(grown) < 50 || !(gradient(grown) < mostOfSlope) {
			t.Errorf("memory grows by %s, of %d times that it was measured; want less than %d MiB an hour, of 50", slope, len(grown), mostOfSlope>>20)
		}
	}
	t.Logf("%s in %s: %s; %d calls of AWS, %.0f for each credential; %d kills, %d stops, %d certificates renewed; memory grows by %s",
		r, time.Since(began).Round(time.Second), "asked for "+fmt.Sprint(o.credentials)+" credentials", h.upstream.all.Load()-calls,
		float64(h.upstream.all.Load()-calls)/float64(o.credentials), kills, stops, renewals, slope)
	if r.Failed > 0 {
		t.Errorf("%d of %d requests failed, first %s", r.Failed, r.Asked, r.Err)
	}
	if per := float64(h.upstream.all.Load()-calls) / float64(o.credentials); per < least {
		t.Errorf("got %.0f generations, want %.0f at least", per, least)
	}
}

// gradient is the slope of the straight line that is nearest to points.
func gradient(points [][2]float64) float64 {
	var x, y, xx, xy float64
	for _, p := range points {
		x, y, xx, xy = x+p[0], y+p[1], xx+p[0]*p[0], xy+p[0]*p[1]
	}
	n := float64(len(points))
	return (n*xy - x*y) / (n*xx - x*x)
}

func TestTheSlopeOfMemoryIsFound(t *testing.T) {
	var leaking, steady [][2]float64
	for i := range 100 {
		hours := float64(i) / 100
		noise := float64(i%7) * 1e4
		leaking, steady = append(leaking, [2]float64{hours, 3e7 + 2e6*hours + noise}), append(steady, [2]float64{hours, 3e7 + noise})
	}
	if got := gradient(leaking); got < 1.9e6 || got > 2.1e6 {
		t.Errorf("two megabytes an hour: got %.0f", got)
	}
	if got := gradient(steady); got < -1e5 || got > 1e5 {
		t.Errorf("none: got %.0f", got)
	}
}
