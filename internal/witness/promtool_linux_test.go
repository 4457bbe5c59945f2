package witness

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

const alerts = "../../contrib/prometheus/awsauth.rules.yaml"

// Prometheus's own tool reads the alerts, and each fires when it should and not before.
func TestAlertsFire(t *testing.T) {
	promtool := foreign.Find(t, "promtool")
	foreign.MustRun(t, foreign.Command(t, promtool, "check", "rules", alerts))
	text, err := os.ReadFile("testdata/alerts.test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := filepath.Abs(alerts)
	if err != nil {
		t.Fatal(err)
	}
	test := filepath.Join(t.TempDir(), "alerts.test.yaml")
	writeFile(t, test, strings.Replace(string(text), "[RULES]", "["+rules+"]", 1))
	foreign.MustRun(t, foreign.Command(t, promtool, "test", "rules", test))
	raw, err := os.ReadFile(alerts)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if _, name, found := strings.Cut(line, "- alert: "); found && strings.Count(string(text), "alertname: "+strings.TrimSpace(name)) == 0 {
			t.Errorf("no test of %s", name)
		}
	}
}

// Prometheus's own tool finds nothing to say about what the agent answers.
func TestMetricsAreWellFormed(t *testing.T) {
	promtool := foreign.Find(t, "promtool")
	in := install(t, newScene(t, "--seed", seed(t, archiveSeed)), "a plain path", "bin", "acme configuration")
	in.startAgent(t)
	answer, err := http.Get("http://" + in.health + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	metrics, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	c := foreign.Command(t, promtool, "check", "metrics")
	c.Stdin = strings.NewReader(string(metrics))
	if r := foreign.Run(c); r.Err != nil || r.Stdout+r.Stderr != "" {
		t.Errorf("promtool says: %v %s%s", r.Err, r.Stdout, r.Stderr)
	}
	if !strings.Contains(string(metrics), `awsauth_credential_held{name="backup",type="session"} 1`) {
		t.Errorf("the metrics are\n%s", metrics)
	}
	c = foreign.Command(t, promtool, "check", "metrics") // it would say something
	c.Stdin = strings.NewReader("# TYPE a counter\na{b=\"c\"} 1\n")
	if r := foreign.Run(c); r.Stdout+r.Stderr == "" {
		t.Error("promtool finds nothing in what is wrong")
	}
}
