package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/awsauth-go/awsauth/emulator"
)

// maxSeed bounds the seed file, in bytes.
const maxSeed = 1 << 20

// readSeed reads the seed file; nil without one. Unknown and repeated keys are mistakes. Certificates and revocation
// lists may be given as PEM or as the path of a file, relative to the seed's.
func (f *emulatorFlags) readSeed() (*emulator.Seed, error) {
	if f.seed == "" {
		return nil, nil
	}
	fail := func(err error) error {
		return configurationError{error: fmt.Errorf("--seed %s: %w", f.seed, err), hint: "docs/emulator.md describes the file"}
	}
	info, err := os.Stat(f.seed)
	if err != nil {
		return nil, fail(errors.New("cannot be read"))
	}
	if !info.Mode().IsRegular() || info.Size() > maxSeed {
		return nil, fail(fmt.Errorf("not a file of at most %d bytes", maxSeed))
	}
	raw, err := os.ReadFile(f.seed)
	if err != nil {
		return nil, fail(errors.New("cannot be read"))
	}
	seed := new(emulator.Seed)
	if err := yaml.UnmarshalWithOptions(raw, seed, yaml.Strict()); err != nil {
		return nil, fail(errors.New(strings.TrimSpace(yaml.FormatError(err, false, false))))
	}
	for i := range seed.TrustAnchors {
		anchor := &seed.TrustAnchors[i]
		for _, field := range []*string{&anchor.Certificates, &anchor.CRL} {
			if *field == "" || strings.Contains(*field, "-----BEGIN ") {
				continue
			}
			path := *field
			if !filepath.IsAbs(path) {
				path = filepath.Join(filepath.Dir(f.seed), path)
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return nil, fail(fmt.Errorf("trust_anchors[%d] %q: %w", i, anchor.Name, err))
			}
			*field = string(raw)
		}
	}
	return seed, nil
}
