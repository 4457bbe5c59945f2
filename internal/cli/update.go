package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/internal/diskcache"
	"github.com/awsauth-go/awsauth/internal/printable"
	"github.com/awsauth-go/awsauth/serve/credfile"
)

func newUpdate(streams IO) *cobra.Command {
	var (
		where   place
		profile string
		once    bool
		noCache bool
	)
	c := &cobra.Command{
		Use:   "update NAME [flags]",
		Short: "Keep a profile of the shared credentials file fresh",
		Long: `Write the credentials configured under a name into a profile of AWS's shared credentials file (AWS_SHARED_CREDENTIALS_FILE, or
~/.aws/credentials), and write new ones long before they end, until it is told to stop. Every other byte of the file stays; it is
replaced whole, under a lock, and what stood there before is kept beside it. What a program that knows no lock writes over the profile
is written anew within seconds.

It is for programs that read nothing else. A program reads the file when it starts, and few read it again: one that runs for longer
than a session is better run by awsauth exec.`,
		Example:           "  awsauth update backup\n  awsauth update backup --once --profile nightly",
		Annotations:       map[string]string{annotationExit: "yes", annotationVariables: credentialVariables + "\nAWS_SHARED_CREDENTIALS_FILE the file that is changed"},
		Args:              oneName("a credential's name"),
		ValidArgsFunction: completeCredentials(streams, &where),
		RunE: func(c *cobra.Command, args []string) error {
			return ofName(args[0], updateProfile(c, streams, &where, args[0], profile, once, noCache))
		},
	}
	f := c.Flags()
	f.StringVar(&profile, "profile", "", "`PROFILE` name of the profile (default the credential's name)")
	f.BoolVar(&once, "once", false, "write them once, and end: for cron")
	f.BoolVar(&noCache, "no-cache", false, "neither use nor keep what awsauth cache list shows")
	heading(c, "What is written", "profile", "once", "no-cache")
	where.flags(c)
	keyFlags(c, "In place of what is configured", overridable()...)
	completeCertificates(c, streams, &where)
	return c
}

// updating is one profile that is kept fresh.
type updating struct {
	streams IO
	path    string
	profile string
	written string // the access key ID that the file has
	failing bool   // the last attempt to write it has failed
	mended  int    // times that it was written again since it has this key, as others had written over it
}

func updateProfile(c *cobra.Command, streams IO, where *place, name, profile string, once, noCache bool) error {
	u := &updating{streams: streams, path: streams.Environment.SharedCredentialsFile(), profile: profile}
	if u.path == "" {
		return configurationError{error: errors.New("there is no home directory with an .aws/credentials"), hint: "set AWS_SHARED_CREDENTIALS_FILE to the file"}
	}
	cache, err := u.cache(c, where, name, once, noCache)
	if err != nil {
		return err
	}
	if _, err := credfile.Apply(nil, credfile.Profile(u.profile, aws.Credentials{AccessKeyID: "x", SecretAccessKey: "x"})); err != nil {
		return usageError{fmt.Errorf("--profile: %w", err), "--profile takes letters, digits and hyphens"}
	}
	if once {
		credentials, err := cache.Provider.Retrieve(c.Context())
		if err != nil {
			return err
		}
		return u.write(c.Context(), credentials)
	}
	return u.keep(c.Context(), cache)
}

// cache makes the cache of what is written: from an agent, or from what this command gets itself.
func (u *updating) cache(c *cobra.Command, where *place, name string, once, noCache bool) (*awsauth.Cache, error) {
	given, err := where.askAgent(c, u.streams, name)
	if err != nil {
		return nil, err
	}
	if given != nil {
		u.profile = cmp.Or(u.profile, given.Name)
		return &awsauth.Cache{Provider: given}, nil
	}
	credential, err := where.credential(c, u.streams, name)
	if err != nil {
		return nil, err
	}
	u.profile = cmp.Or(u.profile, credential.Name())
	var held *diskcache.Cache
	if !noCache {
		held = where.held(c.Context(), u.streams, credential)
	}
	obtain := credential.RenewHeld
	if once {
		obtain = credential.ObtainHeld // nothing else holds what is good
	}
	cache := credential.Cache()
	cache.Provider = quotaOf{aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		got, err := obtain(ctx, held)
		if err != nil {
			return aws.Credentials{}, err
		}
		return got.Credentials, nil
	}), credential.Quota()}
	return cache, nil
}

