package witness

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// pki is a certificate authority that OpenSSL runs: a root and an intermediate below it, in files of a directory whose
// name needs quoting.
type pki struct {
	t       testing.TB
	openSSL string
	dir     string
}

const (
	root         = "root"
	intermediate = "intermediate"
)

func newPKI(t testing.TB) *pki {
	t.Helper()
	p := &pki{t: t, openSSL: openSSL(t), dir: filepath.Join(t.TempDir(), "acme pki")}
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
func (p *pki) path(name string) string { return filepath.Join(p.dir, name) }

func (p *pki) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(p.path(name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// run runs OpenSSL in the authority's directory.
func (p *pki) run(args ...string) string {
	p.t.Helper()
	return mustRun(p.t, p.command(args...))
}

func (p *pki) command(args ...string) *exec.Cmd {
	c := exec.CommandContext(p.t.Context(), p.openSSL, args...)
	c.Dir = p.dir
	return c
}

// key makes NAME.key, PKCS#8 in PEM: "RSA" of 2048 bits, or the name of a curve.
func (p *pki) key(name, kind string) {
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
func (p *pki) leaf(name, kind, issuer string) {
	p.t.Helper()
	p.key(name, kind)
	p.sign(name, issuer, "leaf.ext")
}

func (p *pki) sign(name, issuer, extensions string) {
	p.t.Helper()
	p.run("req", "-new", "-key", name+".key", "-subj", "/CN="+name, "-out", name+".csr")
	p.run("x509", "-req", "-in", name+".csr", "-CA", issuer+".pem", "-CAkey", issuer+".key", "-CAcreateserial", "-sha256",
		"-days", "30", "-extfile", extensions, "-out", name+".pem")
}
