package witness

import "testing"

// scene is an emulator with one identity and a shared config file for it.
type scene struct {
	*localAWS
	pki    *authority
	id     packing
	config string
}

func newScene(t testing.TB, args ...string) *scene {
	t.Helper()
	p := newAuthority(t)
	p.leaf("backup", "P-256", root)
	id := packing{name: "backup", uri: "file:" + p.path("backup.pem") + "?key=" + p.path("backup.key")}
	local := startEmulator(t, p, args...)
	return &scene{local, p, id, local.writeConfig(t, p, id)}
}
