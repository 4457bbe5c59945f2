package certstore

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/awsauth-go/awsauth/identity"
)

// ErrClientCertificates reports a text that is not CLIENT_CERTIFICATES. It may hold passwords, and is never quoted.
var ErrClientCertificates = errors.New("not client certificates as the Mendix platform sets them")

// clientCertificatesForm is what would be right.
const clientCertificatesForm = `write [{"pfx": "BASE64", "password": "…", "pin_to": ["IDENTIFIER"]}]`

// The bounds of CLIENT_CERTIFICATES.
const (
	maxClientCertificates     = 8 << 20 // bytes
	maxClientCertificateCount = 1000
)

// clientCertificate is one entry of CLIENT_CERTIFICATES. The platform gives the certificate's pins, its identifiers, as
// pin_to; an entry without one has the number of its place.
type clientCertificate struct {
	PFX      string   `json:"pfx"`
	Password *string  `json:"password"`
	Pin      *string  `json:"pin"`
	PinTo    []string `json:"pin_to"`
}

// ParseClientCertificates reads the JSON that the Mendix platform sets CLIENT_CERTIFICATES to: an array of PKCS#12 files in
// base64, with their passwords and pins. Each becomes an addition under its first pin that can be an identifier; its other
// pins become aliases. An entry of which no pin can gets an identifier made of the first; one without a pin gets its
// position, from 1. All mistakes are reported, and none quotes what an entry holds beyond its pin.
func ParseClientCertificates(ctx context.Context, raw []byte) ([]Addition, error) {
	entries, err := decodeClientCertificates(raw)
	if err != nil {
		return nil, err
	}
	additions := make([]Addition, len(entries))
	mistakes := make([]error, len(entries))
	owners := map[string]int{} // position of the entry that has a name, in lower case
	for i, e := range entries {
		additions[i], mistakes[i] = e.named(owners, i+1)
	}
	for i, e := range entries { // made up when all pins are known
		if additions[i].Identifier == "" && mistakes[i] == nil {
			additions[i].Identifier, mistakes[i] = e.madeUp(owners, i+1)
		}
	}
	for i, e := range entries {
		if mistakes[i] == nil {
			additions[i].Identity, mistakes[i] = e.open(ctx, additions[i].Identifier)
		}
		if mistakes[i] != nil {
			mistakes[i] = fmt.Errorf("entry %d%s: %w", i+1, e.pinned(), mistakes[i])
		}
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return additions, nil
}

func decodeClientCertificates(raw []byte) ([]clientCertificate, error) {
	malformed := func(detail string) error {
		return &Error{Where: "client certificates", Err: ErrClientCertificates, Detail: detail, Advice: clientCertificatesForm}
	}
	if len(raw) > maxClientCertificates {
		return nil, malformed(fmt.Sprintf("more than %d bytes", maxClientCertificates))
	}
	var entries []clientCertificate
	decoder := json.NewDecoder(bytes.NewReader(raw))
	err := decoder.Decode(&entries)
	syntax, wrong := new(json.SyntaxError), new(json.UnmarshalTypeError)
	switch {
	case errors.As(err, &syntax):
		return nil, malformed(fmt.Sprintf("not JSON at byte %d", syntax.Offset))
	case errors.As(err, &wrong) && wrong.Field != "":
		return nil, malformed(fmt.Sprintf("byte %d: %s is not of the type that belongs there", wrong.Offset, wrong.Field))
	case err != nil:
		return nil, malformed("not a JSON array of objects")
	case !ended(decoder):
		return nil, malformed("there is something behind the array")
	case len(entries) == 0:
		return nil, malformed("there is none in it")
	case len(entries) > maxClientCertificateCount:
		return nil, malformed(fmt.Sprintf("more than %d entries", maxClientCertificateCount))
	}
	return entries, nil
}

// ended reports whether nothing follows.
func ended(decoder *json.Decoder) bool {
	_, err := decoder.Token()
	return errors.Is(err, io.EOF)
}

// pins are all the names that an entry is to have.
func (c clientCertificate) pins() []string {
	var pins []string
	if c.Pin != nil && *c.Pin != "" {
		pins = append(pins, *c.Pin)
	}
	for _, pin := range c.PinTo {
		if pin != "" && !containsFold(pins, pin) {
			pins = append(pins, pin)
		}
	}
	return pins
}

func containsFold(list []string, s string) bool {
	for _, have := range list {
		if fold(have) == fold(s) {
			return true
		}
	}
	return false
}

// pinned names an entry in a message, when its first pin may be shown.
func (c clientCertificate) pinned() string {
	if pins := c.pins(); len(pins) > 0 && checkAlias(pins[0]) == nil {
		return fmt.Sprintf(" (pin %q)", pins[0])
	}
	return ""
}

// named claims an entry's pins: the first that can be an identifier is it, and the others are aliases.
func (c clientCertificate) named(owners map[string]int, position int) (Addition, error) {
	a := Addition{}
	for _, pin := range c.pins() {
		switch {
		case checkAlias(pin) != nil:
			return a, fmt.Errorf("a pin cannot be used: %w", ErrAlias)
		case owners[fold(pin)] != 0:
			return a, fmt.Errorf("entry %d has the pin %q too: each certificate needs its own", owners[fold(pin)], pin)
		case a.Identifier == "" && CheckIdentifier(pin) == nil:
			a.Identifier = pin
		default:
			a.Aliases = append(a.Aliases, pin)
		}
		owners[fold(pin)] = position
	}
	return a, nil
}

// madeUp claims an identifier for an entry of which no pin can be one. It takes none that another entry has.
func (c clientCertificate) madeUp(owners map[string]int, position int) (string, error) {
	number := strconv.Itoa(position)
	candidates := []string{number}
	if pins := c.pins(); len(pins) > 0 {
		made := identifierFor(pins[0])
		candidates = []string{made, made[:min(len(made), longestMadeUp)] + "-" + number, number}
	}
	for _, candidate := range candidates {
		if CheckIdentifier(candidate) == nil && owners[fold(candidate)] == 0 {
			owners[fold(candidate)] = position
			return candidate, nil
		}
	}
	return "", fmt.Errorf("without a pin it has the identifier %s, and entry %d has it as a pin: give it its own", number, owners[number])
}

// open reads the certificate and its key.
func (c clientCertificate) open(ctx context.Context, name string) (*identity.Identity, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(c.PFX), ""))
	if err != nil || len(der) == 0 {
		return nil, errors.New("pfx is not a PKCS#12 file in base64")
	}
	bundle := identity.Bundle{Certificate: identity.Part{Name: name, Data: der}}
	if c.Password != nil {
		bundle.Password = func(context.Context, string) ([]byte, error) { return []byte(*c.Password), nil }
	}
	return identity.Parse(ctx, bundle)
}

var notInIdentifier = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// An identifier that is made up leaves room for a hyphen and the position behind it.
const longestMadeUp = 58

// identifierFor makes an identifier of a pin that is none, by putting a hyphen in place of what it may not have; "" when
// nothing is left.
func identifierFor(pin string) string {
	const longest = 63
	made := strings.Trim(notInIdentifier.ReplaceAllString(pin, "-"), "-._")
	return made[:min(len(made), longest)]
}
