package endurance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// Door asks at one of an agent's doors for one credential.
type Door struct {
	client    *http.Client
	url       string
	tokenFile string // read at every request, as SDKs do; "" for none
	session   string // where a token of the metadata service is got; "" for none
	key       string // of the answer's document that has the access key ID
}

// patient is how long a program waits for an answer: longer than the agent takes for any.
const patient = 5 * time.Second

// most is how many connections a program that keeps them has at a time.
const most = 64

// door makes a door; idle is how many connections are kept for the next request, and zero for none.
func door(idle int, dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Client {
	t := &http.Transport{DialContext: dial, MaxIdleConns: idle, MaxIdleConnsPerHost: idle, DisableKeepAlives: idle == 0, DisableCompression: true}
	if idle > 0 {
		t.MaxConnsPerHost = most
	}
	return &http.Client{Timeout: patient, Transport: t}
}

// Socket is the agent's own socket. Connections are kept when idle is more than zero.
func Socket(path, name string, idle int) *Door {
	return &Door{url: "http://awsauth-agent/credentials/" + name, key: "access_key_id", client: door(idle, func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	})}
}

// Container is the container-credentials endpoint at an address.
func Container(address, tokenFile string, idle int) *Door {
	return &Door{url: "http://" + address + "/", key: "AccessKeyId", tokenFile: tokenFile, client: door(idle, nil)}
}

// Metadata is the instance metadata service at an address: each request is one for a token and two for the credentials, as SDKs ask.
func Metadata(address string, idle int) *Door {
	return &Door{
		url: "http://" + address + "/latest/meta-data/iam/security-credentials/", key: "AccessKeyId", client: door(idle, nil),
		session: "http://" + address + "/latest/api/token",
	}
}

// Ask asks once. It fails unless there is an answer with an access key that has not ended.
func (d *Door) Ask(ctx context.Context) error {
	_, err := d.Key(ctx)
	return err
}

// InTurn asks at one door after the other.
func InTurn(doors ...*Door) func(context.Context) error {
	var turn atomic.Int64
	return func(ctx context.Context) error { return doors[int(turn.Add(1))%len(doors)].Ask(ctx) }
}

// Key asks once, and answers the access key ID.
func (d *Door) Key(ctx context.Context) (string, error) {
	header, path := http.Header{}, d.url
	if d.tokenFile != "" {
		token, err := os.ReadFile(d.tokenFile)
		if err != nil {
			return "", err
		}
		header.Set("Authorization", string(token))
	}
	if d.session != "" {
		token, err := d.do(ctx, http.MethodPut, d.session, http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"60"}})
		if err != nil {
			return "", err
		}
		header.Set("X-Aws-Ec2-Metadata-Token", string(token))
		role, err := d.do(ctx, http.MethodGet, d.url, header)
		if err != nil {
			return "", err
		}
		path += string(role)
	}
	body, err := d.do(ctx, http.MethodGet, path, header)
	if err != nil {
		return "", err
	}
	var document map[string]any
	if err := json.Unmarshal(body, &document); err != nil {
		return "", err
	}
	key, _ := document[d.key].(string)
	if key == "" {
		return "", errors.New("an answer without an access key")
	}
	for _, name := range []string{"Expiration", "expiration"} {
		text, there := document[name].(string)
		if !there {
			continue
		}
		ends, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return "", err
		}
		if now := time.Now(); !ends.After(now) {
			return "", fmt.Errorf("credentials that have ended %s ago", now.Sub(ends))
		}
	}
	return key, nil
}

// do answers the body of one answer.
func (d *Door) do(ctx context.Context, method, url string, header http.Header) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	r.Header = header
	response, err := d.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d: %s", response.StatusCode, strings.TrimSpace(string(body)))
	}
	return body, nil
}
