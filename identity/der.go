package identity

import (
	encodingasn1 "encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// isBER reports whether der starts with a length that DER does not allow and
// older exporters of PKCS#12 write.
func isBER(der []byte) bool { return len(der) > 1 && der[1] == 0x80 }

// readOID reads an object identifier and returns it in dotted form.
func readOID(s *cryptobyte.String) (string, bool) {
	var id encodingasn1.ObjectIdentifier
	if !s.ReadASN1ObjectIdentifier(&id) {
		return "", false
	}
	return id.String(), true
}

// readAlgorithm reads an AlgorithmIdentifier (RFC 5280 section 4.1.1.2).
func readAlgorithm(s *cryptobyte.String) (algorithm string, parameters cryptobyte.String, ok bool) {
	var body cryptobyte.String
	if !s.ReadASN1(&body, asn1.SEQUENCE) {
		return "", nil, false
	}
	algorithm, ok = readOID(&body)
	return algorithm, body, ok
}

// readCount reads an INTEGER that counts something. One that does not fit is
// returned as the largest, which every limit refuses.
func readCount(s *cryptobyte.String) (int64, bool) {
	const largest = 1<<63 - 1
	var element, body cryptobyte.String
	if !s.ReadASN1Element(&element, asn1.INTEGER) {
		return 0, false
	}
	content := element
	if !content.ReadASN1(&body, asn1.INTEGER) || len(body) == 0 {
		return 0, false
	}
	var n int64
	if len(body) > 8 {
		return largest, body[0]&0x80 == 0
	}
	return n, element.ReadASN1Integer(&n)
}

// contextTag is the tag [n] of a constructed element.
func contextTag(n uint8) asn1.Tag { return asn1.Tag(n).ContextSpecific().Constructed() }
