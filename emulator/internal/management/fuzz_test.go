package management

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// FuzzHandle sends what the SDK's client sent, changed, to an account that has what that client made.
func FuzzHandle(f *testing.F) {
	made := newAccount(f)
	s := &server{account: made, caller: administrator}
	var full account.State
	for _, step := range story(f, made, newClient(f, s)) {
		if step.operation == "DeleteCrl" { // the first that deletes a resource
			made.Read(func(s *account.State) {
				full = account.State{
					Profiles: maps.Clone(s.Profiles), TrustAnchors: maps.Clone(s.TrustAnchors),
					CRLs: maps.Clone(s.CRLs), Subjects: maps.Clone(s.Subjects),
				}
			})
		}
		if _, err := step.call(); err != nil {
			f.Fatal(err)
		}
	}
	for _, r := range s.requests {
		f.Add(r.method, r.target, r.body)
	}
	for _, op := range operations {
		f.Add(op.method, minimal[op.name].target, []byte(minimal[op.name].body))
	}
	f.Add(http.MethodGet, "/profiles?pageSize=NaN&nextToken=cHJvZmlsZSAxIA==", []byte(nil))
	f.Add(http.MethodPost, "/profiles", []byte(`{"name":[[[{}]]],"roleArns":[1e999,null],"tags":[null],"durationSeconds":-0}`))

	f.Fuzz(func(t *testing.T, method, target string, body []byte) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") {
			return // net/http refuses it
		}
		a := newAccount(t)
		err = a.Write(func(s *account.State) error {
			s.Profiles, s.TrustAnchors = maps.Clone(full.Profiles), maps.Clone(full.TrustAnchors)
			s.CRLs, s.Subjects = maps.Clone(full.CRLs), maps.Clone(full.Subjects)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		call := &wire.Call{HTTP: &http.Request{Method: method, URL: u}, Body: body, Caller: administrator}
		status, answer, err := Handle(a, call)
		if err != nil {
			r, ok := errors.AsType[*wire.Refusal](err)
			if !ok || r.Status != 400 && r.Status != 403 && r.Status != 404 || r.Code == "" || r.Message == "" {
				t.Fatalf("got error %v, want a *wire.Refusal of status 400, 403 or 404", err)
			}
			return
		}
		if status != http.StatusOK && status != http.StatusCreated {
			t.Fatalf("got status %d", status)
		}
		raw, err := json.Marshal(answer)
		if err != nil || raw[0] != '{' {
			t.Fatalf("got answer %s and error %v, want an object", raw, err)
		}
	})
}
