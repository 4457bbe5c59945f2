package identity

import (
	"context"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Content types (RFC 2315 section 14).
const (
	oidData          = "1.2.840.113549.1.7.1"
	oidEncryptedData = "1.2.840.113549.1.7.6"
)

const exportAgain = "rewrite it with: openssl pkcs12 -legacy -in OLD.p12 -out NEW.pem"

// A sealed is an encrypted part of a PKCS#12 file.
type sealed struct {
	scheme scheme
	data   cryptobyte.String
}

// A safe is one content of the authenticated safe: bags, in clear or sealed.
type safe struct {
	*sealed
	bags []bag
}

// readPKCS12 reads a PFX (RFC 7292 section 4) in three steps, so that every
// key derivation is charged before the first of its step is run: what stands
// in clear; the shrouded keys inside encrypted safes; the keys.
func (r *reader) readPKCS12(ctx context.Context, der cryptobyte.String) error {
	var pfx cryptobyte.String
	if !der.ReadASN1(&pfx, asn1.SEQUENCE) || !pfx.SkipASN1(asn1.INTEGER) {
		return damagedPKCS12()
	}
	kind, content, err := readContentInfo(&pfx)
	if err != nil {
		return err
	}
	if kind != oidData {
		return problem(ErrUnsupported, "integrity by a public key; %s", exportAgain)
	}
	authenticated, err := readOctets(&content)
	if err != nil {
		return err
	}
	var check *mac
	if !pfx.Empty() {
		if check, err = readMAC(&pfx, r.budget); err != nil {
			return err
		}
	}
	safes, err := r.readSafes(authenticated)
	if err != nil {
		return err
	}
	password, err := r.unlock(ctx, check, authenticated, safes)
	if err != nil {
		return err
	}
	err = r.openSafes(ctx, safes, password)
	if errors.Is(err, ErrWrongPassword) {
		switch {
		case check != nil: // which has proved the password
			return problem(ErrDamaged, "a part of the PKCS#12 file cannot be decrypted")
		case r.password == nil:
			return passwordRequired()
		}
	}
	return err
}

// readSafes reads the AuthenticatedSafe, as far as it stands in clear.
func (r *reader) readSafes(authenticated cryptobyte.String) ([]safe, error) {
	var contents cryptobyte.String
	if !authenticated.ReadASN1(&contents, asn1.SEQUENCE) || !authenticated.Empty() {
		return nil, damagedPKCS12()
	}
	var safes []safe
	for !contents.Empty() {
		kind, content, err := readContentInfo(&contents)
		if err != nil {
			return nil, err
		}
		var s safe
		switch kind {
		case oidData:
			var plain cryptobyte.String
			if plain, err = readOctets(&content); err == nil {
				s.bags, err = r.readBags(plain)
			}
		case oidEncryptedData:
			s.sealed, err = r.readEncryptedData(content)
		default:
			err = problem(ErrUnsupported, "encryption to a public key; %s", exportAgain)
		}
		if err != nil {
			return nil, err
		}
		safes = append(safes, s)
	}
	return safes, nil
}

// readEncryptedData reads EncryptedData (RFC 2315 section 13).
func (r *reader) readEncryptedData(content cryptobyte.String) (*sealed, error) {
	var body, info cryptobyte.String
	if !content.ReadASN1(&body, asn1.SEQUENCE) || !body.SkipASN1(asn1.INTEGER) ||
		!body.ReadASN1(&info, asn1.SEQUENCE) || !info.SkipASN1(asn1.OBJECT_IDENTIFIER) {
		return nil, damagedPKCS12()
	}
	scheme, err := readScheme(&info, r.budget)
	if err != nil {
		return nil, err
	}
	if info.PeekASN1Tag(contextTag(0)) {
		return nil, unsupportedBER()
	}
	s := &sealed{scheme: scheme}
	if !info.ReadASN1(&s.data, asn1.Tag(0).ContextSpecific()) {
		return nil, damagedPKCS12()
	}
	return s, nil
}

// unlock returns the password of the file. The empty one is tried first, in
// all its forms, so that nobody is asked for nothing.
func (r *reader) unlock(ctx context.Context, check *mac, authenticated []byte, safes []safe) ([]byte, error) {
	if check == nil {
		if r.password == nil || !needPassword(safes) {
			return []byte{}, nil
		}
		return r.askPassword(ctx)
	}
	for _, empty := range check.empty {
		if ok, err := check.verify(ctx, empty, authenticated); ok || err != nil {
			return empty, err
		}
	}
	password, err := r.askPassword(ctx)
	if err != nil {
		return nil, err
	}
	ok, err := check.verify(ctx, password, authenticated)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, wrongPassword()
	}
	return password, nil
}

func needPassword(safes []safe) bool {
	for _, s := range safes {
		if s.sealed != nil {
			return true
		}
		for _, b := range s.bags {
			if b.sealed != nil {
				return true
			}
		}
	}
	return false
}

// openSafes decrypts the safes, then the keys, and adds what they hold.
func (r *reader) openSafes(ctx context.Context, safes []safe, password []byte) error {
	for i := range safes {
		s := &safes[i]
		if s.sealed == nil {
			continue
		}
		plain, err := s.open(ctx, password)
		if err != nil {
			return err
		}
		if s.bags, err = r.readBags(plain); err != nil {
			return err
		}
	}
	for _, s := range safes {
		for _, b := range s.bags {
			if err := r.addBag(ctx, b, password); err != nil {
				return err
			}
		}
	}
	return nil
}

// open decrypts s. Plain text that is no SEQUENCE shows a wrong password,
// because one in 256 leaves good padding.
func (s *sealed) open(ctx context.Context, password []byte) ([]byte, error) {
	plain, err := s.scheme.decrypt(ctx, password, s.data)
	if err == nil && !isSequence(plain) {
		err = wrongPassword()
	}
	return plain, err
}

func (r *reader) addBag(ctx context.Context, b bag, password []byte) error {
	der := []byte(b.der)
	if b.sealed != nil {
		var err error
		if der, err = b.open(ctx, password); err != nil {
			return err
		}
		defer clear(der)
	}
	if b.kind == oidCertBag {
		return r.addCertificate(der, b.name, b.trusted)
	}
	key, err := parsePKCS8(der)
	key.name = b.name
	return r.addKey(key, err)
}

// readContentInfo reads a ContentInfo (RFC 2315 section 7).
func readContentInfo(s *cryptobyte.String) (kind string, content cryptobyte.String, err error) {
	var body cryptobyte.String
	if isBER(*s) {
		return "", nil, unsupportedBER()
	}
	if !s.ReadASN1(&body, asn1.SEQUENCE) {
		return "", nil, damagedPKCS12()
	}
	kind, ok := readOID(&body)
	if !ok {
		return "", nil, damagedPKCS12()
	}
	if isBER(body) {
		return "", nil, unsupportedBER()
	}
	if !body.ReadASN1(&content, contextTag(0)) {
		return "", nil, damagedPKCS12()
	}
	return kind, content, nil
}

func unsupportedBER() error {
	return problem(ErrUnsupported, "PKCS#12 in BER instead of DER; %s", exportAgain)
}

func damagedPKCS12() error { return problem(ErrDamaged, "the PKCS#12 structure cannot be read") }

func passwordRequired() error {
	return problem(ErrPasswordRequired, "the file is encrypted, or it is damaged")
}
