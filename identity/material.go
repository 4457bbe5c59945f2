package identity

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"slices"
	"strings"
)

// material is what the files of an identity hold, before it is known what
// belongs together.
type material struct {
	certificates []certificate
	keys         []privateKey
	unsupported  error // about a key that was left out
}

// A certificate is an x509 certificate with where it was found.
type certificate struct {
	*x509.Certificate
	name      string // PKCS#12 friendly name, or ""
	trusted   bool   // a Java keystore's trusted certificate, no part of a chain
	preferred bool   // from the file in which the leaf is expected
}

// A privateKey is a private key with where it was found.
type privateKey struct {
	crypto.Signer
	file string
	name string // PKCS#12 friendly name, or ""
}

// A pair is a private key with a certificate for it.
type pair struct {
	privateKey
	certificate
}

// assemble finds the one leaf whose key is there and puts its chain in order.
// It returns an Error without a file when no one file is at fault.
func (m *material) assemble() (*Identity, error) {
	m.deduplicate()
	if len(m.keys) == 0 && m.unsupported != nil {
		return nil, m.unsupported
	}
	if len(m.certificates) == 0 {
		return nil, problem(ErrNoCertificate, "a PEM block CERTIFICATE, a DER certificate or a PKCS#12 file is expected")
	}
	if len(m.keys) == 0 {
		return nil, problem(ErrNoPrivateKey, "a PEM block PRIVATE KEY, a DER key or a PKCS#12 file is expected; a key in a file of its own must be named")
	}
	leaf, others, err := m.leaf()
	if err != nil {
		return nil, err
	}
	chain, err := m.chain(leaf, others)
	if err != nil {
		return nil, err
	}
	return &Identity{Certificate: leaf.Certificate, Chain: chain, Key: leaf.Signer}, nil
}

// deduplicate drops repetitions: a leaf is often repeated in its chain, and a
// key in both of two files.
func (m *material) deduplicate() {
	var certificates []certificate
	for _, c := range m.certificates {
		if indexOf(certificates, c.Certificate) < 0 {
			certificates = append(certificates, c)
		}
	}
	m.certificates = certificates

	var keys []privateKey
next:
	for _, k := range m.keys {
		for _, have := range keys {
			if samePublicKey(have.Public(), k.Public()) {
				continue next
			}
		}
		keys = append(keys, k)
	}
	m.keys = keys
}

func indexOf(list []certificate, c *x509.Certificate) int {
	for i := range list {
		if bytes.Equal(list[i].Raw, c.Raw) {
			return i
		}
	}
	return -1
}

// leaf returns the pair to use and the certificates of the other pairs.
func (m *material) leaf() (leaf pair, others []certificate, err error) {
	var all []pair
	for _, k := range m.keys {
		for _, c := range m.certificates {
			if !samePublicKey(k.Public(), c.PublicKey) {
				continue
			}
			all = append(all, pair{k, c})
		}
	}
	candidates := prefer(all, func(p pair) bool {
		return !isAuthority(p.Certificate) && p.KeyUsage&x509.KeyUsageDigitalSignature != 0
	})
	candidates = prefer(candidates, func(p pair) bool { return p.preferred })
	switch len(candidates) {
	case 0:
		e := problem(ErrKeyMismatch, "the private key belongs to none of %s", names(m.certificates))
		e.File = m.keys[0].file
		return pair{}, nil, e
	case 1:
	default:
		var found []certificate
		for _, p := range candidates {
			found = append(found, p.certificate)
		}
		return pair{}, nil, problem(ErrAmbiguous, "%s; keep the one to use in a file of its own, and give this file as its key", names(found))
	}
	leaf = candidates[0]
	for _, p := range all {
		if p.Certificate != leaf.Certificate {
			others = append(others, p.certificate)
		}
	}
	return leaf, others, nil
}

// prefer returns the pairs that are good, or all when none is.
func prefer(pairs []pair, good func(pair) bool) []pair {
	bad := func(p pair) bool { return !good(p) }
	if kept := slices.DeleteFunc(slices.Clone(pairs), bad); len(kept) > 0 {
		return kept
	}
	return pairs
}

// chain returns the certificates that lead from leaf towards a root, the
// nearest first. What does not lead there is an error, unless it belongs to
// one of the others or is a trusted certificate of a Java keystore.
func (m *material) chain(leaf pair, others []certificate) ([]*x509.Certificate, error) {
	path := m.issuers([]certificate{leaf.certificate})
	elsewhere := m.issuers(others)
	for _, c := range m.certificates {
		if c.trusted || indexOf(path, c.Certificate) >= 0 || indexOf(elsewhere, c.Certificate) >= 0 {
			continue
		}
		return nil, unlinked(c.Certificate, path[len(path)-1].Certificate)
	}
	var chain []*x509.Certificate
	for _, c := range path[1:] {
		chain = append(chain, c.Certificate)
	}
	return chain, nil
}

// unlinked says why c does not belong to a chain that ends at top.
func unlinked(c, top *x509.Certificate) error {
	switch {
	case isSelfSigned(top):
		return problem(ErrChain, "%s does not link: the chain is complete without it; remove it", subject(c))
	case bytes.Equal(c.RawSubject, top.RawIssuer):
		return problem(ErrChain, "%s does not link: %s was issued by an authority of this name, but with another key", subject(c), subject(top))
	}
	return problem(ErrChain, "%s does not link: %s was issued by %s, which is missing", subject(c), subject(top), quoted(top.Issuer.String()))
}

// issuers returns path and, in order of distance, every certificate that
// issued one of it. A cross-signed authority appears with all its certificates.
func (m *material) issuers(path []certificate) []certificate {
	for i := 0; i < len(path); i++ {
		for _, c := range m.certificates {
			if indexOf(path, c.Certificate) < 0 && issued(c.Certificate, path[i].Certificate) {
				path = append(path, c)
			}
		}
	}
	return path
}

// names lists certificates for a message, with what tells them apart.
func names(list []certificate) string {
	var texts []string
	for _, c := range list {
		text := subject(c.Certificate) + " (serial number " + serial(c.Certificate)
		if c.name != "" {
			text += ", entry " + quoted(c.name)
		}
		texts = append(texts, text+")")
	}
	return strings.Join(texts, ", ")
}
