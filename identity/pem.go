package identity

import (
	"bytes"
	"context"
	"encoding/pem"
	"strings"
)

var pemBegin = []byte("-----BEGIN ")

// readPEM reads the blocks of a PEM file (RFC 7468). Text around them is
// ignored, as are blocks that are neither certificates nor keys.
func (r *reader) readPEM(ctx context.Context, data []byte) error {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // byte order mark
	for {
		block, rest := pem.Decode(data)
		// pem.Decode steps over a block that it cannot read, and a
		// certificate would be missing without a word.
		read := data[:len(data)-len(rest)]
		if block == nil {
			read = data
		}
		begins := bytes.Count(read, pemBegin)
		if block == nil && begins == 0 {
			return nil
		}
		if block == nil || begins != 1 {
			return problem(ErrDamaged, "a PEM block is cut short or is not base64")
		}
		if err := r.readBlock(ctx, block); err != nil {
			return err
		}
		data = rest
	}
}

func (r *reader) readBlock(ctx context.Context, block *pem.Block) error {
	if strings.HasSuffix(block.Type, "PRIVATE KEY") {
		if !r.withKey {
			return nil
		}
		if strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return problem(ErrUnsupported, "OpenSSL's old encryption of keys; rewrite it with: openssl pkcs8 -topk8 -in OLD.key -out NEW.key")
		}
	}
	switch block.Type {
	case "CERTIFICATE", "X509 CERTIFICATE":
		return r.addCertificate(block.Bytes, "", false)
	case "TRUSTED CERTIFICATE":
		return problem(ErrUnsupported, "OpenSSL's trusted certificate; rewrite it with: openssl x509 -in OLD.pem -out NEW.pem")
	case "PKCS7", "CMS":
		return problem(ErrUnsupported, "PKCS#7; rewrite it with: openssl pkcs7 -in OLD.p7b -print_certs -out NEW.pem")
	case "PRIVATE KEY":
		return r.addKey(parsePKCS8(block.Bytes))
	case "ENCRYPTED PRIVATE KEY":
		return r.readEncryptedPKCS8(ctx, block.Bytes)
	case "RSA PRIVATE KEY":
		return r.addKey(parsePKCS1(block.Bytes))
	case "EC PRIVATE KEY":
		return r.addKey(parseSEC1(block.Bytes))
	}
	if strings.HasSuffix(block.Type, "PRIVATE KEY") {
		return problem(ErrUnsupported, "a private key in a format of its own; rewrite it as PKCS#8, for OpenSSH with: ssh-keygen -p -m PKCS8 -f KEY")
	}
	return nil
}
