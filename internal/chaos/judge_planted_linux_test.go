package chaos

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// Whoever judges first finds what was put there to be found: a client is started against a door that is not the agent's.
func TestTheClientFindsWhatIsWrong(t *testing.T) {
	good := func() map[string]any {
		return map[string]any{"AccessKeyId": "ASIAEMUX", "SecretAccessKey": "s", "Token": "t", "Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	}
	give := func(w http.ResponseWriter, change func(map[string]any)) {
		d := good()
		change(d)
		_ = json.NewEncoder(w).Encode(d) // the client may have gone
	}
	refuse := func(w http.ResponseWriter, status int, body string, header ...string) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client may have gone
	}
	const code = `{"code":"CredentialsUnavailable","message":"none"}`
	for _, c := range []struct {
		planted string
		want    string // "" for nothing
		door    http.HandlerFunc
	}{
		{"nothing", "", func(w http.ResponseWriter, _ *http.Request) { give(w, func(map[string]any) {}) }},
		{"nothing, in a refusal", "", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, code, "Retry-After", "1") }},
		{"credentials that have ended", "ended", func(w http.ResponseWriter, _ *http.Request) {
			give(w, func(d map[string]any) { d["Expiration"] = time.Now().Add(-time.Second).UTC().Format(time.RFC3339) })
		}},
		{"credentials without an end", "without an expiration", func(w http.ResponseWriter, _ *http.Request) {
			give(w, func(d map[string]any) { delete(d, "Expiration") })
		}},
		{"an end that is no time", "not understood", func(w http.ResponseWriter, _ *http.Request) {
			give(w, func(d map[string]any) { d["Expiration"] = "soon" })
		}},
		{"no token", "without session token", func(w http.ResponseWriter, _ *http.Request) {
			give(w, func(d map[string]any) { delete(d, "Token") })
		}},
		{"an empty secret", "without secret access key", func(w http.ResponseWriter, _ *http.Request) {
			give(w, func(d map[string]any) { d["SecretAccessKey"] = "" })
		}},
		{"an empty answer", "not understood", func(http.ResponseWriter, *http.Request) {}},
		{"an empty object", "without access key ID", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 200, "{}") }},
		{"HTML", "not understood", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 200, "<html>") }},
		{"another error", "status 500", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 500, code, "Retry-After", "1") }},
		{"a refusal without a code", "without a code", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, "busy", "Retry-After", "1") }},
		{"a refusal without a time", "without a Retry-After", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 503, code) }},
		{"a late answer", "late", func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(400 * time.Millisecond)
			refuse(w, 503, code, "Retry-After", "1")
		}},
		{"a cut connection", "no answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"credentials that STS does not know", "STS", nil},
	} {
		t.Run(c.planted, func(t *testing.T) {
			t.Parallel()
			door := c.door
			what := task{Door: "socket", Interval: 50 * time.Millisecond, Late: 300 * time.Millisecond, Names: []string{"backup"}}
			if door == nil {
				door = func(w http.ResponseWriter, _ *http.Request) { give(w, func(map[string]any) {}) }
				elsewhere := httptest.NewServer(http.NotFoundHandler())
				defer elsewhere.Close()
				what.Emulator = elsewhere.URL
			}
			problems := watch(t, what, door)
			if c.want == "" && len(problems) > 0 || c.want != "" && !strings.Contains(strings.Join(problems, "; "), c.want) {
				t.Errorf("got %q, want %q", problems, c.want)
			}
		})
	}
}

// A stranger who is given something is found.
func TestTheClientFindsWhatAStrangerGets(t *testing.T) {
	what := task{Door: "socket", Interval: 50 * time.Millisecond, Late: time.Minute, Names: []string{"backup"}, Stranger: true}
	for status, want := range map[int]int{http.StatusForbidden: 0, http.StatusOK: 1} {
		if problems := watch(t, what, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }); min(len(problems), 1) != want {
			t.Errorf("status %d: got %q", status, problems)
		}
	}
}

// watch runs a client against a door for a moment, and answers what it finds.
func watch(t *testing.T, what task, door http.HandlerFunc) (problems []string) {
	t.Helper()
	server := httptest.NewUnstartedServer(door)
	s := &scene{t: t, dir: t.TempDir()}
	socket, err := net.Listen("unix", s.socket())
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Listener.Close() // in favour of the socket
	server.Listener = socket
	server.Start()
	defer server.Close()
	what.Socket = s.socket()
	s.startClient(os.Geteuid(), what)
	time.Sleep(600 * time.Millisecond)
	s.stopClients()
	for _, r := range s.runs {
		problems = append(problems, r.Problems...)
	}
	if len(s.runs) == 0 {
		t.Error("the client has seen nothing")
	}
	return problems
}

