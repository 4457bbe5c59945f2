package imds

import (
	"crypto/sha256"
	"sync"
	"time"
)

// mostTokens is how many there are at a time, of all subjects. When there are more, the oldest of whoever has most go.
const mostTokens = 1024

// tokens are those that were given. The zero value has none. Only hashes are kept.
type tokens struct {
	mu        sync.Mutex // guards all below
	byHash    map[hash]token
	bySubject map[string][]hash // the oldest first
	soonest   time.Time         // no token ends before
}

type hash [sha256.Size]byte

type token struct {
	subject string
	ends    time.Time
}

func (t *tokens) add(value, subject string, now time.Time, life time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byHash == nil {
		t.byHash, t.bySubject = map[hash]token{}, map[string][]hash{}
	}
	if len(t.byHash) >= mostTokens && !now.Before(t.soonest) {
		t.expire(now)
	}
	for len(t.byHash) >= mostTokens {
		t.dropOne()
	}
	h := hash(sha256.Sum256([]byte(value)))
	t.byHash[h] = token{subject, now.Add(life)}
	if ends := now.Add(life); len(t.byHash) == 1 || ends.Before(t.soonest) {
		t.soonest = ends
	}
	t.bySubject[subject] = append(t.bySubject[subject], h)
}

// expire removes what has ended.
func (t *tokens) expire(now time.Time) {
	t.soonest = now.Add(longestLife * time.Second)
	for h, known := range t.byHash {
		if !now.Before(known.ends) {
			delete(t.byHash, h)
		} else if known.ends.Before(t.soonest) {
			t.soonest = known.ends
		}
	}
	for subject, all := range t.bySubject {
		kept := all[:0]
		for _, h := range all {
			if _, there := t.byHash[h]; there {
				kept = append(kept, h)
			}
		}
		t.bySubject[subject] = kept
		if len(kept) == 0 {
			delete(t.bySubject, subject)
		}
	}
}

// dropOne removes the oldest token of whoever has most.
func (t *tokens) dropOne() {
	var most string
	for subject, all := range t.bySubject {
		if len(all) > len(t.bySubject[most]) {
			most = subject
		}
	}
	all := t.bySubject[most]
	delete(t.byHash, all[0])
	t.bySubject[most] = all[1:]
}

// good reports whether a token was given to a subject and has not ended.
func (t *tokens) good(value, subject string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	known, there := t.byHash[sha256.Sum256([]byte(value))]
	return there && known.subject == subject && now.Before(known.ends)
}
