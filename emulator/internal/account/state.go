package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/awsauth-go/awsauth/internal/safefile"
)

// stateVersion is the format of the state file; a file of another version is refused, never guessed at.
const stateVersion = 1

const stateFile = "emulator.json"

type stateDocument struct {
	Version int             `json:"version"`
	ID      string          `json:"account"`
	Region  string          `json:"region"`
	State   json.RawMessage `json:"state"` // read only when the version is ours
}

// load reads the state file, or starts anew when there is none.
func (a *Account) load() error {
	if a.Dir == "" {
		a.state = newState()
		return nil
	}
	if err := os.MkdirAll(a.Dir, 0o700); err != nil {
		return err
	}
	if err := a.own(); err != nil {
		return err
	}
	path := filepath.Join(a.Dir, stateFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		a.state, a.dirty = newState(), true
		return a.save()
	}
	if err != nil {
		return err
	}
	damaged := fmt.Errorf("%s is damaged: remove it to start anew", path)
	var doc stateDocument
	switch err := json.Unmarshal(raw, &doc); {
	case err != nil:
		return damaged
	case doc.Version != stateVersion:
		return fmt.Errorf("%s has version %d, this emulator reads version %d", path, doc.Version, stateVersion)
	case doc.ID != a.ID || doc.Region != a.Region:
		return fmt.Errorf("%s belongs to account %s in %s, not to %s in %s", path, doc.ID, doc.Region, a.ID, a.Region)
	}
	a.state = new(State)
	if err := json.Unmarshal(doc.State, a.state); err != nil || !a.state.complete() {
		return damaged
	}
	a.state.fill()
	return nil
}

const lockFile = "lock"

// own takes the directory for this account alone until Close: two that save into one would undo each other's changes.
func (a *Account) own() error {
	a.lock = flock.New(filepath.Join(a.Dir, lockFile), flock.SetPermissions(0o600))
	switch locked, err := a.lock.TryLock(); {
	case err != nil:
		return err
	case !locked:
		return fmt.Errorf("%s is in use by another emulator", a.Dir)
	}
	return safefile.Sweep(a.Dir)
}

// save writes the state file, whole or not at all. The caller holds the lock.
func (a *Account) save() error {
	if a.Dir == "" || !a.dirty {
		return nil
	}
	state, err := json.Marshal(a.state)
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	raw, err := json.Marshal(stateDocument{stateVersion, a.ID, a.Region, state})
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	if err := safefile.Write(filepath.Join(a.Dir, stateFile), raw); err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	a.dirty = false
	return nil
}
