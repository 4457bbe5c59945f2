package chaos

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// phase is when in the life of what is held the faults are there.
type phase struct {
	name string
	what string
	// invisible: whoever asks must notice nothing.
	invisible bool
	// last: less than a quarter of the life is left.
	last bool
	run  func(s *scene)
}

// coldFor is how long faults last at a start: longer than a call, which gives up after ten seconds.
const coldFor = 13 * time.Second

// In parts of the life: credentials are renewed between a half and three quarters of it.
const (
	beforeRenewal = 0.45
	afterRenewal  = 0.80
)

var phases = []*phase{
	{name: "cold start", what: "the agent starts into it, and holds nothing", run: func(s *scene) {
		s.begin()
		s.startAgent()
		s.startClients()
		time.Sleep(time.Until(s.started.Add(coldFor)))
		s.end()
	}},
	{name: "steady", what: "it comes and goes between two renewals", invisible: true, run: func(s *scene) {
		base := s.warm()
		s.begin()
		time.Sleep(time.Until(s.at(base, beforeRenewal)))
		s.end()
	}},
	{name: "refresh due", what: "it is there when credentials are to be renewed, and ends before they do", invisible: true, run: func(s *scene) {
		base := s.warm()
		time.Sleep(time.Until(s.at(base, beforeRenewal)))
		s.begin()
		time.Sleep(time.Until(s.at(base, afterRenewal)))
		s.end()
	}},
	{name: "last minute", what: "it is there from before the renewal until after the end", last: true, run: func(s *scene) {
		base := s.warm()
		time.Sleep(time.Until(s.at(base, beforeRenewal)))
		s.begin()
		time.Sleep(time.Until(s.at(base, 1).Add(5 * time.Second)))
		s.checkText()
		s.end()
	}},
	{name: "reload", what: "the configuration is read anew meanwhile: first one with a mistake, then one that has more", invisible: true, run: func(s *scene) {
		base := s.warm()
		time.Sleep(time.Until(s.at(base, beforeRenewal)))
		s.begin()
		time.Sleep(time.Until(s.at(base, 0.65)))
		s.reload("nonsense: true\n", "the one before stays in force")
		s.reload(fmt.Sprintf("  more: {type: session, role_arn: %q, endpoint_url: %q}\n", s.emulator.RoleARN, s.emulator.Endpoint), "is read anew")
		time.Sleep(time.Until(s.at(base, afterRenewal)))
		s.end()
	}},
}

func (s *scene) at(base time.Time, part float64) time.Time {
	return base.Add(time.Duration(part * float64(s.life)))
}

// warm starts the agent and waits until it holds everything. It answers when the first of it was got.
func (s *scene) warm() (base time.Time) {
	s.t.Helper()
	s.startAgent()
	if !s.await("all credentials", 20*time.Second, obtained) {
		s.t.FailNow()
	}
	s.startClients()
	now, _ := s.last()
	for _, c := range now.state {
		if base.IsZero() || c.Obtained.Before(base) {
			base = c.Obtained
		}
	}
	return base
}

// reload has the agent read a configuration, and waits for what it says of it.
func (s *scene) reload(extra, said string) {
	s.t.Helper()
	s.configure(extra)
	if err := s.agent.Process.Signal(syscall.SIGHUP); err != nil {
		s.t.Error(err)
	}
	for deadline := time.Now().Add(5 * time.Second); !strings.Contains(s.log.String(), said); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Errorf("the log does not say %q", said)
			return
		}
	}
}

