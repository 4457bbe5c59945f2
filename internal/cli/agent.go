package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/printable"
	"github.com/awsauth-go/awsauth/named"
	"github.com/awsauth-go/awsauth/serve/actions"
)

func newAgent(streams IO) *cobra.Command {
	var (
		where   place
		options agentOptions
	)
	c := &cobra.Command{
		Use:   "agent [flags]",
		Short: "Keep credentials fresh for every program on this host",
		Long: `Keep the credentials of the configuration fresh, and give each to the users and groups that agent.allow names, and to nobody
else: over a socket, where the kernel says who asks, and when agent.container has an address over the container-credentials endpoint,
where a token does that lies in a file for each of them. awsauth get NAME asks a running agent first. agent.actions answers low-code
applications, agent.update keeps profiles of shared credentials files fresh, and agent.health has metrics.

With --example it serves no credentials, and answers the HTTP actions with invented values, of which none is empty: a low-code platform
learns from them what an answer looks like, and no secret comes into its model.

SIGHUP reads the configuration anew; one with mistakes changes nothing. It starts when AWS is away, and serves what it holds until
that ends. docs/agent.md says more.`,
		Example:     "  awsauth agent\n  awsauth agent --log-level warn\n  awsauth agent --example\n  awsauth agent status",
		Annotations: map[string]string{annotationExit: "yes"},
		Args:        noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if options.example {
				return runExample(c.Context(), streams, cmp.Or(options.exampleAddress, exampleAddress))
			}
			return runAgent(c.Context(), streams, &where, options)
		},
	}
	f := c.Flags()
	f.StringVar(&options.socket, "socket", "", "`FILE` socket to listen at (default agent.socket of the configuration, or the standard one)")
	f.Var(&options.level, "log-level", "`LEVEL` least that is logged: debug, info, warn or error (default info)")
	f.BoolVar(&options.json, "json", false, "write the log as JSON, a line each")
	heading(c, "How it serves", "socket", "log-level", "json")
	f.BoolVar(&options.example, "example", false, "answer the HTTP actions with invented values, and nothing else")
	f.StringVar(&options.exampleAddress, "example-address", "", "`ADDRESS` where, on loopback (default "+exampleAddress+")")
	heading(c, "Invented values", "example", "example-address")
	completeLevels(c)
	where.flags(c)
	c.AddCommand(newAgentStatus(streams))
	return c
}

// runsForLong is how much garbage a process that runs for long may have, in percent of what it uses: one that ends soon has more.
const runsForLong = 100

// agentOptions are the flags of the agent.
type agentOptions struct {
	socket         string
	level          logLevel
	json           bool
	example        bool
	exampleAddress string
}

// logLevel is a flag with a level of log/slog.
type logLevel struct{ slog.Level }

func (l *logLevel) String() string { return "" } // the help says the default itself

// levelType is the type of the flag, by which its mistakes are told.
const levelType = "level"

func (l *logLevel) Type() string { return levelType }

func (l *logLevel) Set(text string) error {
	if !slices.Contains(logLevels, text) {
		return errors.New("is none of " + strings.Join(logLevels, ", "))
	}
	return l.UnmarshalText([]byte(text))
}

var logLevels = []string{"debug", "info", "warn", "error"}

