package main

import (
	"context"
	"runtime"
	"slices"
	"time"
)

// side is one of two things that are compared. prepare makes what run uses up, outside of the time taken.
type side struct {
	prepare func(n int) error // may be nil
	run     func(n int) error
}

func (s side) time(n int) (time.Duration, error) {
	if s.prepare != nil {
		if err := s.prepare(n); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	err := s.run(n)
	return time.Since(start), err
}

// allocations answers how many allocations one operation makes.
func (s side) allocations() (float64, error) {
	const n = 100
	if s.prepare != nil {
		if err := s.prepare(n); err != nil {
			return 0, err
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := s.run(n)
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / n, err
}

// comparison is the outcome of rounds.
type comparison struct {
	ours, bare time.Duration // of one operation, median
	ratio      float64       // ours to bare, median of the rounds'
}

// compare lets both sides take turns. In every other round the other one begins.
func compare(ctx context.Context, rounds, operations int, ours, bare side) (comparison, error) {
	var mine, theirs, ratios []float64
	for i := range rounds + 1 {
		if err := ctx.Err(); err != nil {
			return comparison{}, err
		}
		pair := [2]side{ours, bare}
		first := i % 2
		var took [2]time.Duration
		for _, turn := range []int{first, 1 - first} {
			var err error
			if took[turn], err = pair[turn].time(operations); err != nil {
				return comparison{}, err
			}
		}
		if i == 0 {
			continue // the first round warms up
		}
		mine, theirs = append(mine, float64(took[0])), append(theirs, float64(took[1]))
		ratios = append(ratios, float64(took[0])/float64(took[1]))
	}
	return comparison{
		ours:  time.Duration(median(mine)) / time.Duration(operations),
		bare:  time.Duration(median(theirs)) / time.Duration(operations),
		ratio: median(ratios),
	}, nil
}

// median answers the middle of at least one value, or the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
