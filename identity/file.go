package identity

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// A File is a [Source] that reads an identity from files, again at every use.
// It may be used as a literal:
//
//	src := identity.File{Certificate: "client.pem", PrivateKey: "client.key"}
type File struct {
	// Certificate is the path of the certificate, and of everything else
	// that the file holds: PEM, DER or PKCS#12.
	Certificate string

	// PrivateKey is the path of the private key; empty means that it is in
	// Certificate too.
	PrivateKey string

	// Chain is the path of further certificates; empty means none.
	Chain string

	// Password is asked at every use for the password of a file that needs
	// one; nil means that there is none.
	Password PasswordFunc
}

const (
	// patience is how long a set of files that does not fit together may
	// take to become one that does: somebody may be replacing them. A busy
	// host may take all of that for one look, so it is looked a few times
	// at least.
	patience = 150 * time.Millisecond
	pause    = 5 * time.Millisecond
	looks    = 8
)

// Identity reads the files. All are read as they were at one moment: if they
// change meanwhile, or do not belong together, they are read again for 150 ms,
// and seven times at least. A key is never returned with a certificate that is
// not its own.
func (f File) Identity(ctx context.Context) (*Identity, error) {
	deadline := time.Now().Add(patience)
	password := f.Password
	if password != nil {
		password = remember(password)
	}
	var refused *Bundle
	var reason error
	for look := 1; ; look++ {
		b, err := f.snapshot()
		switch {
		case err != nil:
			reason = err
		case refused == nil || !refused.equal(b):
			b.Password = password
			var id *Identity
			if id, reason = Parse(ctx, *b); reason == nil {
				return id, nil
			}
			refused = b
		}
		if !isTransient(reason) || look >= looks && time.Now().After(deadline) {
			return nil, reason
		}
		select {
		case <-ctx.Done():
			return nil, &Error{File: f.Certificate, Err: ctx.Err(), Detail: reason.Error()}
		case <-time.After(pause):
		}
	}
}

// snapshot reads the files until two readings in a row agree. That shows a
// change where times and sizes do not: within one tick of the clock, or on
// file systems that keep neither.
func (f File) snapshot() (*Bundle, error) {
	const attempts = 10
	before, err := f.load()
	for range attempts {
		if err != nil {
			return nil, err
		}
		var after *Bundle
		if after, err = f.load(); err == nil && after.equal(before) {
			return after, nil
		}
		before = after
	}
	return nil, &Error{File: f.Certificate, Err: ErrDamaged, Detail: "the files keep changing while they are read"}
}

// isTransient reports whether err may pass when files are being replaced.
func isTransient(err error) bool {
	for _, e := range []error{ErrKeyMismatch, ErrNoCertificate, ErrNoPrivateKey, ErrChain, ErrDamaged, ErrUnsupported, fs.ErrNotExist} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// remember asks for the password of each file once.
func remember(ask PasswordFunc) PasswordFunc {
	known := map[string][]byte{}
	return func(ctx context.Context, file string) ([]byte, error) {
		if password, ok := known[file]; ok {
			return password, nil
		}
		password, err := ask(ctx, file)
		if err == nil {
			known[file] = password
		}
		return password, err
	}
}

// load reads every file once.
func (f File) load() (*Bundle, error) {
	var b Bundle
	for _, p := range []struct {
		part *Part
		path string
	}{
		{&b.Certificate, f.Certificate},
		{&b.PrivateKey, f.PrivateKey},
		{&b.Chain, f.Chain},
	} {
		if p.path == "" && p.part != &b.Certificate || p.path == f.Certificate && p.part != &b.Certificate {
			continue
		}
		data, err := readRegular(p.path, standard().size)
		if err != nil {
			return nil, inFile(p.path, err)
		}
		*p.part = Part{Name: p.path, Data: data}
	}
	return &b, nil
}

func (b *Bundle) equal(other *Bundle) bool {
	return bytes.Equal(b.Certificate.Data, other.Certificate.Data) &&
		bytes.Equal(b.PrivateKey.Data, other.PrivateKey.Data) &&
		bytes.Equal(b.Chain.Data, other.Chain.Data)
}

// readRegular reads a regular file: all of it, or one byte more than size,
// which [Parse] refuses as too large. Links are followed, because Kubernetes
// mounts secrets as links; a FIFO or a device is neither waited for nor read.
func readRegular(path string, size int64) ([]byte, error) {
	// Opening a device can have effects, so look before and after.
	info, err := os.Stat(path)
	if err != nil {
		return nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, problem(ErrNotRegularFile, "it is a %s", kind(info.Mode()))
	}
	file, err := os.OpenFile(path, os.O_RDONLY|nonblocking, 0)
	if err != nil {
		return nil, cause(err)
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, problem(ErrNotRegularFile, "it is a %s", kind(info.Mode()))
	}
	data, err := io.ReadAll(io.LimitReader(file, size+1))
	if err != nil {
		return nil, cause(err)
	}
	return data, nil
}

// cause takes the path out of err, because Error names the file.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeNamedPipe != 0:
		return "named pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	}
	return "device"
}
