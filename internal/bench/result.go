package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// result is one line of the report.
type result struct {
	what       string
	ours, bare string // as measured; bare is empty when there is nothing to compare with
	ratio      string // or the difference; empty without bare
	limit      string
	over       bool
}

func (r result) verdict() string {
	if r.over {
		return "OVER"
	}
	return "ok"
}

func (r result) cells() []string {
	cells := []string{r.what, r.ours, r.bare, r.ratio, r.limit, r.verdict()}
	for i, c := range cells {
		if c == "" {
			cells[i] = "-"
		}
	}
	return cells
}

// atMost compares times, ours as a multiple of bare's.
func atMost(what string, c comparison, limit float64) result {
	return result{
		what: what, ours: duration(c.ours), bare: duration(c.bare), ratio: fmt.Sprintf("%.3f", c.ratio),
		limit: fmt.Sprintf("≤ %.2f", limit), over: c.ratio > limit,
	}
}

// rateAtLeast compares rates: how many of ours for one of bare's.
func rateAtLeast(what string, c comparison, limit float64) result {
	perSecond := func(d time.Duration) string { return fmt.Sprintf("%.0f/s", float64(time.Second)/float64(d)) }
	rate := 1 / c.ratio
	return result{
		what: what, ours: perSecond(c.ours), bare: perSecond(c.bare), ratio: fmt.Sprintf("%.3f", rate),
		limit: fmt.Sprintf("≥ %.2f", limit), over: rate < limit,
	}
}

// within holds a time against a limit of its own.
func within(what string, d, limit time.Duration) result {
	return result{what: what, ours: duration(d), limit: "≤ " + duration(limit), over: d > limit}
}

// sized holds a number of bytes against a limit in megabytes of 10⁶ bytes.
func sized(what string, bytes int64, megabytes int64) result {
	return result{
		what: what, ours: fmt.Sprintf("%.1f MB", float64(bytes)/1e6), limit: fmt.Sprintf("≤ %d MB", megabytes),
		over: bytes > megabytes*1e6,
	}
}

// counted holds a number against a limit.
func counted(what string, n, most float64) result {
	return result{what: what, ours: fmt.Sprintf("%.0f", n), limit: fmt.Sprintf("≤ %.0f", most), over: n > most}
}

// duration writes a time with three digits or so.
func duration(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return fmt.Sprintf("%d ns", d.Nanoseconds())
	case d < time.Millisecond:
		return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	default:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
}

var heading = []string{"what", "ours", "bare", "ratio", "limit", ""}

func report(w io.Writer, results []result) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join(heading, "\t"))
	for _, r := range results {
		fmt.Fprintln(table, strings.Join(r.cells(), "\t"))
	}
	return table.Flush()
}

// origin says when, of what and where results are.
type origin struct {
	date            time.Time
	commit, machine string
}

// machine is the class of this machine, without its name.
func machine() string {
	cores := "cores"
	if runtime.NumCPU() == 1 {
		cores = "core"
	}
	return fmt.Sprintf("%d %s, %s/%s, %s", runtime.NumCPU(), cores, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// rows are lines of a Markdown table.
func rows(o origin, results []result) string {
	var b strings.Builder
	for _, r := range results {
		cells := append([]string{o.date.Format(time.DateOnly), o.commit, o.machine}, r.cells()...)
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	return b.String()
}

// appendTo adds rows to the table that ends a document.
func appendTo(document, rows string) (err error) {
	text, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("append results: %w", err)
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "| ") || strings.Count(last, "|") != len(heading)+4 {
		return fmt.Errorf("append results: %s does not end with the table of results", document)
	}
	f, err := os.OpenFile(document, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("append results: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if !strings.HasSuffix(string(text), "\n") {
		rows = "\n" + rows
	}
	_, err = f.WriteString(rows)
	return err
}
