package agent

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// updatePage writes the table of metrics into the page: go test ./internal/agent -run Documented -update.
var updatePage = flag.Bool("update", false, "write docs/metrics.md")

const page = "../../docs/metrics.md"

// table is the list of metrics in Markdown.
func table() string {
	var b strings.Builder
	for _, m := range metrics {
		labels := make([]string, len(m.labels))
		for i, label := range m.labels {
			labels[i] = "`" + label + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, m.kind, strings.Join(labels, ", "), m.help)
	}
	return b.String()
}

func TestMetricsAreDocumented(t *testing.T) {
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^(\\| `[a-z_]+` \\| (gauge|counter) \\|.*\n)+")
	const head = "| --- | --- | --- | --- |\n"
	text := string(raw)
	if *updatePage {
		before, after, _ := strings.Cut(text, head)
		if err := os.WriteFile(page, []byte(before+head+table()+rows.ReplaceAllString(after, "")), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got := rows.FindString(text); got != table() {
		t.Errorf("docs/metrics.md has\n%swant\n%s", got, table())
	}
}

// The alerts and the dashboard are about metrics that there are.
func TestAlertsAndDashboardUseWhatThereIs(t *testing.T) {
	names := []string{"up"}
	for _, m := range metrics {
		names = append(names, m.name)
	}
	word := regexp.MustCompile(`\b(awsauth|process|go)_[a-z_]+\b`)
	used := map[string]bool{}
	for _, file := range []string{"../../contrib/prometheus/awsauth.rules.yaml", "../../contrib/grafana/awsauth-agent.json"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(raw) {
			t.Errorf("%s is no JSON", file)
		}
		for _, name := range word.FindAllString(string(raw), -1) {
			used[name] = true
			if !slices.Contains(names, name) {
				t.Errorf("%s uses %s, which there is not", file, name)
			}
		}
	}
	if len(used) < 10 {
		t.Errorf("only %d metrics are used", len(used))
	}
}

func TestLabelsAreEscaped(t *testing.T) {
	var b strings.Builder
	r := reading{Status: Status{Credentials: []Credential{{Name: "a\"b\\c\nd\xff", Type: "session", Expires: time.Unix(1700000000, 0)}}}, decisions: newCounts().decisions}
	if err := writeMetrics(&b, r); err != nil {
		t.Fatal(err)
	}
	if want := `awsauth_credential_expires_timestamp_seconds{name="a\"b\\c\nd` + "\ufffd" + `",type="session"} 1.7e+09` + "\n"; !strings.Contains(b.String(), want) {
		t.Errorf("got\n%s\nwant a line %s", b.String(), want)
	}
}

// What has ended is not held, though the agent still knows it.
func TestWhatHasEndedIsNotHeld(t *testing.T) {
	now := time.Now()
	r := reading{Status: Status{Credentials: []Credential{
		{Name: "over", Type: "session", AccessKeyID: "ASIA", Expires: now.Add(-time.Second)},
		{Name: "good", Type: "session", AccessKeyID: "ASIA", Expires: now.Add(time.Minute)},
		{Name: "endless", Type: "static", AccessKeyID: "AKIA"},
		{Name: "none", Type: "session"},
	}}, decisions: newCounts().decisions}
	var b strings.Builder
	if err := writeMetrics(&b, r); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"over": 0, "good": 1, "endless": 1, "none": 0} {
		if line := fmt.Sprintf("awsauth_credential_held{name=%q,type=", name); !regexp.MustCompile(regexp.QuoteMeta(line) + `"[a-z]+"} ` + fmt.Sprint(want) + "\n").MatchString(b.String()) {
			t.Errorf("%s: want %d in\n%s", name, want, b.String())
		}
	}
}
