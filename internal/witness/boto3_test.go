package witness

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

func TestBoto3CallsEveryManagementOperation(t *testing.T) {
	for _, python := range foreign.Pythons(t) {
		t.Run(python.Version, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.pki.revoke("intermediate")
			c := foreign.Command(t, python.Path, "testdata/management.py", s.Endpoint, s.id.name, s.pki.dir)
			c.Env = append(c.Env, "AWS_CONFIG_FILE="+s.config)
			var operations struct{ Called, Known []string }
			if err := json.Unmarshal([]byte(foreign.MustRun(t, c)), &operations); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(operations.Called, operations.Known) || len(operations.Known) < 26 {
				t.Errorf("called %v, want all of %v", operations.Called, operations.Known)
			}
			t.Logf("%d operations", len(operations.Called))
		})
	}
}

func TestBoto3ReportsRefusals(t *testing.T) {
	s := newScene(t, "--session-lifetime", "1s")
	arguments, want := map[string]map[string]string{}, map[string]map[string]string{}
	for _, refused := range s.spoil(t) {
		arguments[refused.name] = map[string]string{
			"aws_access_key_id": refused.AccessKeyID, "aws_secret_access_key": refused.SecretAccessKey,
		}
		if refused.SessionToken != "" {
			arguments[refused.name]["aws_session_token"] = refused.SessionToken
		}
		want[refused.name] = map[string]string{
			"sts": "403 " + refused.sts, "iam": "403 " + refused.sts, "rolesanywhere": "403 " + refused.rolesAnywhere,
		}
	}
	input, err := json.Marshal(arguments)
	if err != nil {
		t.Fatal(err)
	}
	for _, python := range foreign.Pythons(t) {
		t.Run(python.Version, func(t *testing.T) {
			t.Parallel()
			c := foreign.Command(t, python.Path, "testdata/refusals.py", s.Endpoint)
			c.Stdin = bytes.NewReader(input)
			var got map[string]map[string]string
			if err := json.Unmarshal([]byte(foreign.MustRun(t, c)), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
		})
	}
}
