package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"

	"github.com/awsauth-go/awsauth/internal/config"
)

// keysMark stands in docs/configuration.md where the table of keys is, which ends with the next empty line.
const keysMark = "<!-- keys -->\n"

// writeConfiguration writes the JSON Schema, and the table of keys into the page about the configuration.
func writeConfiguration(dir string) error {
	page := filepath.Join(dir, "configuration.md")
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text, err = withKeys(text)
	if err != nil {
		return err
	}
	const mode = 0o644
	if err := os.WriteFile(page, text, mode); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "configuration.schema.json"), config.Schema(), mode)
}

// withKeys puts the table of keys in its place.
func withKeys(page []byte) ([]byte, error) {
	before, after, found := bytes.Cut(page, []byte(keysMark))
	if !found {
		return nil, errors.New("configuration.md has no mark where the table of keys goes")
	}
	after = bytes.TrimLeft(after, "\n")
	if bytes.HasPrefix(after, []byte("|")) {
		_, rest, _ := bytes.Cut(after, []byte("\n\n"))
		after = rest
	}
	return bytes.Join([][]byte{before, []byte(keysMark + "\n" + config.ReferenceTable() + "\n"), after}, nil), nil
}
