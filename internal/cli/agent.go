package cli

import (
	"cmp"
	"context"
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

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/config"
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
		Load:            func() (*config.Config, error) { return where.load(streams) },
		Build:           func(c *config.Config) (agent.Builder, error) { return builderForAgent(streams, where, c, log) },
		Hint:            hintOf,
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
	go m.watch(ctx, a.Alive)
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
