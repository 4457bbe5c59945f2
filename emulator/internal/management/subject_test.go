package management

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

func TestASubjectWithoutInstancePropertiesHasEmptyLists(t *testing.T) {
	a := newAccount(t)
	id := someID
	err := a.Write(func(s *account.State) error {
		s.Subjects[id] = &account.Subject{ID: id, InstanceProperties: []account.InstanceProperties{{}}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	subject := mustDo(t, a, http.MethodGet, "/subject/"+id, "")["subject"].(map[string]any)
	if got := fmt.Sprint(subject["credentials"]); got != "[]" {
		t.Errorf("got credentials %s, want []", got)
	}
	property := subject["instanceProperties"].([]any)[0].(map[string]any)
	if got := property["properties"]; got == nil {
		t.Error("got properties null, want {}")
	}
}
