package management

import (
	"strconv"

	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// overQuota refuses what a quota forbids. The model has no error for it, so that this code is a guess.
func overQuota(what string, most int) *wire.Refusal {
	return invalid("The quota of "+strconv.Itoa(most)+" "+what+" is reached.",
		"the emulator enforces AWS's default quotas", "delete what is not used")
}
