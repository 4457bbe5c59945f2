package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/safefile"
	"github.com/awsauth-go/awsauth/internal/yamlfile"
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
	raw, err := safefile.Read(f.seed, maxSeed)
	if err != nil {
		return nil, fail(err)
	}
	seed := new(emulator.Seed)
	if mistakes := yamlfile.Decode(raw, seed); len(mistakes) > 0 {
		return nil, fail(seedProblem(mistakes))
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
			raw, err := safefile.Read(path, maxSeed)
			if err != nil {
				return nil, fail(fmt.Errorf("trust_anchors[%d] %q: %s: %w", i, anchor.Name, path, err))
			}
			*field = string(raw)
		}
	}
	return seed, nil
}

// seedProblem lists the mistakes in the file, each with its line and column.
func seedProblem(mistakes []yamlfile.Mistake) error {
	if len(mistakes) == 1 {
		return errors.New(mistakes[0].String())
	}
	lines := []string{fmt.Sprintf("%d mistakes", len(mistakes))}
	for _, m := range mistakes {
		lines = append(lines, m.String())
	}
	return errors.New(strings.Join(lines, "\n"))
}
