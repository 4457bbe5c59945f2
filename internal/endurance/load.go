// Package endurance asks an agent as many programs do: again and again, at a rate, through each of its doors.
//
//	door := endurance.Socket("/run/awsauth/agent.sock", "backup")
//	r := endurance.Open(ctx, endurance.Pace{Rate: 2000, Times: 20_000}, door.Ask)
//
// Its tests hold the built command to what a host may do to it for years: restarts, crowds, attacks, kills.
package endurance

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Pace is how often is asked.
type Pace struct {
	Rate  float64 // a second
	Times int
}

// Result is what came of asking.
type Result struct {
	Took   []time.Duration // in ascending order, failures included
	Failed int
	Err    error // of the first that failed
	Lasted time.Duration
}

// Quantile answers the time that a share of all took at most: 0.99 for p99. It is zero when nothing was asked.
func (r Result) Quantile(share float64) time.Duration {
	if len(r.Took) == 0 {
		return 0
	}
	return r.Took[min(int(share*float64(len(r.Took))), len(r.Took)-1)]
}

// Rate answers how many were asked in a second.
func (r Result) Rate() float64 { return float64(len(r.Took)) / r.Lasted.Seconds() }

// tally collects a Result from many goroutines.
type tally struct {
	mu sync.Mutex // guards r
	r  Result
}

func (t *tally) add(took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.r.Took = append(t.r.Took, took)
	if err != nil {
		if t.r.Failed++; t.r.Err == nil {
			t.r.Err = err
		}
	}
}

func (t *tally) result(start time.Time) Result {
	t.r.Lasted = time.Since(start)
	slices.Sort(t.r.Took)
	return t.r
}

// Open asks at a pace whatever the answers take, as programs do that know nothing of one another (an open loop). What each took counts
// from when it was due, and so contains what those before it have kept it waiting.
func Open(ctx context.Context, p Pace, ask func(context.Context) error) Result {
	t := &tally{r: Result{Took: make([]time.Duration, 0, p.Times)}}
	start := time.Now()
	var all sync.WaitGroup
	for i := range p.Times {
		due := start.Add(time.Duration(float64(i) / p.Rate * float64(time.Second)))
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			err := ask(ctx)
			t.add(time.Since(due), err)
		})
	}
	all.Wait()
	return t.result(start)
}

// Closed has a number of programs ask at once, each again as soon as it has its answer (a closed loop), until all have asked often
// enough together.
func Closed(ctx context.Context, programs, times int, ask func(context.Context) error) Result {
	t := &tally{r: Result{Took: make([]time.Duration, 0, times)}}
	start := time.Now()
	var all sync.WaitGroup
	for i := range programs {
		all.Go(func() {
			for range times/programs + min(max(times%programs-i, 0), 1) {
				if ctx.Err() != nil {
					return
				}
				asked := time.Now()
				err := ask(ctx)
				t.add(time.Since(asked), err)
			}
		})
	}
	all.Wait()
	return t.result(start)
}
