package identity

import (
	"errors"
	"fmt"
	"strconv"
)

// What can be wrong with an identity, for [errors.Is]. Each arrives inside an
// [*Error], which names the file.
var (
	ErrNoCertificate        = errors.New("no certificate found")
	ErrNoPrivateKey         = errors.New("no private key found")
	ErrKeyMismatch          = errors.New("key does not match certificate")
	ErrAmbiguous            = errors.New("more than one end-entity certificate has its key here")
	ErrCertificateAuthority = errors.New("certificate is a certificate authority, not an end entity")
	ErrVersion              = errors.New("certificate is not X.509 version 3")
	ErrExpired              = errors.New("certificate has expired")
	ErrNotYetValid          = errors.New("certificate is not yet valid")
	ErrKeyUsage             = errors.New("certificate lacks key usage digitalSignature")
	ErrWeakSignature        = errors.New("certificate is signed with a weak algorithm")
	ErrUnsupportedKey       = errors.New("unsupported kind of key")
	ErrEmptySubject         = errors.New("certificate has an empty subject")
	ErrChain                = errors.New("certificate chain is not usable")
	ErrPasswordRequired     = errors.New("password required")
	ErrWrongPassword        = errors.New("wrong password")
	ErrUnsupported          = errors.New("unsupported format")
	ErrTooCostly            = errors.New("key derivation is too costly")
	ErrTooLarge             = errors.New("too large")
	ErrNotRegularFile       = errors.New("not a regular file")
	ErrDamaged              = errors.New("damaged")
	ErrURI                  = errors.New("not a usable certificate URI")
	ErrNoStore              = errors.New("certificate identifier without a certificate store")
)

// An Error says what is wrong with an identity and where.
type Error struct {
	File   string // the file, or "" when no file is at fault
	Err    error  // a sentinel of this package, or the cause that the system or the PasswordFunc gave
	Detail string // the facts and what would be right; may be empty
}

func (e *Error) Error() string {
	text := "identity"
	if e.File != "" {
		text += " " + strconv.Quote(e.File)
	}
	text += ": " + e.Err.Error()
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// problem makes an Error whose file is filled in by inFile.
func problem(sentinel error, format string, args ...any) *Error {
	return &Error{Err: sentinel, Detail: fmt.Sprintf(format, args...)}
}

// inFile returns err as an Error that names file, unless it names one already.
func inFile(file string, err error) *Error {
	e, ok := err.(*Error)
	if !ok {
		return &Error{File: file, Err: err}
	}
	if e.File == "" {
		e.File = file
	}
	return e
}
