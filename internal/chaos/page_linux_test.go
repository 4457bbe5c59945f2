package chaos

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the table and the figures of docs/reliability.md; with AWSAUTH_SOAK=1, as all cells are needed")

// page has the table between two marks, and the figures between two others.
const (
	page        = "../../docs/reliability.md"
	tableBegin  = "<!-- chaos: the matrix -->\n"
	tableEnd    = "<!-- chaos: its end -->\n"
	figureBegin = "<!-- chaos: figures -->\n"
	figureEnd   = "<!-- chaos: their end -->\n"
)

// matrix is the table, with what has become of each cell; without verdicts the cells are empty.
func matrix(all []*verdict) string {
	var b strings.Builder
	b.WriteString("| | fault | what happens | `agent status` says |")
	for _, p := range phases {
		b.WriteString(" " + p.name + " |")
	}
	b.WriteString("\n| ---: | --- | --- | --- |" + strings.Repeat(" --- |", len(phases)) + "\n")
	for i, f := range faults {
		fmt.Fprintf(&b, "| %d | %s | %s | %s |", i+1, f.name, f.what, orDash(f.cause))
		for _, p := range phases {
			b.WriteString(" " + cellOf(all, f, p) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// cellOf is "ok", and in seconds when the cause was named and when there was something new.
func cellOf(all []*verdict, f *fault, p *phase) string {
	i := slices.IndexFunc(all, func(v *verdict) bool { return v.fault == f.name && v.phase == p.name })
	switch {
	case i < 0:
		return ""
	case len(all[i].problems) > 0:
		return "failed"
	case p.name == "steady":
		return "ok"
	}
	named := "–"
	if v := all[i]; v.named >= 0 {
		named = fmt.Sprintf("%.1f", v.named.Seconds())
	}
	return fmt.Sprintf("ok %s/%.1f", named, all[i].recovered.Seconds())
}

// figures are the rows of the table of figures.
func figures(all []*verdict, memory float64, took time.Duration) string {
	survived, answers, refused := 0, 0, 0
	var slowest, named time.Duration
	recovered := map[bool]time.Duration{}
	for _, v := range all {
		if len(v.problems) == 0 {
			survived++
		}
		answers, refused = answers+v.answers, refused+v.refused
		slowest, named = max(slowest, v.slowest), max(named, v.named)
		last := v.phase == "last minute"
		recovered[last] = max(recovered[last], v.recovered)
	}
	const command = "`AWSAUTH_SOAK=1 go test -run WhateverFails -v ./internal/chaos`"
	var b strings.Builder
	for _, row := range [][3]string{
		{"cells of the matrix survived", fmt.Sprintf("%d of %d", survived, len(all)), "300 of 300"},
		{"answers judged, of them 503", fmt.Sprintf("%d, %d", answers, refused), "each whole and good, or 503"},
		{"credentials given that were expired, empty or not to be believed", "0", "0"},
		{"slowest answer, less what the machine kept the client itself waiting", fmt.Sprintf("%d ms", slowest.Milliseconds()), "≤ 800 ms"},
		{"cause named by `agent status`, at the latest", fmt.Sprintf("%.1f s", named.Seconds()), "≤ 5 s"},
		{"something new after a fault's end, at the latest", fmt.Sprintf("%.1f s", recovered[false].Seconds()), "≤ 60 s, shrunk as above"},
		{"the same in the last quarter of the life", fmt.Sprintf("%.1f s", recovered[true].Seconds()), "≤ 15 s, shrunk as above"},
		{"most memory of an agent of 60 credentials", fmt.Sprintf("%.1f MiB", memory), "≤ 64 MiB"},
		{"the whole run", took.Round(time.Second).String(), "–"},
	} {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", row[0], row[1], row[2], command)
	}
	return b.String()
}

// between answers what stands between two marks, and the text with something else there.
func between(t *testing.T, text, begin, end, with string) (was, is string) {
	t.Helper()
	before, rest, found := strings.Cut(text, begin)
	was, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no %q and %q", page, begin, end)
	}
	return was, before + begin + with + end + after
}

// compare holds the page against a full run, or writes it.
func compare(t *testing.T, all []*verdict, memory float64, took time.Duration) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if *update && !t.Failed() {
		_, is := between(t, string(text), tableBegin, tableEnd, matrix(all))
		_, is = between(t, is, figureBegin, figureEnd, figures(all, memory, took))
		if err := os.WriteFile(page, []byte(is), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	was, _ := between(t, string(text), tableBegin, tableEnd, "")
	if diff := differences(was, matrix(all)); diff != "" {
		t.Errorf("%s does not say what has come out: go test -update\n%s", page, diff)
	}
}

// differences are the rows that differ in more than times.
func differences(page, run string) string {
	was, is := strings.Split(page, "\n"), strings.Split(run, "\n")
	var b strings.Builder
	for i := range max(len(was), len(is)) {
		var a, c string
		if i < len(was) {
			a = was[i]
		}
		if i < len(is) {
			c = is[i]
		}
		if withoutTimes(a) != withoutTimes(c) {
			fmt.Fprintf(&b, "-%s\n+%s\n", a, c)
		}
	}
	return b.String()
}

func withoutTimes(row string) string {
	cells := strings.Split(row, "|")
	for i, cell := range cells {
		if strings.HasPrefix(cell, " ok ") {
			cells[i] = " ok "
		}
	}
	return strings.Join(cells, "|")
}

// The page has each fault as it is here, and a verdict for each phase.
func TestThePageNamesEveryCell(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var all []*verdict
	for _, p := range phases {
		for _, f := range faults {
			all = append(all, &verdict{phase: p.name, fault: f.name})
		}
	}
	was, _ := between(t, string(text), tableBegin, tableEnd, "")
	if diff := differences(was, matrix(all)); diff != "" {
		t.Errorf("%s is not of these faults, or has cells that are not ok:\n%s", page, diff)
	}
	names := map[string]bool{}
	for _, f := range faults {
		names[f.name] = true
		does := 0
		for _, set := range []bool{f.listen != nil, f.greet != nil, f.tls != nil, f.answer != nil, f.lookup != nil, f.connect != nil} {
			if set {
				does++
			}
		}
		if does != 1 {
			t.Errorf("%s does %d things, want one", f.name, does)
		}
	}
	if len(faults) != 60 || len(names) != 60 || len(phases) != 5 {
		t.Errorf("got %d faults with %d names and %d phases, want 60 and 5", len(faults), len(names), len(phases))
	}
}
