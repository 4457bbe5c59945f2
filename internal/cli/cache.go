package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/diskcache"
	"github.com/awsauth-go/awsauth/named"
)

func newCache(streams IO) *cobra.Command {
	c := &cobra.Command{
		Use:   "cache",
		Short: "Look at the credentials that are held for the next call",
		Long: `awsauth get NAME holds temporary credentials for the next call, by this user and of the same request: encrypted under the
certificate store's key, in a directory for the user alone. They are renewed between 50 and 75 % of their life; while that fails,
they are given until they end.`,
		Example: "  awsauth cache list\n  awsauth cache clear",
		Args:    subcommandOnly,
		RunE:    needsSubcommand,
	}
	c.AddCommand(newCacheList(streams), newCacheClear(streams))
	return c
}

func newCacheList(streams IO) *cobra.Command {
	var (
		where  place
		asJSON bool
	)
	c := &cobra.Command{
		Use:         "list [flags]",
		Short:       "List the credentials that are held",
		Long:        "List the credentials that are held for the next call: under which name they were got, who they are, and until when.",
		Example:     "  awsauth cache list",
		Annotations: map[string]string{annotationExit: "yes"},
		Args:        noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			held, err := where.openHeld(c.Context(), streams)
			if err != nil {
				return err
			}
			all, err := held.List()
			if err != nil {
				return cacheProblem(err)
			}
			return listHeld(streams, all, asJSON, time.Now())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, for scripts")
	heading(c, "How it is shown", "json")
	where.flags(c)
	return c
}

func newCacheClear(streams IO) *cobra.Command {
	var where place
	c := &cobra.Command{
		Use:         "clear [flags]",
		Short:       "Forget the credentials that are held",
		Long:        "Remove the credentials that are held. AWS knows them until they end all the same.",
		Example:     "  awsauth cache clear",
		Annotations: map[string]string{annotationExit: "yes"},
		Args:        noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			held, err := where.openHeld(c.Context(), streams)
			if err != nil {
				return err
			}
			n, err := held.Clear(c.Context())
			if err != nil {
				return cacheProblem(err)
			}
			return say(streams, count(n, "held credential", "held credentials")+" removed\n")
		},
	}
	where.flags(c)
	return c
}

// openHeld opens the cache of this user's processes.
func (p *place) openHeld(ctx context.Context, streams IO) (*diskcache.Cache, error) {
	store, err := p.openStore(streams)
	if err != nil {
		return nil, err
	}
	held, err := store.Held(ctx, streams.Environment, nil)
	if err != nil {
		return nil, cacheProblem(err)
	}
	return held, nil
}

// cacheProblem is what is wrong around the cache.
func cacheProblem(err error) error {
	if errors.Is(err, diskcache.ErrAccess) {
		return configurationError{error: err, hint: knownHint(err)}
	}
	return err
}

// heldView is a held credential as JSON has it.
type heldView struct {
	Name        string `json:"name"`
	ARN         string `json:"arn"`
	AccessKeyID string `json:"access_key_id"`
	Obtained    string `json:"obtained"`
	Renewal     string `json:"renewal"` // from when on the next call asks AWS
	Expiration  string `json:"expiration"`
}

func listHeld(streams IO, all []diskcache.Held, asJSON bool, now time.Time) error {
	views := []heldView{}
	rows := [][]cell{plainRow("NAME", "WHO", "RENEWED FROM", "EXPIRES")}
	unreadable := 0
	for _, h := range all {
		if !h.Readable {
			unreadable++
			continue
		}
		name, arn, err := named.DescribeHeld(h.Entry)
		if err != nil {
			return err
		}
		expires := h.Credentials.Expires
		views = append(views, heldView{
			name, arn, h.Credentials.AccessKeyID, h.Obtained.UTC().Format(time.RFC3339), h.Renew.UTC().Format(time.RFC3339), expires.UTC().Format(time.RFC3339),
		})
		rows = append(rows, plainRow(name, arn, fromNow(h.Renew, now), fromNow(expires, now)))
	}
	if asJSON {
		return json.NewEncoder(streams.Out).Encode(struct {
			Credentials []heldView `json:"credentials"`
		}{views})
	}
	text := "no credentials are held\n"
	if len(views) > 0 {
		text = table(rows, func(_, text string) string { return text })
	}
	if unreadable > 0 {
		text += count(unreadable, "file is", "files are") + " of another key or damaged, and made anew when they are needed\n"
	}
	return say(streams, text)
}

// fromNow says a time from now.
func fromNow(t, now time.Time) string {
	if !t.After(now) {
		return "now"
	}
	return fmt.Sprintf("in %s", until(t.Sub(now)))
}
