package foreign

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Ceph is Ceph's object gateway: an S3, the topics of SNS, an STS and the roles of IAM.
type Ceph struct {
	Endpoint string
	Version  string // as 16.2.15

	t             testing.TB
	dir           string
	configuration string
}

// cephConfiguration is that of a cluster with one of each daemon and everything in memory.
var cephConfiguration = template.Must(template.New("").Parse(`[global]
fsid = 6f3c1f4e-0d5b-4d6e-9f6a-3c1f4e0d5b4d
mon_host = v1:{{.Monitor}}
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
osd_objectstore = memstore
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
keyring = {{.Dir}}/keyring
mon_data = {{.Dir}}/mon
osd_data = {{.Dir}}/osd
rgw_data = {{.Dir}}/rgw
run_dir = {{.Dir}}
log_file = {{.Dir}}/$name.log
admin_socket = {{.Dir}}/$name.$pid.asok
rgw_frontends = beast endpoint={{.Gateway}}
rgw_sts_key = abcdefghijklmnop
rgw_s3_auth_use_sts = true
`))

// StartCeph runs a monitor, a store of objects in memory, and the gateway before it, or skips the test.
func StartCeph(t testing.TB) *Ceph {
	t.Helper()
	for _, name := range []string{"ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin"} {
		Find(t, name)
	}
	version := strings.Fields(MustRun(t, Command(t, Find(t, "radosgw"), "--version")) + " ? ? ?")[2]
	monitor, gateway := FreeAddress(t), FreeAddress(t)
	c := &Ceph{Endpoint: "http://" + gateway, Version: version, t: t, dir: ShortDir(t)}
	c.configuration = filepath.Join(c.dir, "ceph.conf")
	var text bytes.Buffer
	if err := cephConfiguration.Execute(&text, struct{ Monitor, Dir, Gateway string }{monitor, c.dir, gateway}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.configuration, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mon", "osd", "rgw"} {
		if err := os.Mkdir(filepath.Join(c.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const fsid, osd = "6f3c1f4e-0d5b-4d6e-9f6a-3c1f4e0d5b4d", "0b1de5a8-9f0c-4c55-8d4e-0b1de5a89f0c"
	keyring, monmap := filepath.Join(c.dir, "keyring"), filepath.Join(c.dir, "monmap")
	c.tool("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
	c.tool("ceph-authtool", keyring, "--gen-key", "-n", "client.admin", "--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *")
	c.tool("monmaptool", "--create", "--fsid", fsid, "--addv", "a", "[v1:"+monitor+"]", monmap)
	c.tool("ceph-mon", "-i", "a", "--mkfs", "--monmap", monmap, "-c", c.configuration, "--keyring", keyring)
	c.daemon("ceph-mon", "-i", "a")
	c.tool("ceph", "-c", c.configuration, "osd", "new", osd)
	keys := ""
	for _, who := range []string{"osd.0", "client.rgw.a"} {
		keys += c.tool("ceph", "-c", c.configuration, "auth", "get-or-create", who, "mon", "allow *", "osd", "allow *", "mgr", "allow *")
	}
	file, err := os.OpenFile(keyring, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(keys); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	c.tool("ceph-osd", "-i", "0", "-c", c.configuration, "--mkfs", "--osd-uuid", osd)
	c.daemon("ceph-osd", "-i", "0")
	c.daemon("radosgw", "-n", "client.rgw.a")
	AwaitOK(t, c.Endpoint)
	return c
}

// User makes one with a key, and more arguments of radosgw-admin, such as --caps=roles=*.
func (c *Ceph) User(name string, key aws.Credentials, more ...string) {
	c.t.Helper()
	c.tool("radosgw-admin", append([]string{
		"-c", c.configuration, "user", "create", "--uid=" + name, "--display-name=" + name,
		"--access-key=" + key.AccessKeyID, "--secret-key=" + key.SecretAccessKey,
	}, more...)...)
}

func (c *Ceph) tool(name string, args ...string) string {
	c.t.Helper()
	return MustRun(c.t, Command(c.t, Find(c.t, name), args...))
}

func (c *Ceph) daemon(name string, args ...string) {
	c.t.Helper()
	d := Command(c.t, Find(c.t, name), append(args, "-c", c.configuration, "-f")...)
	start(c.t, d, func() error { return d.Process.Kill() }) // told to stop, a store stays that has lost its monitor
}
