package cli

import (
	"errors"
	"io/fs"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/diskcache"
	"github.com/awsauth-go/awsauth/internal/secret"
	"github.com/awsauth-go/awsauth/internal/stsclient"
	"github.com/awsauth-go/awsauth/named"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// referenceHint says what to do about a reference that cannot be read.
func referenceHint(err error) string {
	if text := knownHint(err); text != "" {
		return text
	}
	return "a secret is named by " + secret.References
}

// hint chooses what to do about an error.
func hint(c *cobra.Command, err error) string {
	var (
		usage     usageError
		parameter *awsauth.ParameterError
	)
	if text := hintOf(err); text != "" {
		return text
	}
	override, setting := new(config.OverrideError), new(named.SettingError)
	if errors.As(err, &usage) || errors.As(err, &parameter) || errors.As(err, &override) || errors.As(err, &setting) {
		return c.CommandPath() + " --help"
	}
	return ""
}

// hintOf is what an error itself says to do, or what the index has for it; "" for neither.
func hintOf(err error) string {
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) && hinter.Hint() != "" {
		return hinter.Hint()
	}
	return knownHint(err)
}

// link answers where the error index tells more: the section of the error itself, or that of its exit code.
func link(err error, code int) string {
	topic := ""
	refused, sts := new(rolesanywhere.Error), new(stsclient.Error)
	switch {
	case errors.As(err, &refused) && len(refused.Findings) > 0:
		topic = refused.Findings[0].Topic
	case errors.As(err, &refused):
	case errors.As(err, &sts) && sts.Refused():
		topic = "STS refused " + sts.What()
	default:
		for _, h := range hints {
			if errors.Is(err, h.cause) {
				topic = h.cause.Error()
				break
			}
		}
	}
	if topic == "" {
		for _, e := range ExitCodes {
			if e.Code == code {
				topic = e.Name
			}
		}
	}
	return "docs/errors.md#" + slug(topic)
}

// slug is the fragment that GitHub makes of a heading.
func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// knownHint looks an error up among the hints.
func knownHint(err error) string {
	for _, h := range hints {
		if errors.Is(err, h.cause) {
			return h.text
		}
	}
	return ""
}

// hints are what to do about the errors that say no more than what is wrong.
var hints = []struct {
	cause error
	text  string
}{
	{identity.ErrPasswordRequired, "--certificate-password file:PATH or env:NAME, or run it on a terminal to be asked"},
	{identity.ErrWrongPassword, "check the password, and that it belongs to this file"},
	{certstore.ErrIdentifier, "awsauth certificate list shows the identifiers that there are"},
	{certstore.ErrAlias, "leave it out, or shorten it"},
	{certstore.ErrNotFound, "awsauth certificate list shows the identifiers that there are"},
	{certstore.ErrExists, "--replace puts a new certificate in its place"},
	{certstore.ErrAccess, "the store's directory is for its owner alone: chmod 700 DIR"},
	{certstore.ErrReadOnly, "run it as a user who may write there"},
	{certstore.ErrVersion, "use the version of awsauth that has made the store"},
	{certstore.ErrKey, "the store says where its key is: awsauth certificate list"},
	{certstore.ErrLocked, "wait until it is done, and try again"},
	{certstore.ErrDamaged, "add the certificate again with --replace, or restore the store from a backup"},
	{certstore.ErrClientCertificates, "give the JSON array as the platform sets CLIENT_CERTIFICATES"},
	{diskcache.ErrAccess, "the cache is made anew when it is removed"},
	{config.ErrNotConfigured, "awsauth config show lists what is configured"},
	{secret.ErrNoKeyring, "unlock it, in a session of the user whose it is; a service has none"},
	{secret.ErrNotInKeyring, "put it there: secret-tool store --label=awsauth service SERVICE username KEY"},
	{secret.ErrCommand, "run the program by hand, as the same user and without your variables"},
	{identity.ErrURI, "--certificate file:leaf.pem?key=leaf.key&chain=intermediates.pem or file:client.p12"},
	{identity.ErrKeyMismatch, "give the private key that was made with this certificate's request"},
	{identity.ErrNoPrivateKey, "name its file: --certificate 'file:leaf.pem?key=leaf.key'"},
	{identity.ErrNoCertificate, "give the end-entity certificate itself, in PEM, DER or PKCS#12"},
	{identity.ErrExpired, "renew the certificate; if it is not old, check this host's clock"},
	{identity.ErrNotYetValid, "wait, or check this host's clock"},
	{identity.ErrCertificateAuthority, "use an end-entity certificate that this CA has issued"},
	{identity.ErrKeyUsage, "have the certificate issued anew with key usage digitalSignature"},
	{identity.ErrWeakSignature, "have the certificate issued anew, signed with SHA-256 or stronger"},
	{identity.ErrVersion, "have the certificate issued anew as X.509 version 3"},
	{identity.ErrEmptySubject, "have the certificate issued anew with a subject, such as CN=NAME"},
	{identity.ErrUnsupportedKey, "use RSA of 2048 to 8192 bits, or ECDSA on P-256, P-384 or P-521"},
	{identity.ErrChain, "give the certificates between the leaf and the trust anchor, and no others"},
	{identity.ErrAmbiguous, "give one certificate and its key in files of their own"},
	{identity.ErrDamaged, "copy or export the file again"},
	{identity.ErrTooLarge, "give the certificate, its chain and its key, and nothing else"},
	{identity.ErrTooCostly, "export it again with fewer iterations, as OpenSSL's 2048"},
	{identity.ErrNotRegularFile, "give the file itself, or a link to it"},
	{config.ErrCABundle, "name a file of CA certificates in PEM, or unset it"},
	{secret.ErrMode, "a secret's file is for its owner alone"},
	{fs.ErrNotExist, "check the path; a relative one begins at the working directory"},
	{fs.ErrPermission, "run it as a user who may read the file"},
	{secret.ErrReference, "a secret is never an argument: it is named by " + secret.References},
}
