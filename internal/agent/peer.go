package agent

import (
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"

	"github.com/awsauth-go/awsauth/internal/config"
)

// Peer is who is at the other end of a socket, as the kernel says.
type Peer struct {
	UID    uint32
	GID    uint32
	Groups []uint32 // the supplementary ones; nil where the kernel does not say
	PID    int32
}

// errNobody reports a peer for whom the kernel has no number here: a process from outside of the agent's own user or PID namespace.
var errNobody = errors.New("the kernel does not say who is asking: a process of another namespace")

// overflowID is what the kernel gives for a user or group that has no number here (user_namespaces(7)).
const overflowID = 65534

func (p Peer) check() error {
	if p.PID <= 0 || p.UID == overflowID {
		return errNobody
	}
	return nil
}

// rule is who may have one credential.
type rule struct{ users, groups []uint32 }

// newRule looks up names. One that nobody has allows nobody, and is an error.
func newRule(a config.Allow) (r rule, err error) {
	for _, name := range a.Users {
		id, lookUpErr := lookUp(name, func(name string) (string, error) {
			u, err := user.Lookup(name)
			if err != nil {
				return "", err
			}
			return u.Uid, nil
		})
		if lookUpErr == nil && id == overflowID {
			lookUpErr = fmt.Errorf("user %s is who the kernel says where it cannot say who asks", name)
		}
		r.users, err = append(r.users, id), errors.Join(err, lookUpErr)
	}
	for _, name := range a.Groups {
		id, lookUpErr := lookUp(name, func(name string) (string, error) {
			g, err := user.LookupGroup(name)
			if err != nil {
				return "", err
			}
			return g.Gid, nil
		})
		if lookUpErr == nil && id == overflowID {
			lookUpErr = fmt.Errorf("group %s is the one that the kernel says where it cannot say which", name)
		}
		r.groups, err = append(r.groups, id), errors.Join(err, lookUpErr)
	}
	return r, err
}

// lookUp answers the number of a user or group that is given by name or number.
func lookUp(name string, number func(string) (string, error)) (uint32, error) {
	text := name
	if _, err := strconv.ParseUint(name, 10, 32); err != nil {
		if text, err = number(name); err != nil {
			return 0, err
		}
	}
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%s has no number on this system, and so agent.allow cannot name it", name)
	}
	return uint32(id), nil
}

// allowsUser reports whether a peer of whom nothing but the user is known may, and by what.
func (r rule) allowsUser(p Peer) (by string, ok bool) {
	return "user " + strconv.Itoa(int(p.UID)), slices.Contains(r.users, p.UID)
}

// allows reports whether a peer may, and by what.
func (r rule) allows(p Peer) (by string, ok bool) {
	if by, ok := r.allowsUser(p); ok {
		return by, true
	}
	for _, group := range append([]uint32{p.GID}, p.Groups...) {
		if group != overflowID && slices.Contains(r.groups, group) {
			return "group " + strconv.Itoa(int(group)), true
		}
	}
	return "", false
}
