package witness

import "strings"

// packing is an identity in one of the forms in which OpenSSL writes them.
type packing struct {
	name     string // of the shared-config profile
	uri      string // for --certificate
	password string // path of its file; empty when there is none
	serial   string // of the certificate, in lower-case hexadecimal
}

const passphrase = "correct horse battery"

// sparse picks every other packing, RSA and P-256 in turn, for clients that take a second each.
func sparse(all []packing) []packing {
	var some []packing
	for i, id := range all {
		if half := len(all) / 2; i%half%2 == i/half {
			some = append(some, id)
		}
	}
	return some
}

// pack makes an RSA identity below the root and a P-256 identity below the intermediate, in every form.
func (p *authority) pack() []packing {
	p.t.Helper()
	p.write("password", passphrase+"\n")
	p.leaf("rsa", "RSA", root)
	p.leaf("p256", "P-256", intermediate)
	p.run("rsa", "-traditional", "-in", "rsa.key", "-out", "rsa.pkcs1")
	p.run("ec", "-in", "p256.key", "-out", "p256.sec1")

	var all []packing
	for _, name := range []string{"rsa", "p256"} {
		chain, certfile := "", []string(nil)
		if name == "p256" {
			chain, certfile = "&chain="+p.path("intermediate.pem"), []string{"-certfile", "intermediate.pem"}
		}
		serial := strings.ToLower(strings.TrimSpace(strings.TrimPrefix(
			p.run("x509", "-in", name+".pem", "-noout", "-serial"), "serial=")))
		add := func(form, uri string, encrypted bool) {
			id := packing{name: name + "-" + form, uri: "file:" + uri, serial: serial}
			if encrypted {
				id.password = p.path("password")
			}
			all = append(all, id)
		}
		withKey := func(key string) string { return p.path(name+".pem") + "?key=" + p.path(key) + chain }

		add("pkcs8", withKey(name+".key"), false)
		if name == "rsa" {
			add("pkcs1", withKey("rsa.pkcs1"), false)
		} else {
			add("sec1", withKey("p256.sec1"), false)
		}
		encrypt := []string{"pkcs8", "-topk8", "-in", name + ".key", "-passout", "pass:" + passphrase, "-v2", "aes-256-cbc"}
		p.run(append(encrypt, "-v2prf", "hmacWithSHA256", "-iter", "100000", "-out", name+".pbes2")...)
		add("pbes2", withKey(name+".pbes2"), true)
		p.run(append(encrypt, "-scrypt", "-out", name+".scrypt")...)
		add("scrypt", withKey(name+".scrypt"), true)

		export := append([]string{
			"pkcs12", "-export", "-inkey", name + ".key", "-in", name + ".pem", "-passout", "pass:" + passphrase,
		}, certfile...)
		p.run(append(export, "-out", name+".p12")...)
		add("pkcs12", p.path(name+".p12"), true)
		p.run(append(export, "-legacy", "-out", name+"-legacy.p12")...)
		add("pkcs12-legacy", p.path(name+"-legacy.p12"), true)
	}
	return all
}
