package rolesanywhere

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
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
		Proxy:                  c.proxy,
		OnProxyConnectResponse: checkProxyAnswer,
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

// errProxySetting stands for every error of TransportConfig.Proxy: those quote the setting, which may hold a password.
var errProxySetting = errors.New("the proxy setting is not the URL of a proxy")

func (c TransportConfig) proxy(r *http.Request) (*url.URL, error) {
	u, err := c.Proxy(r)
	// What does not parse, ProxyFromEnvironment takes for a host without a scheme: it answers http://http://… then.
	if err != nil || u != nil && strings.HasPrefix(u.Path, "//") {
		return nil, errProxySetting
	}
	return u, nil
}

// proxyRefusal is the status by which a proxy refused to connect. Its reason phrase is left out: anybody may write it.
type proxyRefusal int

func (status proxyRefusal) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the proxy refused: %d %s", int(status), http.StatusText(int(status))))
}

func checkProxyAnswer(_ context.Context, _ *url.URL, _ *http.Request, r *http.Response) error {
	if r.StatusCode != http.StatusOK {
		return proxyRefusal(r.StatusCode)
	}
	return nil
}
