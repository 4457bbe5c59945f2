package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/named"
)

func newGetSession(streams IO) *cobra.Command {
	var (
		where        place
		out          output
		debugSigning bool
	)
	c := &cobra.Command{
		Use:   "session --certificate ID|URI --role-arn ARN --profile-arn ARN --trust-anchor-arn ARN [flags]",
		Short: "Get temporary credentials from IAM Roles Anywhere",
		Long: `Get temporary credentials from IAM Roles Anywhere with an X.509 certificate.

The certificate is named by its identifier in the certificate store (awsauth certificate list), or by its files:
file:leaf.pem?key=leaf.key&chain=intermediates.pem, or one file that has it all, as file:client.p12. The password of a file is
asked for on the terminal, or named by a reference.`,
		Example: `  awsauth get session --certificate backup \
    --role-arn arn:aws:iam::123456789012:role/backup \
    --profile-arn arn:aws:rolesanywhere:eu-west-1:123456789012:profile/… \
    --trust-anchor-arn arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/…`,
		Annotations: map[string]string{annotationExit: "yes", annotationVariables: credentialVariables},
		Args:        noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			credential, err := where.sessionFromFlags(c, streams)
			if err != nil {
				return err
			}
			if debugSigning {
				if err := showSigning(c, streams, credential); err != nil {
					return err
				}
			}
			got, err := out.obtain(c.Context(), streams, credential)
			if err != nil {
				return err
			}
			return out.print(streams, got)
		},
	}
	keyFlags(c, "What is asked for", "certificate", "certificate_password", "role_arn", "profile_arn", "trust_anchor_arn",
		"duration", "session_name", "instance_properties")
	out.flags(c)
	keyFlags(c, "Where it is asked", "region", "endpoint_url", "use_fips_endpoint", "use_dualstack_endpoint")
	f := c.Flags()
	f.BoolVar(&debugSigning, "debug-signing", false, "show on standard error what is signed, without the signature")
	heading(c, "Where it is asked", "debug-signing")
	where.flags(c)
	f.String("session-policy", "", "not a parameter of CreateSession")
	if err := f.MarkHidden("session-policy"); err != nil {
		panic(err) // the flag exists
	}
	completeCertificates(c, streams, &where)
	return c
}

// credentialVariables are the variables of AWS's SDKs that count for a call.
const credentialVariables = `AWS_ENDPOINT_URL_ROLESANYWHERE another Roles Anywhere; AWS_ENDPOINT_URL is another AWS
AWS_ENDPOINT_URL_STS another STS; AWS_ENDPOINT_URL is another AWS
AWS_USE_FIPS_ENDPOINT true for the FIPS endpoint
AWS_USE_DUALSTACK_ENDPOINT true for the dual-stack endpoint
` + transportVariables

// Variables of AWS's SDKs that count, as the pages tell them.
const (
	stsVariables = `AWS_ENDPOINT_URL_STS another STS; AWS_ENDPOINT_URL is another AWS
AWS_REGION the region of STS, where --region is not given
` + transportVariables
	transportVariables = `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS true to ignore the variables for endpoints
AWS_CA_BUNDLE file of CA certificates to trust in place of the system's
HTTPS_PROXY proxy for https; NO_PROXY lists hosts that are called without it`
)

// sessionFromFlags makes the credential that flags and their variables describe.
func (p *place) sessionFromFlags(c *cobra.Command, streams IO) (*named.Credential, error) {
	if policy, err := c.Flags().GetString("session-policy"); err != nil || policy != "" {
		return nil, usageError{
			error: fmt.Errorf("--session-policy: CreateSession takes no session policy"),
			hint:  "put it into the profile (aws rolesanywhere update-profile --session-policy), or assume a further role with it",
		}
	}
	properties, err := c.Flags().GetStringToString("instance-properties")
	if err != nil {
		return nil, err
	}
	r, err := config.FromFlags(config.TypeSession, overrides(c, streams.Environment), func(c *config.Credential) { c.Properties = properties })
	if err != nil {
		return nil, err
	}
	store := named.OpenStore(streams.Environment, p.store, nil)
	if r.Certificate != "" && !config.IsURI(r.Certificate) {
		if store, err = p.openStore(streams); err != nil {
			return nil, err
		}
	}
	return build(r, surroundings(streams, store, newReferences(c.Context(), streams, flagWord)))
}

// showSigning prints the canonical request and the string to sign. Neither is secret; the signature would be.
func showSigning(c *cobra.Command, streams IO, credential *named.Credential) error {
	session := credential.Session()
	client, request, err := session.Request()
	if err != nil {
		return err
	}
	id, err := session.Identity.Identity(c.Context())
	if err != nil {
		return err
	}
	trace, err := client.Trace(id, request, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(streams.Err, "canonical request\n%s\n\nstring to sign\n%s\n\n", trace.CanonicalRequest, trace.StringToSign)
	return err
}
