package cli

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/agent"
)

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
