package agent

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// counts are what the agent counts itself; everything else is read from its status.
type counts struct {
	refusals  *atomic.Int64
	decisions *sync.Map // *atomic.Int64 by decision
}

// decision is a door and how it has answered.
type decision struct {
	door    string
	granted bool
}

func newCounts() counts { return counts{new(atomic.Int64), new(sync.Map)} }

func (c counts) decided(door string, granted bool) {
	if !granted {
		c.refusals.Add(1)
	}
	count, _ := c.decisions.LoadOrStore(decision{door, granted}, new(atomic.Int64))
	count.(*atomic.Int64).Add(1)
}

// The types of metrics.
const (
	gauge   = "gauge"
	counter = "counter"
)

// reading is what metrics are read from.
type reading struct {
	Status
	version   string
	decisions *sync.Map
}

// metric is a name with its values.
type metric struct {
	name, kind, help string
	labels           []string
	// read tells of each value, with the labels' values.
	read func(r reading, tell func(value float64, labels ...string))
}

var (
	ofCredential  = []string{"name", "type"}
	ofCertificate = []string{"certificate"}
	ofUpdate      = []string{"profile", "file"}
)

// metrics are all of them, in the order of docs/metrics.md.
var metrics = []metric{
	{"awsauth_build_info", gauge, "1, with the version of the agent.", []string{"version"}, func(s reading, tell func(float64, ...string)) {
		tell(1, s.version)
	}},
	{"awsauth_ready", gauge, "Whether every credential is good for a minute yet.", nil, func(s reading, tell func(float64, ...string)) {
		tell(number(s.Ready))
	}},
	{"awsauth_reload_failed", gauge, "Whether the last reading of the configuration has found mistakes, and the one before is in force.", nil, func(s reading, tell func(float64, ...string)) {
		tell(number(s.Reload != ""))
	}},
	{"awsauth_tokens_failed", gauge, "Whether a file of a token of the container endpoint could not be written.", nil, func(s reading, tell func(float64, ...string)) {
		tell(number(s.Tokens != ""))
	}},
	ofCredentials("awsauth_credential_held", gauge, "Whether there are credentials that have not ended.", func(c Credential) (float64, bool) {
		return number(c.AccessKeyID != "" && (c.Expires.IsZero() || c.Expires.After(time.Now()))), true
	}),
	ofCredentials("awsauth_credential_expires_timestamp_seconds", gauge, "When they end; not there for those that never do.", func(c Credential) (float64, bool) {
		return seconds(c.Expires)
	}),
	ofCredentials("awsauth_credential_obtained_timestamp_seconds", gauge, "When they were obtained.", func(c Credential) (float64, bool) {
		return seconds(c.Obtained)
	}),
	ofCredentials("awsauth_credential_next_refresh_timestamp_seconds", gauge, "When AWS is asked next.", func(c Credential) (float64, bool) {
		return seconds(c.Next)
	}),
	ofCredentials("awsauth_credential_failures", gauge, "Attempts in a row that have brought no new credentials.", func(c Credential) (float64, bool) {
		return float64(c.Failures), true
	}),
	ofCredentials("awsauth_credential_calls_total", counter, "Attempts to obtain credentials.", func(c Credential) (float64, bool) {
		return float64(c.Calls), true
	}),
	ofCredentials("awsauth_credential_served_total", counter, "Times that credentials were given.", func(c Credential) (float64, bool) {
		return float64(c.Served), true
	}),
	{"awsauth_certificate_expires_timestamp_seconds", gauge, "When a certificate ends with which AWS has been asked.", ofCertificate, func(s reading, tell func(float64, ...string)) {
		for _, c := range s.Certificates {
			tell(float64(c.Expires.Unix()), c.Name)
		}
	}},
	{"awsauth_update_failures", gauge, "Attempts in a row to write a profile that have failed.", ofUpdate, func(s reading, tell func(float64, ...string)) {
		for _, u := range s.Updates {
			tell(float64(u.Failures), u.Profile, u.File)
		}
	}},
	{"awsauth_update_written_timestamp_seconds", gauge, "When a profile was given new credentials.", ofUpdate, func(s reading, tell func(float64, ...string)) {
		for _, u := range s.Updates {
			if at, there := seconds(u.Written); there {
				tell(at, u.Profile, u.File)
			}
		}
	}},
	{"awsauth_decisions_total", counter, "Requests at a door that were granted or refused.", []string{"door", "decision"}, func(s reading, tell func(float64, ...string)) {
		s.decisions.Range(func(key, count any) bool {
			d, word := key.(decision), "refused"
			if d.granted {
				word = "granted"
			}
			tell(float64(count.(*atomic.Int64).Load()), d.door, word)
			return true
		})
	}},
	ofProcess("process_start_time_seconds", "When the agent has started.", func(s reading) (float64, bool) { return seconds(s.Since) }),
	ofProcess("process_resident_memory_bytes", "What the agent has in memory.", func(reading) (float64, bool) { return residentMemory() }),
	ofProcess("process_open_fds", "Descriptors that the agent has open.", func(reading) (float64, bool) { return openFiles() }),
	ofProcess("go_goroutines", "Goroutines that the agent runs.", func(reading) (float64, bool) { return float64(runtime.NumGoroutine()), true }),
}

func ofCredentials(name, kind, help string, value func(Credential) (float64, bool)) metric {
	return metric{name, kind, help, ofCredential, func(s reading, tell func(float64, ...string)) {
		for _, c := range s.Credentials {
			if v, there := value(c); there {
				tell(v, c.Name, c.Type)
			}
		}
	}}
}

func ofProcess(name, help string, value func(reading) (float64, bool)) metric {
	return metric{name, gauge, help, nil, func(s reading, tell func(float64, ...string)) {
		if v, there := value(s); there {
			tell(v)
		}
	}}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func seconds(t time.Time) (float64, bool) { return float64(t.UnixMilli()) / 1000, !t.IsZero() }

// openFiles counts the descriptors of this process, where the system says them.
func openFiles() (float64, bool) {
	entries, err := os.ReadDir("/proc/self/fd")
	return float64(len(entries)), err == nil
}

// residentMemory is what the process has in memory (proc(5), statm: the second number, in pages).
func residentMemory() (float64, bool) {
	text, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize()), err == nil
}

var (
	escapeHelp  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// writeMetrics writes all metrics in Prometheus's text format 0.0.4 (Prometheus documentation, "Exposition formats").
func writeMetrics(w io.Writer, r reading) error {
	b := bufio.NewWriter(w)
	for _, m := range metrics {
		fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", m.name, escapeHelp.Replace(m.help), m.name, m.kind)
		m.read(r, func(value float64, labels ...string) {
			b.WriteString(m.name)
			for i, label := range m.labels {
				fmt.Fprintf(b, `%c%s="%s"`, "{,"[min(i, 1)], label, escapeLabel.Replace(strings.ToValidUTF8(labels[i], "\ufffd")))
			}
			if len(m.labels) > 0 {
				b.WriteByte('}')
			}
			fmt.Fprintf(b, " %s\n", strconv.FormatFloat(value, 'g', -1, 64))
		})
	}
	return b.Flush()
}

// giveMetrics answers a scrape.
func (a *Agent) giveMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_ = writeMetrics(w, reading{a.Status(), a.options.Version, a.counts.decisions}) // whoever asked may have gone
}
