package cli

import (
	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/named"
)

func newGetStatic(streams IO) *cobra.Command {
	var out output
	c := &cobra.Command{
		Use:   "static --access-key-id ID --secret-access-key REF [flags]",
		Short: "Get the static credentials of an IAM user",
		Long: `Get static credentials: the access key of an IAM user, checked and in the format that a program needs. They do
not expire.

The secret is named, never given: env:NAME, file:PATH (mode 0600), keyring:SERVICE/KEY, systemd:NAME, or - for standard input.`,
		Example: `  awsauth get static --access-key-id AKIA… --secret-access-key file:aws-secret
  pass show aws | awsauth get static --access-key-id AKIA… \
    --secret-access-key - --format env`,
		Annotations: map[string]string{annotationExit: "yes", annotationVariables: stsVariables},
		Args:        noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			r, err := config.FromFlags(config.TypeStatic, overrides(c, streams.Environment), nil)
			if err != nil {
				return err
			}
			refs := newReferences(c.Context(), streams, flagWord)
			credential, err := build(r, surroundings(streams, named.OpenStore(streams.Environment, "", nil), refs))
			if err != nil {
				return err
			}
			got, err := out.obtain(c.Context(), streams, credential)
			if err != nil {
				return err
			}
			return out.print(streams, got)
		},
	}
	keyFlags(c, "What is given", "access_key_id", "secret_access_key", "session_token")
	out.flags(c)
	keyFlags(c, "Where it is asked", "region", "endpoint_url")
	return c
}
