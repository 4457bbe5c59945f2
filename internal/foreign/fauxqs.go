package foreign

import (
	"net"
	"testing"
)

// StartFauxqs runs fauxqs, a local SNS and SQS that takes whatever signature comes, and answers its URL. It listens on every address:
// only a test in a network of its own may start it.
func StartFauxqs(t testing.TB) (endpoint string) {
	t.Helper()
	address := FreeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	c := JavaScript(t).Command("fauxqs")
	c.Env = append(c.Env, "FAUXQS_PORT="+port, "FAUXQS_DEFAULT_REGION="+Region, "FAUXQS_LOGGER=false")
	Start(t, c)
	endpoint = "http://" + address
	AwaitOK(t, endpoint+"/health")
	return endpoint
}
