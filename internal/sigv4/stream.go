package sigv4

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The payloads that come in chunks (Amazon S3 API Reference, "Signature calculations for the authorization header: transferring a payload
// in multiple chunks", and "… including trailing headers").
const (
	streamingSigned          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingSignedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

func isStreaming(hash string) bool {
	return slices.Contains([]string{streamingSigned, streamingSignedTrailer, streamingUnsignedTrailer}, hash)
}

// Payload answers what a request carries: the body, or of one that comes in chunks their content, once the signature of each is right. It
// is for a request that Verify has accepted. Its errors are of type *Error.
func (a *Authorization) Payload(r *http.Request, body []byte, secretAccessKey string) ([]byte, error) {
	hash, ok, err := a.sentHash(r)
	if err != nil || !ok || !isStreaming(hash) {
		return body, err
	}
	c := &chunks{
		rest: body, signed: hash != streamingUnsignedTrailer, trailer: hash != streamingSigned, previous: hex.EncodeToString(a.signature),
		key:    SigningKey(secretAccessKey, a.Date, a.Region, a.Service),
		prefix: a.SignedAt.Format(timeFormat) + "\n" + strings.Join([]string{a.Date, a.Region, a.Service, terminator}, "/") + "\n",
	}
	content, err := c.read()
	if err != nil {
		return nil, err
	}
	if length, err := single(r.Header, "X-Amz-Decoded-Content-Length"); err != nil || length != strconv.Itoa(len(content)) {
		return nil, &Error{Kind: BodyMismatch, Detail: "X-Amz-Decoded-Content-Length is not how much the chunks hold"}
	}
	return content, nil
}

// chunks reads a body that comes in chunks.
type chunks struct {
	rest            []byte
	signed, trailer bool
	previous        string // the signature before
	key             []byte
	prefix          string // of each string to sign, after the algorithm
}

func broken(detail string) error {
	return &Error{Kind: BodyMismatch, Detail: "the chunks are broken: " + detail}
}

func (c *chunks) read() (content []byte, err error) {
	for {
		head, ok := c.line()
		if !ok {
			return nil, broken("there is no last one, which is empty")
		}
		size, extension, _ := strings.Cut(head, ";")
		n, err := strconv.ParseUint(size, 16, 31)
		if err != nil {
			return nil, broken("a size is no hexadecimal number")
		}
		if uint64(len(c.rest)) < n {
			return nil, broken("one is shorter than it says")
		}
		data := c.rest[:n]
		c.rest = c.rest[n:]
		if err := c.check(extension, data); err != nil {
			return nil, err
		}
		if n == 0 {
			return content, c.end()
		}
		if line, ok := c.line(); !ok || line != "" {
			return nil, broken("one is longer than it says")
		}
		content = append(content, data...)
	}
}

// line answers the next line, without its end.
func (c *chunks) line() (string, bool) {
	line, rest, found := bytes.Cut(c.rest, []byte("\r\n"))
	if !found {
		return "", false
	}
	c.rest = rest
	return string(line), true
}

// check compares the signature of a chunk.
func (c *chunks) check(extension string, data []byte) error {
	if !c.signed {
		if extension != "" {
			return broken("one is signed where none should be")
		}
		return nil
	}
	sent, found := strings.CutPrefix(extension, "chunk-signature=")
	if !found {
		return broken("one is not signed")
	}
	return c.compare(sent, algorithm+"-PAYLOAD", hexHash(nil)+"\n"+hexHash(data))
}

// compare compares a signature, which is the one before of the next.
func (c *chunks) compare(sent, algorithm, of string) error {
	want := hex.EncodeToString(sign(c.key, algorithm+"\n"+c.prefix+c.previous+"\n"+of))
	if !hmac.Equal([]byte(sent), []byte(want)) {
		return &Error{Kind: SignatureMismatch, Detail: "the signature of a chunk, or of what follows the chunks, is not the one computed from it"}
	}
	c.previous = want
	return nil
}

func hexHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// end reads what follows the last chunk: nothing, or headers with a signature of their own.
func (c *chunks) end() error {
	var headers strings.Builder
	seen := false
	for {
		line, ok := c.line()
		switch name, value, isHeader := strings.Cut(line, ":"); {
		case !ok && len(c.rest) == 0 && !c.trailer, ok && line == "":
			if len(c.rest) > 0 {
				return broken("something follows the last one")
			}
			if c.signed && c.trailer && !seen {
				return broken("what follows the chunks is not signed")
			}
			return nil
		case !ok || !isHeader || !c.trailer || seen:
			return broken("what follows the last one is not headers")
		case strings.EqualFold(name, "x-amz-trailer-signature"):
			seen = true
			if err := c.compare(strings.TrimSpace(value), algorithm+"-TRAILER", hexHash([]byte(headers.String()))); err != nil {
				return err
			}
		default:
			headers.WriteString(strings.ToLower(name) + ":" + strings.TrimSpace(value) + "\n")
		}
	}
}
