package agent

import (
	"maps"
	"slices"
	"testing"
)

// What is held for a caller goes when the caller does.
func TestSessionsOfAGoneCallerAreForgotten(t *testing.T) {
	o := ownSessions{held: map[string][]*ownSession{"erp": {{}}, "crm": {{}, {}}}}
	o.forget(map[string]caller{"crm": {}})
	if got := slices.Collect(maps.Keys(o.held)); !slices.Equal(got, []string{"crm"}) || len(o.held["crm"]) != 2 {
		t.Errorf("got %v", o.held)
	}
}