func completeLevels(c *cobra.Command) {
	if err := c.RegisterFlagCompletionFunc("log-level", cobra.FixedCompletions(logLevels, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is there
	}
}

// exampleAddress is where the actions are called when nothing else is said.
const exampleAddress = "127.0.0.1:9913"

func runExample(ctx context.Context, streams IO, address string) error {
	if err := config.CheckLoopback(address); err != nil {
		return usageError{fmt.Errorf("--example-address %w", err), "--example-address takes an address of this host with a port"}
	}
	err := agent.ServeExample(ctx, address, func(at string) {
		fmt.Fprintf(streams.Err, "invented values on http://%s%s, until Ctrl-C\n", at, actions.DocumentPath)
	})
	if errors.Is(err, syscall.EADDRINUSE) {
		return configurationError{error: err, hint: "--example-address takes another"}
	}
	return err
}

func runAgent(ctx context.Context, streams IO, where *place, options agentOptions) error {
	debug.SetGCPercent(runsForLong)
	if err := harden(); err != nil {
		return err
	}
	leveled := &slog.HandlerOptions{Level: options.level.Level}
	log := slog.New(slog.NewTextHandler(streams.Err, leveled))
	if options.json {
		log = slog.New(slog.NewJSONHandler(streams.Err, leveled))
	}
	inherited, err := inheritedListeners()
	if err != nil {
		return err
	}
	m := &manager{log: log}
	a, err := agent.New(agent.Options{
		Load:  func() (*config.Config, error) { return where.load(streams) },
		Build: func(c *config.Config) (agent.Builder, error) { return builderForAgent(streams, where, c, log) },
		Hint: func(err error) string {
			if hinter := (interface{ Hint() string })(nil); errors.As(err, &hinter) && hinter.Hint() != "" {
				return hinter.Hint()
			}
			return knownHint(err)
		},
		CredentialsFile: streams.Environment.SharedCredentialsFile(), Version: Version, NoPeers: !agent.KnowsPeers,
		Socket: streams.Environment.AgentSocket(os.Geteuid() == 0), Override: options.socket, Log: log, Inherited: inherited, Ready: m.ready,
	})
	if mistakes := new(config.Error); err != nil && !errors.As(err, &mistakes) && !errors.Is(err, agent.ErrNothingToServe) {
		err = configurationError{error: err, hint: agentHint(err)}
	}
	if errors.Is(err, agent.ErrNothingToServe) {
		return configurationError{error: err, hint: "awsauth config edit: agent: {allow: {NAME: {users: [USER]}}}"}
	}
	if err != nil {
		return err
	}
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, reloadSignals...)
	defer signal.Stop(hangUp)
	go func() {
		for range hangUp {
			m.reloading()
			_ = a.Reload(ctx) // which logs what is wrong
			m.ready()
		}
	}()
	stopping := sync.OnceFunc(m.stopping)
	context.AfterFunc(ctx, stopping)
	go m.watch(ctx, func(ctx context.Context) error {
		_, err := agent.Client{Socket: a.Status().Socket}.Status(ctx)
		return err
	})
	err = a.Run(ctx)
	if ctx.Err() != nil {
		stopping() // it has been said before the process ends
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return configurationError{error: err, hint: "another program listens there: give the door another address"}
	}
	if errors.Is(err, agent.ErrNoPeers) {
		return configurationError{error: err, hint: "awsauth exec serves one program, and awsauth get NAME each call"}
	}
	if errors.Is(err, agent.ErrRuns) {
		return configurationError{error: err, hint: "awsauth agent status shows it; --socket takes another place"}
	}
	return err
}

// agentHint says what to do about what the agent's part of a configuration names.
func agentHint(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "check the path; a relative one begins at the configuration's directory"
	case errors.Is(err, fs.ErrPermission):
		return "the user who runs the agent must be able to read the file"
	}
	return knownHint(err)
}

// builderForAgent builds the pipelines of a configuration, which share a store and a transport. Nobody can be asked anything for them.
func builderForAgent(streams IO, where *place, c *config.Config, log *slog.Logger) (agent.Builder, error) {
	transport, err := named.NewTransport(streams.Environment)
	if err != nil {
		return agent.Builder{}, err
	}
	store := named.OpenStore(streams.Environment, where.store, c)
	warned := func(use func(named.Use)) func(named.Use) {
		return func(u named.Use) {
			use(u)
			leaf := u.Identity.Certificate
			if text := expiryWarning(cmp.Or(u.Identifier, u.File), leaf.NotBefore, leaf.NotAfter, time.Now()); text != "" {
				log.Warn(text, "do", renewal(store, u.Identifier))
			}
		}
	}
	surroundings := func(use func(named.Use)) named.Surroundings {
		return named.Surroundings{Environment: streams.Environment, Store: store, UserAgent: userAgent(), Transport: transport, Use: warned(use)}
	}
	return agent.Builder{
		Named: func(name string, use func(named.Use)) (*named.Credential, error) {
			resolved, err := c.Resolve(name, nil)
			if err != nil {
				return nil, configurationProblem(err)
			}
			return build(resolved, surroundings(use))
		},
		Own:    func(r *config.Resolved) (*named.Credential, error) { return build(r, surroundings(func(named.Use) {})) },
		Secret: named.Resolver(streams.Environment).Resolve,
	}, nil
}

// askAgent asks a running agent for what is configured under a name; nil when there is none, or when the call has a configuration of
// its own. What the agent refuses is refused: there is no way round it.
func (p *place) askAgent(c *cobra.Command, streams IO, name string) (*ofAgent, error) {
	if p.config != "" || p.store != "" || len(overrides(c, streams.Environment)) > 0 {
		return nil, nil
	}
	for _, socket := range p.agentSockets(streams) {
		given := &ofAgent{socket: socket, name: name}
		if err := given.ask(c.Context()); err == nil || !errors.Is(err, agent.ErrNoAgent) && !errors.Is(err, agent.ErrNotServed) {
			return given, err
		}
	}
	return nil, nil
}

