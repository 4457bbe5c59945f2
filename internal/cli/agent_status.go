package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/printable"
)

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
