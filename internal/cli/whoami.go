package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/stsclient"
	"github.com/awsauth-go/awsauth/named"
)

func newWhoami(streams IO) *cobra.Command {
	var (
		where  place
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "whoami NAME [flags]",
		Short: "Ask STS who a configured credential is",
		Long: `Get the credentials that the configuration keeps under a name, ask STS who they are (sts:GetCallerIdentity), and say how
they were obtained: the certificate or access key, and each role. When that fails, it says at which step and why.`,
		Example:           "  awsauth whoami backup\n  awsauth whoami backup --json",
		Annotations:       map[string]string{annotationExit: "yes", annotationVariables: credentialVariables},
		Args:              oneName("a credential's name"),
		ValidArgsFunction: completeCredentials(streams, &where),
		RunE: func(c *cobra.Command, args []string) error {
			return ofName(args[0], whoami(c, streams, &where, args[0], asJSON))
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, for scripts")
	heading(c, "How it is answered", "json")
	where.flags(c)
	keyFlags(c, "In place of what is configured", overridable()...)
	completeCertificates(c, streams, &where)
	return c
}

// caller is who a credential is.
type caller struct {
	Name string `json:"name"`
	Type string `json:"type"`
	stsclient.Identity
	AccessKeyID string       `json:"access_key_id"`
	Expiration  string       `json:"expiration,omitempty"`
	Steps       []named.Step `json:"steps"`
	Emulator    string       `json:"emulator,omitempty"` // the endpoint that is not AWS
}

func whoami(c *cobra.Command, streams IO, where *place, name string, asJSON bool) error {
	credential, err := where.credential(c, streams, name)
	if err != nil {
		return err
	}
	got, err := credential.Obtain(c.Context())
	if err != nil {
		return err
	}
	who, err := credential.Caller(c.Context(), got.Credentials)
	if err != nil {
		return err
	}
	answer := caller{
		Name: credential.Name(), Type: credential.Type(), Identity: who, AccessKeyID: got.Credentials.AccessKeyID,
		Steps: got.Steps, Emulator: cmp.Or(got.Emulator, credential.Emulator()),
	}
	if got.Credentials.CanExpire {
		answer.Expiration = got.Credentials.Expires.UTC().Format(time.RFC3339)
	}
	if asJSON {
		return json.NewEncoder(streams.Out).Encode(answer)
	}
	_, err = fmt.Fprint(streams.Out, answer.describe(got, time.Now()))
	return err
}

// describe tells a person.
func (a caller) describe(got *named.Obtained, now time.Time) string {
	expires := "never"
	if got.Credentials.CanExpire {
		expires = fmt.Sprintf("in %s (%s)", until(got.Credentials.Expires.Sub(now)), got.Credentials.Expires.UTC().Format("15:04 MST"))
	}
	steps := make([]string, len(got.Steps))
	for i, s := range got.Steps {
		steps[i] = s.Name
	}
	rows := [][]cell{
		plainRow(a.Name, a.ARN),
		plainRow("type", a.Type),
		plainRow("account", a.Account),
		plainRow("user ID", a.UserID),
		plainRow("expires", expires),
		plainRow("through", strings.Join(steps, " → ")),
	}
	if a.Emulator != "" {
		rows = append(rows, plainRow("EMULATOR", a.Emulator+" has answered, not AWS"))
	}
	return table(rows, func(_, text string) string { return text })
}
