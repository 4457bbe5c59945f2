package identity

import (
	"encoding/binary"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Bags of PKCS#12 and their attributes (RFC 7292 section 4.2 and appendix D,
// RFC 2985 section 5.5; Java's mark is OpenJDK's own).
const (
	oidKeyBag         = "1.2.840.113549.1.12.10.1.1"
	oidShroudedKeyBag = "1.2.840.113549.1.12.10.1.2"
	oidCertBag        = "1.2.840.113549.1.12.10.1.3"
	oidSafeContents   = "1.2.840.113549.1.12.10.1.6"
	oidX509           = "1.2.840.113549.1.9.22.1"
	oidFriendlyName   = "1.2.840.113549.1.9.20"
	oidJavaTrusted    = "2.16.840.1.113894.746875.1.1"
)

// A bag is a certificate, a private key or a shrouded (sealed) private key.
type bag struct {
	*sealed
	kind    string
	der     cryptobyte.String
	name    string // friendly name
	trusted bool   // Java's mark of a trusted certificate
}

// readBags reads SafeContents and charges for the shrouded keys among them.
// Kinds of bag that hold neither certificate nor key are left out.
func (r *reader) readBags(contents cryptobyte.String) ([]bag, error) {
	var list cryptobyte.String
	if !contents.ReadASN1(&list, asn1.SEQUENCE) || !contents.Empty() {
		return nil, damagedPKCS12()
	}
	var bags []bag
	for !list.Empty() {
		b, err := r.readBag(&list)
		if err != nil {
			return nil, err
		}
		if b == nil {
			continue
		}
		if len(bags) == r.budget.certificates+r.budget.keys {
			return nil, problem(ErrTooLarge, "more than %d certificates and keys", len(bags))
		}
		bags = append(bags, *b)
	}
	return bags, nil
}

// readBag reads a SafeBag; nil is one that does not matter.
func (r *reader) readBag(list *cryptobyte.String) (*bag, error) {
	var body, value, attributes cryptobyte.String
	var b bag
	var ok bool
	if !list.ReadASN1(&body, asn1.SEQUENCE) {
		return nil, damagedPKCS12()
	}
	if b.kind, ok = readOID(&body); !ok || !body.ReadASN1(&value, contextTag(0)) {
		return nil, damagedPKCS12()
	}
	if !body.ReadOptionalASN1(&attributes, nil, asn1.SET) || !b.readAttributes(attributes) {
		return nil, damagedPKCS12()
	}
	var err error
	switch {
	case b.kind == oidCertBag:
		b.der, err = readCertBag(value)
	case b.kind == oidKeyBag && r.withKey:
		b.der = value
	case b.kind == oidShroudedKeyBag && r.withKey:
		b.sealed, err = r.readShroudedKey(value)
	case b.kind == oidSafeContents:
		err = problem(ErrUnsupported, "safe contents inside safe contents; %s", exportAgain)
	default:
		return nil, nil
	}
	return &b, err
}

func readCertBag(value cryptobyte.String) (cryptobyte.String, error) {
	var body, content cryptobyte.String
	if !value.ReadASN1(&body, asn1.SEQUENCE) {
		return nil, damagedPKCS12()
	}
	kind, ok := readOID(&body)
	if !ok || !body.ReadASN1(&content, contextTag(0)) {
		return nil, damagedPKCS12()
	}
	if kind != oidX509 {
		return nil, problem(ErrUnsupported, "a certificate that is not X.509")
	}
	return readOctets(&content)
}

func (r *reader) readShroudedKey(value cryptobyte.String) (*sealed, error) {
	var body cryptobyte.String
	if !value.ReadASN1(&body, asn1.SEQUENCE) {
		return nil, damagedPKCS12()
	}
	scheme, err := readScheme(&body, r.budget)
	if err != nil {
		return nil, err
	}
	data, err := readOctets(&body)
	return &sealed{scheme: scheme, data: data}, err
}

// readAttributes takes the attributes that matter out of a SET OF
// PKCS12Attribute.
func (b *bag) readAttributes(set cryptobyte.String) bool {
	for !set.Empty() {
		var attribute, values, text cryptobyte.String
		if !set.ReadASN1(&attribute, asn1.SEQUENCE) {
			return false
		}
		id, ok := readOID(&attribute)
		if !ok || !attribute.ReadASN1(&values, asn1.SET) {
			return false
		}
		switch id {
		case oidFriendlyName:
			if !values.ReadASN1(&text, asn1.Tag(30)) { // BMPString
				return false
			}
			b.name = decodeBMP(text)
		case oidJavaTrusted:
			b.trusted = true
		}
	}
	return true
}

func decodeBMP(text []byte) string {
	var units []uint16
	for ; len(text) >= 2; text = text[2:] {
		units = append(units, binary.BigEndian.Uint16(text))
	}
	return string(utf16.Decode(units))
}

// readOctets reads an OCTET STRING in one piece, as DER has it.
func readOctets(s *cryptobyte.String) (cryptobyte.String, error) {
	var octets cryptobyte.String
	switch {
	case s.PeekASN1Tag(asn1.OCTET_STRING.Constructed()):
		return nil, unsupportedBER()
	case !s.ReadASN1(&octets, asn1.OCTET_STRING):
		return nil, damagedPKCS12()
	}
	return octets, nil
}
