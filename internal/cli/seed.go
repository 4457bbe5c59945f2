package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/safefile"
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
	if err := yaml.UnmarshalWithOptions(raw, seed, yaml.Strict()); err != nil {
		return nil, fail(seedProblem(err))
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

// seedProblem says where the YAML is wrong, and why when that does not quote what is written there.
func seedProblem(err error) error {
	var located yaml.Error
	if !errors.As(err, &located) {
		// Types that read themselves do not say where.
		return errors.New("a duration is not written as 15m or 1h30m, or a policy is neither a mapping nor JSON")
	}
	at := located.GetToken().Position
	problem := "not a value that belongs here"
	switch located.(type) {
	case *yaml.SyntaxError, *yaml.UnknownFieldError, *yaml.DuplicateKeyError:
		problem = located.GetMessage()
	}
	return fmt.Errorf("line %d, column %d: %s", at.Line, at.Column, problem)
}
