package foreign

import (
	"net"
	"os/exec"
	"strconv"
	"testing"
)

// StartMoto runs moto, a local AWS, and answers its URL; or it skips the test: moto is in no distribution. After so many calls it checks
// signatures, tokens and the actions of policies; never the end of a session.
func StartMoto(t testing.TB, unchecked int) (endpoint string) {
	t.Helper()
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not in PATH; pip install 'moto[server]' installs it")
	}
	address := FreeAddress(t)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	c := Command(t, path, "-H", host, "-p", port)
	c.Env = append(c.Env, "INITIAL_NO_AUTH_ACTION_COUNT="+strconv.Itoa(unchecked))
	Start(t, c)
	endpoint = "http://" + address
	AwaitOK(t, endpoint+"/moto-api/")
	return endpoint
}