// keep writes credentials whenever there are new ones, until it is told to stop. What only a person can mend ends it at once;
// AWS, which may come back, does not.
func (u *updating) keep(ctx context.Context, cache *awsauth.Cache) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	landed := make(chan error, 1)
	cache.Landed = func(err error) {
		for {
			select {
			case landed <- err:
				return
			case <-landed: // what came before is out of date
			}
		}
	}
	go awsauth.KeepFresh(ctx, cache)
	if err := u.follow(ctx, cache, landed); err != nil {
		cancel(err)
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil // stopped, as intended
}

// quotaOf is a provider whose calls count against a quota.
type quotaOf struct {
	aws.CredentialsProvider
	quota string
}

func (q quotaOf) Quota() string { return q.quota }

// lookAtFile is how often it is looked whether another program has written over the profile: those that know no lock put back what they
// have read, which may end soon. The pause doubles, up to longestLook, while others go on: they may be keeping the profile, too.
const (
	lookAtFile  = 5 * time.Second
	longestLook = 10 * time.Minute
)

// untilLook is the pause before the next look.
func (u *updating) untilLook() time.Duration { return min(lookAtFile<<min(u.mended, 10), longestLook) }

// follow writes what comes, until the context ends. A file that cannot be written is tried again, sooner than anything ends.
func (u *updating) follow(ctx context.Context, cache *awsauth.Cache, landed <-chan error) error {
	again := time.NewTimer(0)
	again.Stop()
	defer again.Stop()
	theirs := time.NewTimer(lookAtFile)
	defer theirs.Stop()
	pause := time.Second
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case err = <-landed:
		case <-again.C:
		case <-theirs.C:
			theirs.Reset(u.untilLook())
			if s := cache.Status(); u.written == "" || u.failing || s.AccessKeyID == "" || s.CanExpire && !s.Expires.After(time.Now()) {
				continue
			}
		}
		what := "no new credentials"
		if err == nil {
			var credentials aws.Credentials
			if credentials, err = cache.Current(ctx); err == nil {
				if err = u.write(ctx, credentials); err != nil {
					u.failing = true
					what = "profile " + u.profile + " is not written"
					again.Reset(pause)
					pause = min(2*pause, time.Minute)
				} else {
					u.failing, pause = false, time.Second
				}
			}
		}
		theirs.Reset(u.untilLook())
		if err == nil || ctx.Err() != nil {
			continue
		}
		if code := exitCode(err); u.written == "" && (code == ExitUsage || code == ExitConfiguration || code == ExitIdentity) {
			return err
		}
		s, ends := cache.Status(), "there are none"
		if left := time.Until(s.Expires); s.AccessKeyID != "" && s.CanExpire && left > 0 {
			ends = "those that there are end in " + until(left)
		}
		u.say(what + ": " + printable.Line(describe(err)) + " (" + ends + ")")
	}
}

// write puts credentials into the file.
func (u *updating) write(ctx context.Context, credentials aws.Credentials) error {
	changed, err := credfile.Write(ctx, u.path, credfile.Profile(u.profile, credentials))
	switch {
	case err != nil:
		return configurationError{error: err, hint: "the file is as it was"}
	case u.failing: // it is told that it no longer does
	case u.written == credentials.AccessKeyID && changed:
		u.mended++
		u.say("profile " + u.profile + " of " + u.path + " was no longer as it was written, and has " + credentials.AccessKeyID + " again")
		return nil
	case u.written == credentials.AccessKeyID:
		return nil
	}
	u.written, u.mended = credentials.AccessKeyID, 0
	text := "profile " + u.profile + " of " + u.path + " has " + credentials.AccessKeyID
	if credentials.CanExpire {
		text += ", which expires in " + until(time.Until(credentials.Expires))
	}
	u.say(text)
	return nil
}

// say writes a line with the time.
func (u *updating) say(text string) {
	fmt.Fprintf(u.streams.Err, "%s %s\n", time.Now().UTC().Format(time.RFC3339), text)
}
