package witness

import (
	"flag"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/programs.md anew")

const (
	page      = "../../docs/programs.md"
	tableFrom = "<!-- table: made by go test ./internal/witness -run Programs -update -->\n"
	tableTo   = "<!-- end of the table -->\n"
)

// settings are what the cells set for a program to find the door, and the page says.
var settings = []string{
	"config aws-profile backup --write", "AWS_PROFILE=backup", "awsauth exec backup -- ", "AWS_CONTAINER_CREDENTIALS_FULL_URI=",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN=", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=", "AWS_EC2_METADATA_SERVICE_ENDPOINT=",
	"awsauth update backup", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "--endpoint-url", "provider = Other", "env_auth = true",
}

// reasons are all that stand below the table.
var reasons = []*reason{&noTokenFile, &longSessions, &noTokenFileHere, &noProcess, &ownMetadata}

func (r *reason) note() string { return "- **" + r.mark + "** " + r.text + "\n" }

// comparePage holds the page's table against what has happened, row by row. Rows of programs that are not on this machine stay.
func comparePage(t *testing.T, rows []program, outcomes map[[2]string]string) {
	t.Helper()
	if *update && slices.Contains(slices.Collect(maps.Values(outcomes)), failedCell) {
		t.Fatal("a cell has failed; the page stays as it is")
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableFrom)
	table, after, ok2 := strings.Cut(rest, tableTo)
	if !ok || !ok2 {
		t.Fatalf("%s has no table", page)
	}
	for _, setting := range settings {
		if !strings.Contains(after, setting) {
			t.Errorf("%s does not say %s, which a cell has set", page, setting)
		}
	}
	written := map[string]string{} // rows by the program's name
	var order []string
	for line := range strings.Lines(table) {
		if name, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " |"); ok && strings.HasPrefix(line, "| ") && name != "program" && name != "---" {
			written[name], order = strings.TrimSuffix(line, "\n"), append(order, name)
		}
	}
	for _, row := range rows {
		cells := []string{row.name}
		for _, door := range doorNames {
			cells = append(cells, outcomes[[2]string{row.name, door}])
		}
		got := "| " + strings.Join(cells, " | ") + " |"
		t.Log(got)
		switch want, known := written[row.name]; {
		case *update:
			if !known {
				order = append(order, row.name)
			}
			written[row.name] = got
		case !known:
			t.Logf("%s has no row for %s, which this machine has", page, row.name)
		case got != want:
			t.Errorf("got %s\nwant %s, as %s says", got, want, page)
		}
	}
	if !*update {
		for _, why := range reasons {
			if !strings.Contains(table, why.note()) {
				t.Errorf("%s lacks the reason %s as it is now", page, why.mark)
			}
		}
		return
	}
	var b strings.Builder
	b.WriteString(before + tableFrom + "| program | " + strings.Join(doorNames, " | ") + " |\n|" + strings.Repeat(" --- |", len(doorNames)+1) + "\n")
	slices.SortStableFunc(order, strings.Compare)
	for _, name := range order {
		b.WriteString(written[name] + "\n")
	}
	b.WriteString("\n")
	for _, why := range reasons {
		b.WriteString(why.note())
	}
	b.WriteString(tableTo + after)
	if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
