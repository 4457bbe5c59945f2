package rolesanywhere

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Limits of one attempt (connect, TLS handshake, the whole) and of a whole call with its retries.
const (
	connectTimeout   = 2 * time.Second
	handshakeTimeout = 3 * time.Second
	attemptTimeout   = 5 * time.Second
	callTimeout      = 10 * time.Second

	maxAnswer  = 1 << 20  // bytes of a body
	maxHeaders = 64 << 10 // bytes of an answer's headers
)

// TransportConfig is what a deployment may have to change about connections.
type TransportConfig struct {
	// Proxy answers the proxy for a request; nil means http.ProxyFromEnvironment (HTTPS_PROXY, NO_PROXY).
	Proxy func(*http.Request) (*url.URL, error)
	// RootCAs are trusted in place of the system's.
	RootCAs *x509.CertPool
}

// NewTransport makes the transport of a Client: TLS 1.2 or newer, HTTP/1.1 (a half-open HTTP/2 connection would eat every
// call until it is noticed), short deadlines, no decompression.
func NewTransport(c TransportConfig) *http.Transport {
	if c.Proxy == nil {
		c.Proxy = http.ProxyFromEnvironment
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  c.Proxy,
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.RootCAs},
		TLSHandshakeTimeout:    handshakeTimeout,
		MaxIdleConns:           4,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxHeaders,
		DisableCompression:     true,
		Protocols:              protocols,
	}
}

// defaultTransport serves every Client that brings none, so that they share connections.
var defaultTransport = NewTransport(TransportConfig{})
