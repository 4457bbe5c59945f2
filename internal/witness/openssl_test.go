package witness

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

// authority is a certificate authority that OpenSSL runs: a root and an intermediate below it, in files of a directory whose
// name needs quoting.
type authority struct {
	t       testing.TB
	openSSL string
	dir     string
}

const (
	root         = "root"
	intermediate = "intermediate"
)

func newAuthority(t testing.TB) *authority {
	t.Helper()
	p := &authority{t: t, openSSL: foreign.OpenSSL(t), dir: filepath.Join(t.TempDir(), "acme pki")}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p.write("ca.ext", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n")
	p.write("leaf.ext", "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n")
	p.key(root, "P-256")
	p.run("req", "-x509", "-new", "-key", "root.key", "-sha256", "-days", "3650", "-subj", "/CN=Acme Root", "-out", "root.pem",
		"-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
	p.key(intermediate, "P-256")
	p.sign(intermediate, root, "ca.ext")
	return p
}

// path is that of a file of the authority.
func (p *authority) path(name string) string { return filepath.Join(p.dir, name) }

func (p *authority) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// run runs OpenSSL in the authority's directory.
func (p *authority) run(args ...string) string {
	p.t.Helper()
	return foreign.MustRun(p.t, p.command(args...))
}

func (p *authority) command(args ...string) *exec.Cmd {
	c := exec.CommandContext(p.t.Context(), p.openSSL, args...)
	c.Dir = p.dir
	return c
}

// key makes NAME.key, PKCS#8 in PEM: "RSA" of 2048 bits, or the name of a curve.
func (p *authority) key(name, kind string) {
	p.t.Helper()
	args := []string{"genpkey", "-out", name + ".key", "-algorithm"}
	if kind == "RSA" {
		args = append(args, "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
	} else {
		args = append(args, "EC", "-pkeyopt", "ec_paramgen_curve:"+kind)
	}
	p.run(args...)
}

// leaf makes NAME.key and NAME.pem, an end-entity certificate of an issuer.
func (p *authority) leaf(name, kind, issuer string) {
	p.t.Helper()
	p.key(name, kind)
	p.sign(name, issuer, "leaf.ext")
}

func (p *authority) sign(name, issuer, extensions string) {
	p.t.Helper()
	p.run("req", "-new", "-key", name+".key", "-subj", "/CN="+name, "-out", name+".csr")
	p.run("x509", "-req", "-in", name+".csr", "-CA", issuer+".pem", "-CAkey", issuer+".key", "-CAcreateserial", "-sha256",
		"-days", "30", "-extfile", extensions, "-out", name+".pem")
}

// revoke makes crl.pem, the root's revocation list of one certificate.
func (p *authority) revoke(name string) {
	p.t.Helper()
	p.write("ca.conf", "[ca]\ndefault_ca=root\n[root]\ndatabase=index.txt\ncrlnumber=crlnumber\n"+
		"default_md=sha256\ndefault_crl_days=30\n")
	p.write("index.txt", "")
	p.write("crlnumber", "01\n")
	ca := []string{"ca", "-config", "ca.conf", "-keyfile", "root.key", "-cert", "root.pem"}
	p.run(append(ca, "-revoke", name+".pem")...)
	p.run(append(ca, "-gencrl", "-out", "crl.pem")...)
}
