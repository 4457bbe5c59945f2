package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/secret"
	"github.com/awsauth-go/awsauth/named"
)

// place is where the configuration and the certificate store are.
type place struct {
	config, store string
}

func (p *place) flags(c *cobra.Command) {
	p.configFlag(c)
	p.storeFlag(c)
	heading(c, "Where it is configured", "config", "store")
}

func (p *place) configFlag(c *cobra.Command) {
	c.Flags().StringVar(&p.config, "config", "", "`FILE` configuration on top of the host's and the user's")
}

func (p *place) storeFlag(c *cobra.Command) {
	c.Flags().StringVar(&p.store, "store", "", "`DIR` certificate store (default the configuration's, or the standard one)")
}

// load reads the configuration.
func (p *place) load(streams IO) (*config.Config, error) {
	c, err := config.Load(streams.Environment.Files(p.config))
	if err != nil {
		return nil, configurationProblem(err)
	}
	return c, nil
}

// configurationProblem makes mistakes in files an error of this package.
func configurationProblem(err error) error {
	mistakes := new(config.Error)
	if !errors.As(err, &mistakes) {
		return err
	}
	return configurationError{error: err, hint: "awsauth config edit opens it and checks before it saves; docs/configuration.md has every key"}
}

// openStore finds the store. Its place may stand in the configuration; a configuration that cannot be read is an error
// only when nothing else says where.
func (p *place) openStore(streams IO) (*named.Store, error) {
	var c *config.Config
	if _, variable := streams.Environment.Flag("store"); p.store == "" && variable == "" {
		var err error
		if c, err = p.load(streams); err != nil {
			return nil, err
		}
	}
	return named.OpenStore(streams.Environment, p.store, c), nil
}

// keyFlags registers flags for keys of the configuration, under a heading.
func keyFlags(c *cobra.Command, title string, keys ...string) {
	for _, name := range keys {
		k, ok := config.KeyNamed(name)
		if !ok {
			panic("no key " + name)
		}
		usage := k.Doc
		if k.Placeholder != "" {
			usage = "`" + k.Placeholder + "` " + usage
		}
		flag := k.FlagName()
		switch f := c.Flags(); k.Kind() {
		case reflect.TypeFor[bool]():
			f.Bool(flag, false, usage)
		case reflect.TypeFor[time.Duration]():
			f.Duration(flag, 0, usage)
		case reflect.TypeFor[map[string]string]():
			f.StringToString(flag, nil, usage)
		default:
			f.String(flag, "", usage)
		}
		heading(c, title, flag)
		if k.Kind() != reflect.TypeFor[bool]() && name != "certificate" {
			completeValues(c, flag)
		}
	}
}

// overrides gathers what flags and variables give in place of what the configuration says.
func overrides(c *cobra.Command, e config.Environment) map[string]config.Override {
	all := e.Overrides()
	for _, k := range config.Keys {
		f := c.Flags().Lookup(k.FlagName())
		if f == nil || !f.Changed || annotation(f, annotationVariable) != "" || f.Value.Type() == "stringToString" {
			continue
		}
		all[k.Name] = config.Override{Text: f.Value.String(), Origin: config.Origin{Flag: f.Name}}
	}
	return all
}

// surroundings are those of the command: it may ask, warns of certificates that end soon, and says what it waits for.
func surroundings(streams IO, store *named.Store, refs *references) named.Surroundings {
	return named.Surroundings{
		Environment: streams.Environment,
		Store:       store,
		Resolve:     refs.resolve,
		Prompt:      askPassword(streams),
		Use:         func(u named.Use) { warnOfExpiry(streams, store, u, time.Now()) },
		Step:        func(what string) func() { return waiting(streams, what) },
		UserAgent:   userAgent(),
	}
}

// askPassword asks on the terminal; nil when nobody can be asked.
func askPassword(streams IO) identity.PasswordFunc {
	if streams.Prompt == nil {
		return nil
	}
	return func(ctx context.Context, file string) ([]byte, error) {
		answer, err := streams.Prompt(ctx, "Password of "+file+": ")
		if errors.Is(err, errNobody) {
			return nil, identity.ErrPasswordRequired
		}
		return answer, err
	}
}

// references reads what names secrets. Standard input can serve one of them.
type references struct {
	resolver secret.Resolver
	stdin    string // the flag that has taken standard input
	word     func(key string) string
}

// flagWord writes a key as the flag that gives it.
func flagWord(key string) string { return "--" + strings.ReplaceAll(key, "_", "-") }

// newReferences reads references that flags give; word says how a message calls a key.
func newReferences(ctx context.Context, streams IO, word func(key string) string) *references {
	r := named.Resolver(streams.Environment)
	r.Stdin = interruptibleReader{ctx, streams.In}
	return &references{resolver: r, word: word}
}

// read answers the secret that a flag's reference names; no reference is no secret.
func (r *references) read(ctx context.Context, flag, text string) (secret.Secret, error) {
	if text == "" {
		return secret.Secret{}, nil
	}
	reference, err := secret.ParseReference(text)
	if err != nil {
		return secret.Secret{}, configurationError{error: fmt.Errorf("--%s: %w", flag, err), hint: referenceHint(err)}
	}
	return r.resolve(ctx, flag, reference)
}

// resolve answers the secret of a key.
func (r *references) resolve(ctx context.Context, key string, reference secret.Reference) (secret.Secret, error) {
	word := r.word(key)
	if reference.IsStdin() {
		if r.stdin != "" {
			return secret.Secret{}, usagef("%s and %s cannot both be read from standard input", r.stdin, word)
		}
		r.stdin = word
	}
	value, err := r.resolver.Resolve(ctx, reference)
	if errors.Is(err, context.Canceled) {
		return secret.Secret{}, err
	}
	if err != nil {
		hint := referenceHint(err)
		if !strings.HasPrefix(word, "-") && errors.Is(err, fs.ErrNotExist) {
			hint = "check the path; a relative one begins at the directory of the configuration's file"
		}
		return secret.Secret{}, configurationError{error: fmt.Errorf("%s: %w", word, err), hint: hint}
	}
	return value, nil
}
