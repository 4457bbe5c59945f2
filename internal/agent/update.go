package agent

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/awsauth-go/awsauth/serve/credfile"
)

// update is a profile of a shared credentials file that is kept fresh.
type update struct {
	credential *served
	profile    string
	file       string
	landed     chan struct{}
	mended     int // times that it was written again with the same credentials; of run alone

	mu    sync.Mutex // guards state
	state Update
}

// Update is how such a profile is.
type Update struct {
	Credential  string    `json:"credential"`
	Profile     string    `json:"profile"`
	File        string    `json:"file"`
	AccessKeyID string    `json:"access_key_id,omitempty"` // that the profile has
	Written     time.Time `json:"written,omitzero"`
	Failures    int       `json:"failures"` // in a row
	Error       string    `json:"error,omitempty"`
}

// readUpdates makes those of a generation.
func (a *Agent) readUpdates(g *generation) (all []*update, err error) {
	written := map[string]bool{}
	for i, configured := range g.config.Update {
		u := &update{
			credential: g.served[strings.ToLower(configured.Credential)], file: cmp.Or(configured.File, a.options.CredentialsFile),
			landed: make(chan struct{}, 1),
		}
		u.profile = cmp.Or(configured.Profile, u.credential.name)
		u.state = Update{Credential: u.credential.name, Profile: u.profile, File: u.file}
		if u.file == "" {
			return nil, fmt.Errorf("agent.update[%d].file: is missing, and there is no home directory with an .aws/credentials", i)
		}
		if _, err := credfile.Apply(nil, credfile.Change{Section: u.profile}); err != nil {
			return nil, fmt.Errorf("agent.update[%d].profile: %w", i, err)
		}
		place := realPath(u.file) + "\n" + u.profile
		if written[place] {
			return nil, fmt.Errorf("agent.update[%d].profile: is written by an entry before: two would take turns", i)
		}
		written[place] = true
		all = append(all, u)
	}
	return all, nil
}

// realPath is where a file is, which need not be there yet.
func realPath(file string) string {
	if path, err := filepath.EvalSymlinks(file); err == nil {
		return path
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(file)); err == nil {
		return filepath.Join(dir, filepath.Base(file))
	}
	return filepath.Clean(file)
}

// wake has it look for new credentials.
func (u *update) wake() {
	select {
	case u.landed <- struct{}{}:
	default:
	}
}

// The pauses between attempts to write a file that cannot be written.
const (
	firstPause   = time.Second
	longestPause = time.Minute
	// longestLook is the longest pause between looks at a profile that others keep writing over: they may be keeping it, too.
	longestLook = 10 * time.Minute
)

// run writes whenever there are new credentials, until the context ends. A file that cannot be written is tried again and again, and
// what a program that knows no lock has written over is written anew: it may have put back what ends soon.
func (u *update) run(ctx context.Context, log *slog.Logger) {
	u.wake() // they may be there already
	again := time.NewTimer(0)
	again.Stop()
	defer again.Stop()
	theirs := time.NewTimer(look)
	defer theirs.Stop()
	pause := firstPause
	for {
		select {
		case <-ctx.Done():
			return
		case <-u.landed:
		case <-again.C:
		case <-theirs.C:
			theirs.Reset(u.untilLook())
			if !u.hasWritten(time.Now()) {
				continue
			}
		}
		err := u.write(ctx, log)
		theirs.Reset(u.untilLook())
		switch {
		case err == nil:
			pause = firstPause
			continue
		case ctx.Err() != nil:
			return
		}
		u.failed(err)
		log.Warn("the profile is not written", "profile", u.profile, "file", u.file, "error", err.Error())
		again.Reset(pause)
		pause = min(2*pause, longestPause)
	}
}

// hasWritten reports whether the profile was written, and what it was given has not ended.
func (u *update) hasWritten(now time.Time) bool {
	s, held := u.status(), u.credential.cache.Status()
	return !s.Written.IsZero() && s.Failures == 0 && held.AccessKeyID != "" && (!held.CanExpire || held.Expires.After(now))
}

// untilLook is the pause before the next look: it doubles while others go on to write over the same credentials.
func (u *update) untilLook() time.Duration { return min(look<<min(u.mended, 10), longestLook) }

func (u *update) write(ctx context.Context, log *slog.Logger) error {
	if u.credential.cache.Status().AccessKeyID == "" {
		return nil // what lands wakes it
	}
	credentials, err := u.credential.cache.Current(ctx)
	if err != nil {
		return err
	}
	changed, err := credfile.Write(ctx, u.file, credfile.Profile(u.profile, credentials))
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state.Failures, u.state.Error = 0, ""
	said := []any{"profile", u.profile, "file", u.file, "key", lastFour(credentials.AccessKeyID)}
	switch {
	case u.state.AccessKeyID != credentials.AccessKeyID:
		u.mended = 0
		log.Info("the profile is written", said...)
	case changed:
		u.mended++
		log.Warn("the profile was no longer as it was written, and is written again", said...)
	default:
		return nil
	}
	u.state.AccessKeyID, u.state.Written = credentials.AccessKeyID, time.Now()
	return nil
}

func (u *update) failed(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state.Failures++
	u.state.Error = err.Error()
}

func (u *update) status() Update {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state
}
