package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/iam"
	"github.com/awsauth-go/awsauth/emulator/internal/management"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// owner is the account's root user, in whose name the emulator sets itself up.
func (e *Emulator) owner() *account.Caller {
	return e.account.NewUserCaller("", &account.User{
		Name:     "root",
		ID:       e.config.AccountID,
		ARN:      e.account.ARN("iam", "root"),
		Policies: account.Policies{Attached: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}},
	}, nil)
}

// iam calls an operation of IAM as the owner.
func (e *Emulator) iam(action string, pairs ...string) (any, error) {
	f := form(action, pairs...)
	r, err := http.NewRequest(http.MethodPost, "http://localhost/", bytes.NewReader([]byte(f.Encode())))
	if err != nil {
		return nil, err
	}
	answer, err := iam.Handle(e.account, &wire.Call{HTTP: r, Form: f, Caller: e.owner()})
	return answer, plain(err)
}

// manage calls an operation of the management API as the owner, and reads the answer into out unless that is nil.
func (e *Emulator) manage(method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(method, "http://localhost"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	_, answer, err := management.Handle(e.account, &wire.Call{HTTP: r, Body: body, Caller: e.owner()})
	if err != nil || out == nil {
		return plain(err)
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, out)
}

// plain makes a refusal an error for who configures the emulator: its message and reason, without code and full stop.
func plain(err error) error {
	refusal := new(wire.Refusal)
	if !errors.As(err, &refusal) {
		return err
	}
	message := strings.TrimSuffix(refusal.Message, ".")
	if refusal.Reason == "" {
		return errors.New(message)
	}
	return errors.New(message + ": " + refusal.Reason)
}

// createdUser tells a user's newest access key.
func (e *Emulator) createdUser(name string) (c CreatedUser) {
	e.account.Read(func(s *account.State) {
		keys := s.KeysOf(name)
		if u := s.Users[name]; u != nil && len(keys) > 0 {
			newest := keys[len(keys)-1]
			c = CreatedUser{ARN: u.ARN, AccessKeyID: newest.ID, SecretAccessKey: newest.Secret}
		}
	})
	return c
}

func (e *Emulator) roleARN(name string) (arn string) {
	e.account.Read(func(s *account.State) {
		if r := s.Roles[name]; r != nil {
			arn = r.ARN
		}
	})
	return arn
}
