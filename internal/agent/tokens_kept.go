package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/awsauth-go/awsauth/internal/safefile"
)

// Tokens outlive their agent, so that a restart is nothing to programs that have one. The next agent need not read their files, which
// are others' and may have been changed by them: it goes by a list of its own, which has no token, but their hashes.

// list is the path of the list.
func (t *tokens) list() string { return filepath.Join(t.dir, "hashes") }

// mostOfList bounds the list: some tens of thousands of tokens.
const mostOfList = 16 << 20

// noted is a token in the list.
type noted struct {
	Path string    `json:"path"`
	Hash string    `json:"sha256"`
	Made time.Time `json:"made"`
}

// notes is the list.
type notes struct {
	Now    []noted `json:"now"`
	Before []noted `json:"before"` // they are good as well: the files may have them still
}

// note writes the list. The caller holds mu.
func (t *tokens) note() error {
	of := func(tokens map[string]token) (all []noted) {
		for path, held := range tokens {
			all = append(all, noted{path, hex.EncodeToString(held.hash[:]), held.made})
		}
		return all
	}
	text, err := json.Marshal(notes{of(t.now), of(t.before)})
	if err != nil {
		return err
	}
	return safefile.Write(t.list(), text)
}

// takeOver takes the tokens of the agent before, as far as they are as that has made them, not old, and of a generation. All others
// are removed.
func (t *tokens) takeOver(g *generation, now time.Time) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var known notes
	text, err := safefile.Read(t.list(), mostOfList)
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.log.Warn("all tokens are made anew: those of the agent before are not known", "error", err.Error())
		known = notes{}
	}
	wanted, keys := wanted(g)
	take := func(list []noted, into map[string]token) {
		for _, n := range list {
			h, allowed := wanted[n.Path]
			hash, err := hex.DecodeString(n.Hash)
			age := now.Sub(n.Made)
			if !allowed || err != nil || len(hash) != sha256.Size || age < 0 || age >= tokenLife || !untouched(filepath.Join(t.dir, n.Path), h) {
				continue
			}
			into[n.Path] = token{[sha256.Size]byte(hash), keys[n.Path], h.by, n.Made, now.Add(tokenOverlap)}
		}
	}
	take(known.Now, t.now)
	take(known.Before, t.before)
	return t.remove(t.now)
}

// sizeOfToken is how many bytes the file of a token has.
const sizeOfToken = 52

// untouched reports whether the file of a token is still its holder's alone.
func untouched(path string, h holder) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != h.mode || info.Size() != sizeOfToken { // it may be empty after a loss of power
		return false
	}
	uid, ok := safefile.Owner(info)
	return ok && uid == h.uid
}