// agentSockets are where an agent may be: where the environment says, and where a configuration says that it listens.
func (p *place) agentSockets(streams IO) []string {
	sockets := streams.Environment.AgentSockets()
	loaded, err := p.load(streams)
	if err != nil || loaded.Agent == nil || loaded.Agent.Socket == "" || slices.Contains(sockets, loaded.Agent.Socket) {
		return sockets // a configuration with mistakes is told where it is used
	}
	return append([]string{loaded.Agent.Socket}, sockets...)
}

// ofAgent is what an agent gives under a name.
type ofAgent struct {
	socket, name string
	agent.Answer // the last one
}

// ask asks once more.
func (o *ofAgent) ask(ctx context.Context) (err error) {
	o.Answer, err = agent.Client{Socket: o.socket}.Credentials(ctx, o.name)
	return err
}

// credentials are those that were given last.
func (o *ofAgent) credentials() aws.Credentials {
	a := o.Answer
	return aws.Credentials{
		AccessKeyID: a.AccessKeyID, SecretAccessKey: a.SecretAccessKey, SessionToken: a.SessionToken, AccountID: a.AccountID,
		CanExpire: !a.Expiration.IsZero(), Expires: a.Expiration, Source: "awsauth agent",
	}
}

// Retrieve asks once more. It is for one goroutine at a time, as a Cache asks.
func (o *ofAgent) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if err := o.ask(ctx); err != nil {
		return aws.Credentials{}, err
	}
	return o.credentials(), nil
}

// NewerAt is when an agent has newer credentials than those that it gave last: a cache behind the agent's would otherwise ask when little
// is left of what had little left.
func (o *ofAgent) NewerAt() time.Time {
	now := time.Now()
	if !o.Renews.After(now) {
		return now // it is asking AWS
	}
	return o.Renews.Add(min(time.Second, o.Renews.Sub(now)/10)) // which takes it a moment
}

func newAgentStatus(streams IO) *cobra.Command {
	var (
		socket        string
		asJSON, watch bool
	)
	c := &cobra.Command{
		Use:   "status [flags]",
		Short: "Show what the agent holds and does",
		Long: `Ask the running agent what it holds: who each credential is, until when, when AWS is asked again, how often it was served, and
the last error. It answers its own user and the superuser.`,
		Example:     "  awsauth agent status\n  awsauth agent status --watch",
		Annotations: map[string]string{annotationExit: "yes"},
		Args:        noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			sockets := new(place).agentSockets(streams)
			if socket != "" {
				sockets = []string{socket}
			}
			if !watch {
				return showStatus(c.Context(), streams, sockets, asJSON)
			}
			return watchStatus(c.Context(), streams, sockets, asJSON)
		},
	}
	f := c.Flags()
	f.StringVar(&socket, "socket", "", "`FILE` socket of the agent (default the standard ones)")
	f.BoolVar(&asJSON, "json", false, "print one JSON object, for scripts")
	f.BoolVar(&watch, "watch", false, "show it anew every two seconds, until Ctrl-C")
	heading(c, "What is asked", "socket", "json", "watch")
	return c
}

// showStatus shows once how the first agent is that there is.
func showStatus(ctx context.Context, streams IO, sockets []string, asJSON bool) error {
	for _, path := range sockets {
		status, err := agent.Client{Socket: path}.Status(ctx)
		if errors.Is(err, agent.ErrNoAgent) {
			continue
		}
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(streams.Out).Encode(status)
		}
		return say(streams, cutLines(describeAgent(status, time.Now()), streams.Width))
	}
	return configurationError{error: fmt.Errorf("%w: %s", agent.ErrNoAgent, strings.Join(sockets, ", ")), hint: "awsauth agent starts one"}
}

// watchPause is between two looks.
const watchPause = 2 * time.Second

// watchStatus shows it again and again: on a terminal in the same place.
func watchStatus(ctx context.Context, streams IO, sockets []string, asJSON bool) error {
	for {
		if streams.OutIsTerminal && !asJSON {
			if err := say(streams, "\x1b[H\x1b[2J"); err != nil {
				return err
			}
		}
		if err := showStatus(ctx, streams, sockets, asJSON); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil // it was stopped, as intended
		case <-time.After(watchPause):
		}
	}
}

// cutLines cuts lines to a width; zero is none.
func cutLines(text string, width int) string {
	if width <= 0 {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		runes := []rune(strings.TrimSuffix(line, "\n"))
		if len(runes) > width {
			runes = append(runes[:width-1], '…')
		}
		b.WriteString(string(runes) + "\n")
	}
	return b.String()
}

