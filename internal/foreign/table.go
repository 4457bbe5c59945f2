package foreign

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Table is one in a document that tests fill and hold to what they have found, row by row. Rows of programs that are not on this
// machine stay as they are.
type Table struct {
	Path     string   // of the document
	From, To string   // the lines before and after it
	Head     []string // of its columns
	Key      int      // how many columns say which row it is
	Below    string   // what stands under it
	Open     bool     // a machine may have programs of which it has no row
}

func line(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }

// Compare fails where the document says something else than rows; or writes it anew, with update. What stands around the table it answers.
func (k Table) Compare(t *testing.T, rows [][]string, update bool) (before, after string) {
	t.Helper()
	text, err := os.ReadFile(k.Path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), k.From)
	table, after, ok2 := strings.Cut(rest, k.To)
	if !ok || !ok2 {
		t.Fatalf("%s has no table between %q and %q", k.Path, k.From, k.To)
	}
	written, order := map[string]string{}, []string{}
	for _, l := range strings.Split(table, "\n") {
		cells := strings.Split(strings.Trim(l, "| "), " | ")
		if strings.HasPrefix(l, "| ") && len(cells) == len(k.Head) && !slices.Equal(cells, k.Head) && cells[0] != "---" {
			name := line(cells[:k.Key])
			written[name], order = l, append(order, name)
		}
	}
	for _, cells := range rows {
		name, got := line(cells[:k.Key]), line(cells)
		t.Log(got)
		switch want, known := written[name]; {
		case update:
			if !known {
				order = append(order, name)
			}
			written[name] = got
		case !known && k.Open:
			t.Logf("%s has no row for %s, which this machine has", k.Path, name)
		case !known:
			t.Errorf("%s has no row %s", k.Path, name)
		case got != want:
			t.Errorf("got %s\nwant %s, as %s says", got, want, k.Path)
		}
	}
	if !update {
		if !strings.HasSuffix(table, k.Below) {
			t.Errorf("below its table %s does not say:\n%s", k.Path, k.Below)
		}
		return before, after
	}
	slices.Sort(order)
	var b strings.Builder
	b.WriteString(before + k.From + line(k.Head) + "\n|" + strings.Repeat(" --- |", len(k.Head)) + "\n")
	for _, name := range order {
		b.WriteString(written[name] + "\n")
	}
	b.WriteString(k.Below + k.To + after)
	if err := os.WriteFile(k.Path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return before, after
}
