package account

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// save writes the state file beside itself and renames it, so that no reader and no crash ever sees half of it. The
// caller holds the lock.
func (a *Account) save() (err error) {
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
	f, err := os.CreateTemp(a.Dir, stateFile+".*") // 0600 from creation
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("save state: %w", errors.Join(err, os.Remove(f.Name())))
		}
	}()
	if _, err := f.Write(raw); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(a.Dir, stateFile)); err != nil {
		return err
	}
	a.dirty = false
	return nil
}
