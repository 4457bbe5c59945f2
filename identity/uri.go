package identity

import (
	"net/url"
	"strings"
)

// The remedies of Open. What was given is not repeated: it may be a secret in
// the wrong place.
const (
	uriForm    = "write file:client.p12 or file:client.pem?key=client.key&chain=chain.pem"
	uriEscape  = "write % as %25, ? as %3F and & as %26 in the name of a file"
	uriAllowed = "the parameters are key and chain, each once, joined by &; a password is never one"
)

// Open returns the [Source] that uri describes:
//
//	file:/etc/pki/client.p12
//	file:client.pem?key=client.key&chain=intermediates.pem
//	file:///etc/pki/client.pem
//
// Paths are percent-decoded and may be relative. Open reads no file; the
// Source reads them at every use, and asks password when one needs a password
// (nil: there is none).
//
// A text without a scheme is a certificate identifier, for which a store is
// needed: ErrNoStore. Another scheme is ErrUnsupported; what is wrong in a
// file URI is ErrURI.
func Open(uri string, password PasswordFunc) (Source, error) {
	scheme, rest, ok := strings.Cut(uri, ":")
	switch {
	case !ok:
		return nil, problem(ErrNoStore, "to name a file, %s", uriForm)
	case !strings.EqualFold(scheme, "file"):
		return nil, problem(ErrUnsupported, "the scheme of the certificate URI is not file; %s", uriForm)
	}
	location, query, hasQuery := strings.Cut(rest, "?")
	if after, ok := strings.CutPrefix(location, "//"); ok {
		// RFC 8089 section 2: an empty host or localhost is this one.
		host, path, ok := strings.Cut(after, "/")
		if !ok || host != "" && host != "localhost" {
			return nil, problem(ErrURI, "after file:// comes an absolute path, with a third slash; %s", uriForm)
		}
		location = "/" + path
	}
	path, err := decodePath(location)
	if err != nil {
		return nil, err
	}
	f := File{Certificate: path, Password: password}
	if hasQuery {
		err = f.setParameters(query)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (f *File) setParameters(query string) error {
	for parameter := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		var field *string
		switch name {
		case "key":
			field = &f.PrivateKey
		case "chain":
			field = &f.Chain
		}
		if field == nil || *field != "" {
			return problem(ErrURI, "%s", uriAllowed)
		}
		path, err := decodePath(value)
		if err != nil {
			return err
		}
		*field = path
	}
	return nil
}

func decodePath(text string) (string, error) {
	path, err := url.PathUnescape(text)
	switch {
	case err != nil:
		return "", problem(ErrURI, "a percent sign is not followed by two hexadecimal digits; %s", uriEscape)
	case path == "":
		return "", problem(ErrURI, "the name of a file is missing; %s", uriForm)
	case strings.ContainsRune(path, 0):
		return "", problem(ErrURI, "the name of a file has a NUL character")
	}
	return path, nil
}
