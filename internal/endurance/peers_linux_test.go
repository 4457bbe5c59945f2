package endurance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/stsclient"
)

// identify asks for all credentials at the socket, and at the container endpoint with every token that it can read, and has STS say
// whose it was given.
func identify(ctx context.Context, j job) report {
	r := report{Answers: map[string]string{}}
	whose := func(c sdk.Credentials) string {
		who, err := stsclient.Client{Region: "eu-west-1", Endpoint: j.AWS}.CallerIdentity(ctx, c)
		if err != nil {
			return err.Error()
		}
		return who.ARN[strings.LastIndex(who.ARN, "/")+1:]
	}
	for i := range j.Many {
		name := fmt.Sprintf("c%d", i)
		given, err := agent.Client{Socket: j.Socket}.Credentials(ctx, name)
		refused := new(agent.RefusalError)
		switch {
		case errors.As(err, &refused):
			r.Answers["socket "+name] = refused.Code
		case err != nil:
			r.Answers["socket "+name] = err.Error()
		default:
			r.Answers["socket "+name] = whose(sdk.Credentials{AccessKeyID: given.AccessKeyID, SecretAccessKey: given.SecretAccessKey, SessionToken: given.SessionToken})
		}
		files, err := filepath.Glob(filepath.Join(j.Tokens, "*", name))
		if err != nil || len(files) == 0 {
			r.Answers["container "+name] = fmt.Sprintf("no token of anybody: %v", err)
			continue
		}
		r.Answers["container "+name] = "no token"
		for _, file := range files {
			token, err := os.ReadFile(file)
			if errors.Is(err, os.ErrPermission) {
				continue
			}
			door := Container(j.Container, file, 0)
			body, err := door.do(ctx, http.MethodGet, door.url, http.Header{"Authorization": {string(token)}})
			var given struct{ AccessKeyID, SecretAccessKey, Token string }
			if err := errors.Join(err, json.Unmarshal(body, &given)); err != nil {
				r.Answers["container "+name] = err.Error()
				break
			}
			r.Answers["container "+name] = whose(sdk.Credentials{AccessKeyID: given.AccessKeyID, SecretAccessKey: given.SecretAccessKey, SessionToken: given.Token})
		}
	}
	return r
}

// A1: twelve peers ask for four credentials each, at two doors. Who may have what is written down here, and not computed.
func TestEveryPeerGetsItsCredentialsAndNobodyElses(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("left out: only root can become other users")
	}
	h := newHost(t, options{credentials: 4, container: true, allow: []string{
		`{users: ["5001"]}`, `{groups: ["6001"]}`, `{users: ["5002", "5003"], groups: ["6002"]}`, `{users: [root]}`,
	}})
	h.start()
	h.settled()
	many := make([]uint32, 100)
	for i := range many {
		many[i] = uint32(7000 + i)
	}
	before, rows, refused := h.status().Refusals, 0, int64(0)
	for _, p := range []struct {
		uid, gid uint32
		groups   []uint32
		may      string
	}{
		{5001, 7000, nil, "c0"},
		{5001, 6001, nil, "c0 c1"},
		{5001, 7000, []uint32{6001, 6002}, "c0 c1 c2"},
		{5002, 7000, nil, "c2"},
		{5003, 6002, nil, "c2"},
		{5003, 7000, []uint32{6001}, "c1 c2"},
		{5004, 7000, nil, ""},
		{5004, 6001, nil, "c1"},
		{5004, 7000, append(many, 6002), "c2"},
		{6001, 5001, []uint32{5002}, ""}, // numbers of users are none of groups
		{5004, 0, []uint32{0}, ""},       // nor is the superuser's group the superuser
		{0, 0, nil, "c3"},
	} {
		w := h.startAs(&syscall.Credential{Uid: p.uid, Gid: p.gid, Groups: p.groups}, job{
			Kind: "identify", Socket: h.socket, Container: h.container, Tokens: filepath.Join(h.dir, "run", "agent.tokens"), Many: 4, AWS: h.aws.Endpoint,
		})
		w.begin()
		got := w.finish().Answers
		for _, name := range []string{"c0", "c1", "c2", "c3"} {
			socket, container := "NotAllowed", "no token"
			if slices.Contains(strings.Fields(p.may), name) {
				socket, container = name+"-session", name+"-session"
			} else {
				refused++
			}
			rows++
			if got["socket "+name] != socket {
				t.Errorf("user %d, group %d and %v at the socket: %s: got %q, want %q", p.uid, p.gid, p.groups, name, got["socket "+name], socket)
			}
			if p.uid == 0 {
				continue // who reads every file
			}
			rows++
			if got["container "+name] != container {
				t.Errorf("user %d, group %d and %v at the container endpoint: %s: got %q, want %q", p.uid, p.gid, p.groups, name, got["container "+name], container)
			}
		}
	}
	t.Logf("%d rows", rows)
	if got := h.status().Refusals - before; got != refused {
		t.Errorf("the agent has refused %d, want %d", got, refused)
	}
}
