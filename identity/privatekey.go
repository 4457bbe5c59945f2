package identity

import (
	"crypto"
	"crypto/x509"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Algorithms and named curves of keys (RFC 3279 section 2.3.1, RFC 5480
// section 2.1.1).
const (
	oidRSA  = "1.2.840.113549.1.1.1"
	oidEC   = "1.2.840.10045.2.1"
	oidP256 = "1.2.840.10045.3.1.7"
	oidP384 = "1.3.132.0.34"
	oidP521 = "1.3.132.0.35"
)

// algorithmNames are those of algorithms and curves that others use and Roles Anywhere does not
// take (RFC 8410, RFC 3279, RFC 4055, RFC 5480, RFC 5639, SEC 2).
var algorithmNames = map[string]string{
	"1.3.101.110":           "X25519",
	"1.3.101.111":           "X448",
	"1.3.101.112":           "Ed25519",
	"1.3.101.113":           "Ed448",
	"1.2.840.10040.4.1":     "DSA",
	"1.2.840.113549.1.3.1":  "Diffie-Hellman",
	"1.2.840.113549.1.1.10": "RSASSA-PSS",
	"1.2.840.10045.3.1.1":   "P-192",
	"1.3.132.0.10":          "secp256k1",
	"1.3.132.0.33":          "P-224",
	"1.3.36.3.3.2.8.1.1.7":  "brainpoolP256r1",
	"1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
	"1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
}

// algorithmName says an algorithm or a curve for a person: by its name, where
// that is known.
func algorithmName(oid string) string {
	if name, ok := algorithmNames[oid]; ok {
		return name
	}
	return oid
}

// parsePKCS8 parses a PrivateKeyInfo (RFC 5958 section 2).
func parsePKCS8(der []byte) (privateKey, error) {
	input := cryptobyte.String(der)
	var body, inner cryptobyte.String
	if !input.ReadASN1(&body, asn1.SEQUENCE) || !body.SkipASN1(asn1.INTEGER) {
		return privateKey{}, damagedKey()
	}
	algorithm, parameters, ok := readAlgorithm(&body)
	if !ok || !body.ReadASN1(&inner, asn1.OCTET_STRING) {
		return privateKey{}, damagedKey()
	}
	var err error
	switch algorithm {
	case oidRSA:
		err = checkModulus(inner)
	case oidEC:
		err = checkCurve(parameters)
	default:
		err = problem(ErrUnsupportedKey, "the private key is of algorithm %s; %s", algorithmName(algorithm), allowedKeys)
	}
	if err != nil {
		return privateKey{}, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	return signer(key, err)
}

// parsePKCS1 parses an RSAPrivateKey (RFC 8017 appendix A.1.2).
func parsePKCS1(der []byte) (privateKey, error) {
	if err := checkModulus(der); err != nil {
		return privateKey{}, err
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	return signer(key, err)
}

// parseSEC1 parses an ECPrivateKey (RFC 5915 section 3).
func parseSEC1(der []byte) (privateKey, error) {
	input := cryptobyte.String(der)
	var body, parameters cryptobyte.String
	var named bool
	if !input.ReadASN1(&body, asn1.SEQUENCE) ||
		!body.SkipASN1(asn1.INTEGER) ||
		!body.SkipASN1(asn1.OCTET_STRING) ||
		!body.ReadOptionalASN1(&parameters, &named, contextTag(0)) {
		return privateKey{}, damagedKey()
	}
	if err := checkCurve(parameters); err != nil {
		return privateKey{}, err
	}
	key, err := x509.ParseECPrivateKey(der)
	return signer(key, err)
}

// signer finishes a parser: only a key that can be used comes out.
func signer(key any, err error) (privateKey, error) {
	s, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return privateKey{}, damagedKey()
	}
	if err := checkPublicKey(s.Public()); err != nil {
		return privateKey{}, err
	}
	return privateKey{Signer: s}, nil
}

// checkModulus refuses an RSAPrivateKey whose size is not allowed before it
// is parsed, because the arithmetic on a huge one takes minutes.
func checkModulus(der cryptobyte.String) error {
	var body, modulus cryptobyte.String
	if !der.ReadASN1(&body, asn1.SEQUENCE) || !body.SkipASN1(asn1.INTEGER) || !body.ReadASN1(&modulus, asn1.INTEGER) {
		return damagedKey()
	}
	// The modulus and eight more numbers of at most its size (RFC 8017
	// appendix A.1.2, two primes).
	const most = maxRSABits / 8
	if len(modulus) > most+1 || len(body) > 5*most {
		return problem(ErrUnsupportedKey, "RSA of more than %d bits; %s", maxRSABits, allowedKeys)
	}
	return nil
}

func checkCurve(parameters cryptobyte.String) error {
	curve, ok := readOID(&parameters)
	if !ok {
		return problem(ErrUnsupportedKey, "the private key does not name its curve; %s", allowedKeys)
	}
	if !allowedCurve(curve) {
		return problem(ErrUnsupportedKey, "the private key is on curve %s; %s", algorithmName(curve), allowedKeys)
	}
	return nil
}

func allowedCurve(curve string) bool {
	return curve == oidP256 || curve == oidP384 || curve == oidP521
}

func damagedKey() error { return problem(ErrDamaged, "the private key cannot be parsed") }

// unsupportedPublicKey returns the algorithm or curve of a certificate that
// could not be parsed, when that is the reason.
func unsupportedPublicKey(der cryptobyte.String) (oid string, found bool) {
	var body, tbs, key cryptobyte.String
	if !der.ReadASN1(&body, asn1.SEQUENCE) ||
		!body.ReadASN1(&tbs, asn1.SEQUENCE) ||
		!tbs.SkipOptionalASN1(contextTag(0)) || // version
		!tbs.SkipASN1(asn1.INTEGER) || // serial number
		!tbs.SkipASN1(asn1.SEQUENCE) || // signature algorithm
		!tbs.SkipASN1(asn1.SEQUENCE) || // issuer
		!tbs.SkipASN1(asn1.SEQUENCE) || // validity
		!tbs.SkipASN1(asn1.SEQUENCE) || // subject
		!tbs.ReadASN1(&key, asn1.SEQUENCE) {
		return "", false
	}
	algorithm, parameters, ok := readAlgorithm(&key)
	if !ok || algorithm == oidRSA {
		return "", false
	}
	if algorithm != oidEC {
		return algorithm, true
	}
	curve, ok := readOID(&parameters)
	return curve, ok && !allowedCurve(curve)
}
