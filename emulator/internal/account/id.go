package account

import (
	"crypto/rand"
	"fmt"
)

// NewUUID makes an identifier of a Roles Anywhere resource (RFC 9562, version 4).
func NewUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Prefixes of unique identifiers (IAM User Guide, "IAM identifiers"). The emulator's access keys say whose they are.
const (
	PrefixAccessKey        = "AKIAEMU"
	PrefixSessionAccessKey = "ASIAEMU"
	PrefixUser             = "AIDA"
	PrefixRole             = "AROA"
)

// NewAccessKeyID makes an access key ID of 20 characters.
func NewAccessKeyID(prefix string) string { return prefix + random(20-len(prefix), upperDigits) }

// NewUniqueID makes the unique ID of a user or a role, 21 characters.
func NewUniqueID(prefix string) string { return prefix + random(21-len(prefix), upperDigits) }

// NewSecretAccessKey makes a secret access key of 40 characters.
func NewSecretAccessKey() string { return random(40, secretAlphabet) }

const (
	upperDigits    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	secretAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
)

// random draws n characters of an alphabet whose size is a power of two, so that all are equally likely.
func random(n int, alphabet string) string {
	b := make([]byte, n)
	rand.Read(b)
	for i, c := range b {
		b[i] = alphabet[int(c)%len(alphabet)]
	}
	return string(b)
}