// describeAgent tells a person how an agent is.
func describeAgent(s agent.Status, now time.Time) string {
	rows := [][]cell{plainRow("NAME", "KIND", "IDENTITY", "EXPIRES", "RENEWS", "SERVED", "LAST")}
	for _, c := range s.Credentials {
		rows = append(rows, plainRow(c.Name, c.Type, identityOf(c), expiryOf(c, now), nextOf(c, now), fmt.Sprint(c.Served), lastOf(c, now)))
	}
	head := fmt.Sprintf("agent  running %s   %s   %s   %s%s\n", until(now.Sub(s.Since)), count(len(s.Credentials), "credential", "credentials"),
		count(len(s.Certificates), "certificate", "certificates"), count(int(s.Refusals), "refusal", "refusals"), asked(s))
	plain := func(_, text string) string { return text }
	b := new(strings.Builder)
	b.WriteString(head + table(rows, plain))
	for _, c := range s.Credentials {
		if c.Hint != "" {
			b.WriteString("hint  " + c.Name + ": " + printable.Line(c.Hint) + "\n")
		}
	}
	if len(s.Certificates) > 0 {
		rows = [][]cell{plainRow("CERTIFICATE", "SUBJECT", "EXPIRES", "USED BY")}
		for _, c := range s.Certificates {
			rows = append(rows, plainRow(c.Name, printable.Line(c.Subject), fromNow(c.Expires, now), strings.Join(c.UsedBy, ", ")))
		}
		b.WriteString(table(rows, plain))
	}
	if len(s.Updates) > 0 {
		rows = [][]cell{plainRow("PROFILE", "FILE", "CREDENTIAL", "LAST")}
		for _, u := range s.Updates {
			rows = append(rows, plainRow(u.Profile, u.File, u.Credential, lastWritten(u, now)))
		}
		b.WriteString(table(rows, plain))
	}
	if s.Tokens != "" {
		b.WriteString("the files of tokens are not what they should be: " + printable.Line(s.Tokens) + "\n")
	}
	if s.Reload != "" {
		b.WriteString("the last reload has changed nothing: " + printable.Line(s.Reload) + "\n")
	}
	off := func(address string) string { return cmp.Or(address, "off") }
	fmt.Fprintf(b, "doors  unix %s   container %s   imds %s   actions %s   health %s\n", off(s.Socket), off(s.Container), off(s.IMDS), off(s.Actions), off(s.Health))
	return b.String()
}

// asked says how far it is while it is starting: how many credentials AWS has been asked for.
func asked(s agent.Status) string {
	open := 0
	for _, c := range s.Credentials {
		if c.AccessKeyID == "" && c.Error == "" {
			open++
		}
	}
	if open == 0 {
		return ""
	}
	return fmt.Sprintf("   starting: %d of %d asked for", len(s.Credentials)-open, len(s.Credentials))
}

func lastWritten(u agent.Update, now time.Time) string {
	switch {
	case u.Error != "":
		return printable.Line(u.Error)
	case u.Written.IsZero():
		return "not written yet"
	}
	return "written " + until(now.Sub(u.Written)) + " ago"
}

func identityOf(c agent.Credential) string {
	switch {
	case c.ARN != "":
		_, name, _ := strings.Cut(c.ARN, ":sts::")
		if _, rest, found := strings.Cut(name, ":"); found {
			return rest
		}
		return c.ARN
	case c.AccessKeyID != "":
		return c.AccessKeyID
	}
	return "(none)"
}

func expiryOf(c agent.Credential, now time.Time) string {
	switch {
	case c.AccessKeyID == "":
		return "–"
	case c.Expires.IsZero():
		return "never"
	case !c.Expires.After(now):
		return "ended"
	}
	return "in " + until(c.Expires.Sub(now))
}

func nextOf(c agent.Credential, now time.Time) string {
	if c.Next.IsZero() {
		return "now"
	}
	return fromNow(c.Next, now)
}

// longForAnswer is how long AWS may take to answer before the status says that it does not.
const longForAnswer = 2 * time.Second

func lastOf(c agent.Credential, now time.Time) string {
	last := pastOf(c, now)
	if waiting := now.Sub(c.Asking); !c.Asking.IsZero() && waiting >= longForAnswer {
		last += "; no answer for " + until(waiting)
	}
	return last
}

func pastOf(c agent.Credential, now time.Time) string {
	switch {
	case c.Error != "":
		return printable.Line(c.Error) + ", " + until(now.Sub(c.Failed)) + " ago"
	case c.Obtained.IsZero():
		return "asking"
	}
	return "renewed " + until(now.Sub(c.Obtained)) + " ago"
}
