package witness

import (
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

var update = flag.Bool("update", false, "write the table of docs/programs.md anew")

const (
	page      = "../../docs/programs.md"
	tableFrom = "<!-- table: made by go test ./internal/witness -run Programs -update -->\n"
	tableTo   = "<!-- end of the table -->\n"
)

// settings are what the cells set for a program to find the door, and the page says.
var settings = []string{
	"config aws-profile backup --write", "AWS_PROFILE=backup", "awsauth exec backup -- ", "AWS_CONTAINER_CREDENTIALS_FULL_URI=",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN=", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=", "AWS_EC2_METADATA_SERVICE_ENDPOINT=",
	"awsauth update backup", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "--endpoint-url", "provider = Other", "env_auth = true",
}

// reasons are all that stand below the table.
var reasons = []*reason{&noTokenFile, &longSessions, &noTokenFileHere, &noProcess, &ownMetadata}

func (r *reason) note() string { return "- **" + r.mark + "** " + r.text + "\n" }

// comparePage holds the page's table against what has happened.
func comparePage(t *testing.T, programs []program, outcomes map[[2]string]string) {
	t.Helper()
	if *update && slices.Contains(slices.Collect(maps.Values(outcomes)), failedCell) {
		t.Fatal("a cell has failed; the page stays as it is")
	}
	var rows [][]string
	for _, p := range programs {
		row := []string{p.name}
		for _, door := range doorNames {
			row = append(row, outcomes[[2]string{p.name, door}])
		}
		rows = append(rows, row)
	}
	below := "\n"
	for _, why := range reasons {
		below += why.note()
	}
	table := foreign.Table{Path: page, From: tableFrom, To: tableTo, Head: append([]string{"program"}, doorNames...), Key: 1, Below: below, Open: true}
	_, after := table.Compare(t, rows, *update)
	for _, setting := range settings {
		if !strings.Contains(after, setting) {
			t.Errorf("%s does not say %s, which a cell has set", page, setting)
		}
	}
}