// checkText demands that what a person sees of status names the causes. One look may meet something else, as what a starved machine is
// late with.
func (s *scene) checkText() {
	s.t.Helper()
	unnamed := map[*cell]string{}
	for _, c := range s.cells {
		unnamed[c] = ""
	}
	for look := 0; look < 6 && len(unnamed) > 0; look++ {
		out, err := s.command("agent", "status", "--socket", s.socket()).Output()
		if err != nil {
			s.t.Error(err)
		}
		for line := range strings.Lines(string(out)) {
			for c := range unnamed {
				if !strings.HasPrefix(line, c.name+" ") {
					continue
				}
				if unnamed[c] = line; strings.Contains(line, c.fault.cause) || c.fault.slow() && strings.Contains(line, "no answer for ") {
					delete(unnamed, c)
				}
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	for c, line := range unnamed {
		s.t.Errorf("%s: awsauth agent status does not show %q: %s", c.fault.name, c.fault.cause, line)
	}
}

// The targets, for sessions as AWS gives them: of 15 minutes and more.
const (
	recovery     = time.Minute
	lateRecovery = 15 * time.Second // when less than a quarter of the life is left
	shortestLife = 15 * time.Minute
	attempt      = 5 * time.Second // which a fault may have caught: it does not shrink with the life
	naming       = 5 * time.Second
	noise        = time.Second
	mostMemory   = 64 // MiB
)

// allowed is how long a credential may take until it is renewed after a fault has ended. Through endpoints on loopback the waits shrink
// with the session's life; through others they do not.
func (s *scene) allowed(p *phase, c *cell) time.Duration {
	most := recovery
	if p.last {
		most = lateRecovery
	}
	if c.fault.at == plain || c.fault.at == encrypted {
		most = time.Duration(float64(most)*float64(s.life)/float64(shortestLife)) + attempt + noise
	}
	if !s.full { // other tests run beside it
		most += attempt
	}
	return most
}

// verdict is what has become of a cell.
type verdict struct {
	phase, fault string
	problems     []string
	recovered    time.Duration // after the fault's end
	named        time.Duration // after the first call that the fault has met; negative when it met none
	answers      int
	refused      int // of them 503
	slowest      time.Duration
}

func (v *verdict) wrong(format string, values ...any) {
	v.problems = append(v.problems, fmt.Sprintf(format, values...))
}

// play runs a phase and judges it.
func (s *scene) play(p *phase) (all []*verdict) {
	s.t.Helper()
	p.run(s)
	disturbed := s.disturbed
	// Everything that was disturbed is got anew, and in time; what was not, is when it is due.
	s.await("everything to be got anew", recovery+10*time.Second, func(now sample) bool {
		for _, c := range s.cells {
			if now.at.Before(s.off) || now.state[c.name].Error != "" || (disturbed[c.name] || p.invisible) && s.issuedAfter(c).IsZero() {
				return false
			}
		}
		return true
	})
	time.Sleep(time.Second) // so that whoever asks sees it
	s.stopClients()
	s.mu.Lock() // status is still looked at
	defer s.mu.Unlock()
	for _, c := range s.cells {
		all = append(all, s.judge(p, c, disturbed[c.name]))
	}
	for _, r := range s.runs {
		if r.Door == "stranger" && len(r.Problems) > 0 {
			s.t.Errorf("stranger: %s: %v", r.Name, r.Problems)
		}
	}
	return all
}

// issuedAfter is when something good has come after the faults' end; zero when it has not.
func (s *scene) issuedAfter(c *cell) time.Time {
	for _, e := range s.ledger.of(c.name) {
		if e.usable && e.at.After(s.off) {
			return e.at
		}
	}
	return time.Time{}
}

func (s *scene) judge(p *phase, c *cell, disturbed bool) *verdict {
	v := &verdict{phase: p.name, fault: c.fault.name}
	s.judgeAnswers(p, c, v)
	s.judgeStatus(p, c, v)
	if disturbed {
		at := s.issuedAfter(c)
		v.recovered = at.Sub(s.off)
		if most := s.allowed(p, c); at.IsZero() {
			v.wrong("not got anew")
		} else if v.recovered > most {
			v.wrong("got anew after %s, may take %s", v.recovered.Round(time.Millisecond), most.Round(time.Millisecond))
		}
	}
	return v
}

// judgeAnswers holds what was given against what the emulator has issued.
func (s *scene) judgeAnswers(p *phase, c *cell, v *verdict) {
	issued := map[string]entry{}
	for _, e := range s.ledger.of(c.name) {
		issued[e.key] = e
	}
	given := map[string]time.Time{} // keys, and since when
	var runs []run
	doors := map[string]run{}
	for _, r := range s.runs {
		if r.Name == c.name && r.Door != "stranger" {
			runs = append(runs, r)
		}
	}
	slices.SortFunc(runs, func(a, b run) int { return a.From.Compare(b.From) })
	for _, r := range runs {
		v.answers += r.Count
		v.slowest = max(v.slowest, r.Slowest)
		for _, problem := range r.Problems {
			v.wrong("%s: %s", r.Door, problem)
		}
		doors[r.Door] = r
		key, ok := strings.CutPrefix(r.Outcome, "200 ")
		if ok {
			e, ours := issued[key]
			switch {
			case !ours:
				v.wrong("%s: credentials that were not issued for it", r.Door)
			case !e.usable:
				v.wrong("%s: credentials of an answer that is not to be believed", r.Door)
			case r.To.After(e.expires):
				v.wrong("%s: credentials %s after their end", r.Door, r.To.Sub(e.expires).Round(time.Millisecond))
			}
			if given[key].IsZero() {
				given[key] = r.From
			}
			continue
		}
		v.refused += r.Count
		if p.invisible {
			v.wrong("%s: %s", r.Door, r.Outcome)
		}
		for key, since := range given {
			if left := issued[key].expires.Sub(r.First); since.Before(r.From) && left > 0 {
				v.wrong("%s: %s while credentials were good for %s more", r.Door, r.Outcome, left.Round(time.Millisecond))
			}
		}
		if r.Until.After(s.off.Add(s.allowed(p, c))) {
			v.wrong("%s: %s until %s after the end of the fault", r.Door, r.Outcome, r.Until.Sub(s.off).Round(time.Millisecond))
		}
	}
	for _, door := range []string{"socket", "container"} {
		if r := doors[door]; !strings.HasPrefix(r.Outcome, "200 ") {
			v.wrong("%s: %s in the end", door, r.Outcome)
		}
	}
}

// judgeStatus demands that status says what is wrong, soon, and nothing when nothing is.
func (s *scene) judgeStatus(p *phase, c *cell, v *verdict) {
	v.named = -1
	calls, met := 0, time.Time{}
	before := s.on
	said := map[string]bool{}
	for _, now := range s.samples {
		state := now.state[c.name]
		if now.at.Before(s.on) {
			calls = state.Calls
			continue
		}
		if met.IsZero() && state.Calls > calls {
			met = before
		}
		before = now.at
		switch {
		case met.IsZero():
			continue
		case p.name == "steady":
			if now.at.Before(s.off) {
				v.wrong("was called")
			}
			return
		}
		said[state.Error] = true
		waiting := !state.Asking.IsZero() && now.at.Sub(state.Asking) >= 2*time.Second
		if named := strings.Contains(state.Error, c.fault.cause) || c.fault.slow() && waiting; named && v.named < 0 {
			v.named = now.at.Sub(met)
		}
	}
	switch {
	case c.fault.cause == "" || p.name == "steady": // it may go unnoticed
		v.named = -1
	case v.named < 0:
		v.wrong("status never says %q, but %q", c.fault.cause, slices.Sorted(maps.Keys(said)))
	case v.named > naming && s.full || v.named > 2*naming:
		v.wrong("status names the cause after %s: %q", v.named.Round(time.Millisecond), slices.Sorted(maps.Keys(said)))
	case p.name == "cold start" && !slices.ContainsFunc(slices.Collect(maps.Keys(said)), func(text string) bool { return strings.Contains(text, c.fault.cause) }):
		v.wrong("status never says %q in the end, but %q", c.fault.cause, slices.Sorted(maps.Keys(said)))
	}
}

func soak() bool { return os.Getenv("AWSAUTH_SOAK") != "" }

// Sixty faults in five phases; a short form has two of the phases, of the shortest sessions in which they have room.
func TestWhateverFails(t *testing.T) {
	start := time.Now()
	names := startNames(t)
	if !alone {
		t.Log("without namespaces there is no name server of one's own: the faults of names are left out")
	}
	if os.Geteuid() != 0 {
		t.Log("without the superuser all programs run as one user")
	}
	var all []*verdict
	var memory float64
	var mu sync.Mutex // guards both
	t.Run("phases", func(t *testing.T) {
		for i, p := range phases {
			life, full, short := 90*time.Second, soak(), false
			switch {
			case full, p.name == "cold start":
			case p.name == "last minute":
				life, short = 16*time.Second, true
			default:
				continue
			}
			t.Run(p.name, func(t *testing.T) {
				if !full {
					t.Parallel()
				}
				s := newScene(t, i+1, life, full, short, names)
				verdicts := s.play(p)
				report(t, p, verdicts)
				mu.Lock()
				defer mu.Unlock()
				all = append(all, verdicts...)
				memory = max(memory, s.memory())
			})
		}
	})
	t.Logf("an agent used %.1f MiB at most", memory)
	if memory > mostMemory {
		t.Errorf("that is more than %d MiB", mostMemory)
	}
	if soak() {
		compare(t, all, memory, time.Since(start))
	} else {
		t.Logf("the short form: %d cells of 300; AWSAUTH_SOAK=1 for all", len(all))
	}
}

// report fails for each cell that has not survived, and says how it went.
func report(t *testing.T, p *phase, verdicts []*verdict) {
	t.Helper()
	var worst, slowestNamed, slowest time.Duration
	survived, answers, refused := 0, 0, 0
	for _, v := range verdicts {
		if len(v.problems) == 0 {
			survived++
		} else {
			t.Errorf("%s, %s: %s", p.name, v.fault, strings.Join(v.problems, "; "))
		}
		worst, slowestNamed, slowest = max(worst, v.recovered), max(slowestNamed, v.named), max(slowest, v.slowest)
		answers += v.answers
		refused += v.refused
	}
	t.Logf("%s: %d of %d survived; %d answers, %d of them 503, the slowest after %s; got anew after %s at most; named after %s at most",
		p.name, survived, len(verdicts), answers, refused, slowest.Round(time.Millisecond), worst.Round(time.Millisecond), slowestNamed.Round(time.Millisecond))
}
