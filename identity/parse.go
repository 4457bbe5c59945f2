package identity

import (
	"bytes"
	"context"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A Part is the content of one file.
type Part struct {
	Name string // for messages and for the PasswordFunc
	Data []byte // PEM, DER or PKCS#12; nil for a part that is not used
}

// A Bundle is what [Parse] makes an identity from. The private key is looked
// for in PrivateKey or, when that part is not used, in Certificate;
// certificates are looked for in all parts. Of several that belong to a
// private key, the one in Certificate is meant.
type Bundle struct {
	Certificate, PrivateKey, Chain Part

	// Password is asked for the password of an encrypted part. Nil means
	// that there is none: such a part is refused with ErrPasswordRequired.
	Password PasswordFunc
}

// Parse makes an identity from the content of files. It picks the certificate
// that belongs to the private key, puts its chain in order and drops what is
// repeated. It fails with an [*Error] when something is missing, damaged,
// unsupported or does not belong to the rest; it does not look at the time:
// see [Identity.Check].
//
// Parse returns soon after ctx ends. A key derivation that is running then
// goes on by itself for a second or so, and uses nothing of b.
func Parse(ctx context.Context, b Bundle) (*Identity, error) {
	return parse(ctx, b, standard())
}

func parse(ctx context.Context, b Bundle, limits limits) (*Identity, error) {
	var m material
	shared := &budget{limits: limits}
	separate := b.PrivateKey.Data != nil
	for _, p := range []struct {
		Part
		withKey, preferred, chain bool
	}{
		{b.Certificate, !separate, true, false},
		{b.PrivateKey, separate, false, false},
		{b.Chain, false, false, true},
	} {
		if p.Data == nil {
			continue
		}
		r := reader{
			file:      p.Name,
			withKey:   p.withKey,
			preferred: p.preferred,
			password:  b.Password,
			budget:    shared,
			material:  &m,
		}
		before := len(m.certificates)
		if err := r.read(ctx, p.Data); err != nil {
			return nil, inFile(p.Name, err)
		}
		if p.chain && len(m.certificates) == before {
			return nil, inFile(p.Name, problem(ErrChain, "the file named as the chain holds no certificate"))
		}
	}
	id, err := m.assemble()
	if err != nil {
		return nil, inFile(b.origin(err), err)
	}
	id.Origin = b.Certificate.Name
	return id, nil
}

// origin names the part in which what err misses was expected.
func (b *Bundle) origin(err error) string {
	e, ok := err.(*Error)
	if ok && e.Err == ErrNoPrivateKey && b.PrivateKey.Data != nil {
		return b.PrivateKey.Name
	}
	return b.Certificate.Name
}

// A reader adds what one file holds to the material of an identity.
type reader struct {
	file      string
	withKey   bool // private keys of this file count
	preferred bool // the leaf is looked for in this file first
	password  PasswordFunc
	known     []byte // what password returned; nil before
	budget    *budget
	material  *material
}

func (r *reader) read(ctx context.Context, data []byte) error {
	if int64(len(data)) > r.budget.size {
		return problem(ErrTooLarge, "more than %d bytes", r.budget.size)
	}
	switch {
	case len(data) == 0:
		return problem(ErrDamaged, "the file is empty")
	case data[0] == 0x30: // SEQUENCE
		return r.readDER(ctx, data)
	case bytes.Contains(data, pemBegin):
		return r.readPEM(ctx, data)
	}
	return problem(ErrUnsupported, "neither PEM nor DER nor PKCS#12")
}

// readDER tells the containers apart by the first elements inside.
func (r *reader) readDER(ctx context.Context, der []byte) error {
	if isBER(der) {
		return problem(ErrUnsupported, "BER encoding of indefinite length; %s", exportAgain)
	}
	input := cryptobyte.String(der)
	var body, first cryptobyte.String
	var tag asn1.Tag
	if !input.ReadASN1(&body, asn1.SEQUENCE) || !input.Empty() || !body.ReadAnyASN1(&first, &tag) {
		return problem(ErrDamaged, "a DER structure is cut short or has something behind it")
	}
	switch {
	case tag == asn1.INTEGER && len(first) == 1 && first[0] == 3:
		return r.readPKCS12(ctx, der)
	case tag == asn1.INTEGER && body.PeekASN1Tag(asn1.SEQUENCE):
		return r.addKey(parsePKCS8(der))
	case tag == asn1.INTEGER && body.PeekASN1Tag(asn1.INTEGER):
		return r.addKey(parsePKCS1(der))
	case tag == asn1.INTEGER && body.PeekASN1Tag(asn1.OCTET_STRING):
		return r.addKey(parseSEC1(der))
	case tag == asn1.SEQUENCE && body.PeekASN1Tag(asn1.OCTET_STRING):
		return r.readEncryptedPKCS8(ctx, der)
	case tag == asn1.SEQUENCE:
		return r.addCertificate(der, "", false)
	case tag == asn1.OBJECT_IDENTIFIER:
		return problem(ErrUnsupported, "PKCS#7 holds no key; rewrite it with: openssl pkcs7 -inform DER -in OLD.p7b -print_certs -out NEW.pem")
	}
	return problem(ErrUnsupported, "DER, but neither a certificate nor a key nor PKCS#12")
}

func (r *reader) addCertificate(der []byte, name string, trusted bool) error {
	if len(r.material.certificates) == r.budget.certificates {
		return problem(ErrTooLarge, "more than %d certificates", r.budget.certificates)
	}
	c, err := parseCertificate(der, len(r.material.certificates)+1)
	if err != nil {
		return err
	}
	r.material.certificates = append(r.material.certificates, certificate{
		Certificate: c,
		name:        name,
		trusted:     trusted,
		preferred:   r.preferred,
	})
	return nil
}

// addKey takes the result of parsing a key. A key that does not count is not
// an error, whatever it is; one of an unsupported kind is an error only when
// there is no other, because a keystore may have entries of every kind.
func (r *reader) addKey(key privateKey, err error) error {
	if !r.withKey {
		return nil
	}
	if errors.Is(err, ErrUnsupportedKey) {
		r.material.unsupported = inFile(r.file, err)
		return nil
	}
	if err != nil {
		return err
	}
	if len(r.material.keys) == r.budget.keys {
		return problem(ErrTooLarge, "more than %d private keys", r.budget.keys)
	}
	key.file = r.file
	r.material.keys = append(r.material.keys, key)
	return nil
}

// askPassword returns the password of the file, which it asks for once.
func (r *reader) askPassword(ctx context.Context) ([]byte, error) {
	if r.known != nil {
		return r.known, nil
	}
	if r.password == nil {
		return nil, passwordRequired()
	}
	password, err := r.password(ctx, r.file)
	if err != nil {
		return nil, &Error{Err: err, Detail: "its password could not be had"}
	}
	// Never nil, which means something else to bmpString.
	r.known = append([]byte{}, password...)
	return r.known, nil
}
