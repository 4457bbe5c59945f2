package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/internal/printable"
	"github.com/awsauth-go/awsauth/internal/safefile"
)

// localAWS is a running emulator.
type localAWS struct {
	*emulator.Emulator
	endpoint string // http://127.0.0.1:PORT
	server   *http.Server
	served   chan error
}

// startLocal starts an emulator on a loopback address.
func startLocal(c emulator.Config, address string) (*localAWS, error) {
	listener, err := emulator.Listen(address)
	if err != nil {
		return nil, listenError(address, err)
	}
	e, err := emulator.New(c)
	if err != nil {
		if c.Dir != "" {
			err = configurationError{error: fmt.Errorf("--state: %w", err), hint: "remove what it holds, or name another directory"}
		}
		return nil, errors.Join(err, listener.Close())
	}
	l := &localAWS{
		Emulator: e,
		endpoint: "http://" + listener.Addr().String(),
		server:   e.NewServer(nil),
		served:   make(chan error, 1),
	}
	go func() { l.served <- l.server.Serve(listener) }()
	return l, nil
}

// listenError says what is wrong with an address, or who has it.
func listenError(address string, err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, emulator.ErrNotLoopback):
		return usagef("--listen: %w", emulator.ErrNotLoopback)
	case errors.As(err, &op) && op.Addr != nil:
		return configurationError{
			error: fmt.Errorf("--listen %s: %s", address, printable.RootCause(op.Err)),
			hint:  "--listen 127.0.0.1:0 takes any free port",
		}
	}
	return usagef("--listen is not an address with a port, as %s", defaultEmulatorAddress)
}

// drain is how long requests under way may take when the emulator stops.
const drain = 2 * time.Second

// stop ends the server and saves the state.
func (l *localAWS) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), drain)
	defer cancel()
	err := l.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = l.server.Close()
	}
	if served := <-l.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return errors.Join(err, l.Close())
}

// Names of what a new emulator holds.
const (
	localAdministrator = "admin"
	localName          = "local"
)

// maxSession is as long as AWS allows.
const maxSession = 12 * time.Hour

// localSeed is an administrator, a trust anchor of the given CA, and a role that its certificates reach through a profile.
func localSeed(name, user string, ca []byte) emulator.Seed {
	administrator := []string{"arn:aws:iam::aws:policy/AdministratorAccess"}
	return emulator.Seed{
		Users:        []emulator.SeedUser{{Name: user, Managed: administrator}},
		TrustAnchors: []emulator.SeedTrustAnchor{{Name: name + "-ca", Certificates: string(ca)}},
		Roles: []emulator.SeedRole{{
			Name: name, TrustAnchor: name + "-ca", Managed: administrator, MaxSessionDuration: maxSession,
		}},
		Profiles: []emulator.SeedProfile{{
			Name: name, Roles: []string{name}, Duration: maxSession, AcceptRoleSessionName: true,
		}},
	}
}

// Files of an identity that is ready for use.
const (
	certificateFile = "client.pem"
	privateKeyFile  = "client.key"
)

// writeIdentity writes a certificate with its chain, and its key, into a directory of their own.
func writeIdentity(dir string, id *identity.Identity) (certificate, privateKey string, err error) {
	key, err := pki.KeyPEM(id.Key)
	if err != nil {
		return "", "", err
	}
	certificate, privateKey = filepath.Join(dir, certificateFile), filepath.Join(dir, privateKeyFile)
	if err := safefile.Write(privateKey, key); err != nil {
		return "", "", err
	}
	certificates := append(pki.CertificatesPEM(id.Certificate), pki.CertificatesPEM(id.Chain...)...)
	return certificate, privateKey, safefile.Write(certificate, certificates)
}
