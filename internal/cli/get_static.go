package cli

import (
	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth"
)

func newGetStatic(streams IO) *cobra.Command {
	var (
		accessKeyID, secretRef, tokenRef string
		sts                              stsClient
		out                              output
	)
	c := &cobra.Command{
		Use:   "static --access-key-id ID --secret-access-key REF [flags]",
		Short: "Get the static credentials of an IAM user",
		Long: `Get static credentials: the access key of an IAM user, checked and in the format that a program needs. They do
not expire.

The secret is named, never given: env:NAME, file:PATH (mode 0600), or - for standard input.`,
		Example: `  awsauth get static --access-key-id AKIA… --secret-access-key file:aws-secret
  pass show aws | awsauth get static --access-key-id AKIA… \
    --secret-access-key - --format env`,
		Annotations: map[string]string{annotationExit: "yes", annotationVariables: stsVariables},
		Args:        noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(); err != nil {
				return err
			}
			if err := sts.prepare(streams); err != nil {
				return err
			}
			refs := newReferences(c.Context(), streams)
			secretKey, err := refs.read("secret-access-key", secretRef)
			if err != nil {
				return err
			}
			token, err := refs.read("session-token", tokenRef)
			if err != nil {
				return err
			}
			static := awsauth.Static{AccessKeyID: accessKeyID, SecretAccessKey: secretKey, SessionToken: token}
			credentials, err := static.Retrieve(c.Context())
			if err != nil {
				return err
			}
			got := obtained{kind: "static", credentials: credentials}
			if out.verifies(streams) {
				if err := out.verifyWith(c.Context(), streams, sts, &got); err != nil {
					return err
				}
			}
			return out.print(streams, got)
		},
	}
	f := c.Flags()
	f.StringVar(&accessKeyID, "access-key-id", "", "`ID` access key ID, as AKIA…")
	f.StringVar(&secretRef, "secret-access-key", "", "`REF` its secret: env:NAME, file:PATH or -")
	f.StringVar(&tokenRef, "session-token", "", "`REF` session token, which a key that begins with ASIA has")
	heading(c, "What is given", "access-key-id", "secret-access-key", "session-token")
	out.flags(c)
	f.StringVar(&sts.region, "region", "", "`REGION` region of the STS (default us-east-1)")
	f.StringVar(&sts.endpoint, "endpoint-url", "", "`URL` another STS")
	heading(c, "Where it is asked", "region", "endpoint-url")
	return c
}