// What is put into what the clients have seen and what status has said is found, each by its own name.
func TestTheJudgeFindsWhatIsWrong(t *testing.T) {
	start := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	f := &fault{name: "planted", cause: "the cause"}
	// The world: sessions of 40 seconds; a fault from 18 to 32; it fails at 25, is named at once, and is over at 33.
	type world struct {
		runs    []run
		issued  []entry
		samples []sample
	}
	says := func(seconds float64, calls int, text string) sample {
		return sample{at(seconds), map[string]state{"c": {Name: "c", Calls: calls, Error: text}}}
	}
	untouched := func() *world {
		w := &world{
			issued:  []entry{{"ONE", "c", at(0), at(40), true}, {"TWO", "c", at(33), at(73), true}},
			samples: []sample{says(17, 1, ""), says(24.5, 1, ""), says(25, 2, "the cause"), says(33.5, 4, "")},
		}
		for _, door := range []string{"socket", "container"} {
			w.runs = append(w.runs, run{Door: door, Name: "c", Outcome: "200 ONE", From: at(1), To: at(33), Until: at(33), Count: 9},
				run{Door: door, Name: "c", Outcome: "200 TWO", From: at(33.1), To: at(36), Until: at(36), Count: 9})
		}
		return w
	}
	for _, c := range []struct {
		planted, want string
		phase         int
		plant         func(*world)
	}{
		{"nothing", "", 2, func(*world) {}},
		{"credentials after their end", "after their end", 3, func(w *world) { w.runs[0].To = at(40.001) }},
		{"credentials of nobody", "not issued for it", 2, func(w *world) { w.runs[0].Outcome = "200 THREE" }},
		{"credentials of another answer", "not to be believed", 2, func(w *world) { w.issued[0].usable = false }},
		{"a refusal too soon", "while credentials were good", 3, func(w *world) {
			w.runs = append(w.runs, run{Door: "socket", Name: "c", Outcome: "503", From: at(32.5), First: at(32.6), To: at(32.5), Until: at(32.6), Count: 1})
		}},
		{"a refusal when nobody may notice", "socket: 503", 2, func(w *world) {
			w.runs = append(w.runs, run{Door: "socket", Name: "c", Outcome: "503", From: at(41), First: at(41), To: at(41), Until: at(41), Count: 1})
		}},
		{"refusals too long", "after the end of the fault", 3, func(w *world) {
			w.runs = append(w.runs, run{Door: "socket", Name: "c", Outcome: "503", From: at(39.9), First: at(40.1), To: at(60), Until: at(60), Count: 1})
		}},
		{"nothing in the end", "in the end", 3, func(w *world) { w.runs[3].Outcome = "503" }},
		{"late recovery", "got anew after", 2, func(w *world) { w.issued[1].at = at(60) }},
		{"no recovery", "not got anew", 2, func(w *world) { w.issued = w.issued[:1]; w.runs[1].Outcome, w.runs[3].Outcome = "200 ONE", "200 ONE" }},
		{"a silent status", "never says", 2, func(w *world) { w.samples[2] = says(25, 2, "") }},
		{"another cause", "never says", 2, func(w *world) { w.samples[2] = says(25, 2, "something else") }},
		{"a late cause", "names the cause after", 2, func(w *world) {
			w.samples = []sample{says(17, 1, ""), says(24, 1, ""), says(25, 2, ""), says(31, 2, "the cause")}
		}},
		{"a call in the steady phase", "was called", 1, func(*world) {}},
	} {
		t.Run(c.planted, func(t *testing.T) {
			w := untouched()
			c.plant(w)
			s := &scene{t: t, life: 40 * time.Second, full: true, ledger: &ledger{issued: w.issued}, runs: w.runs, samples: w.samples, on: at(18), off: at(32)}
			got := fmt.Sprint(s.judge(phases[c.phase], &cell{f, nil, "c"}, true).problems)
			if c.want == "" && got != "[]" || !strings.Contains(got, c.want) {
				t.Errorf("got %s, want %q", got, c.want)
			}
		})
	}
}
