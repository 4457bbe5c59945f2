package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/awsauth-go/awsauth/internal/yamlfile"
)

// Agent is what the agent serves, and to whom: the key agent of a file. A later file's takes the place of an earlier one's.
type Agent struct {
	At        yamlfile.Positions `yaml:"-"`
	Socket    string             `yaml:"socket"`
	Container string             `yaml:"container"`
	IMDS      *IMDS              `yaml:"imds"`
	Actions   *Actions           `yaml:"actions"`
	Health    string             `yaml:"health"`
	Update    []Update           `yaml:"update"`
	Allow     map[string]Allow   `yaml:"allow"`

	file string
}

// Directory is what relative paths in it begin at.
func (a *Agent) Directory() string { return Origin{File: a.file}.Directory() }

// IMDS is the door that answers as the EC2 instance metadata service. It has one credential, for the users that may have it: the kernel
// says whose a connection is, and no groups.
type IMDS struct {
	At         yamlfile.Positions `yaml:"-"`
	Address    string             `yaml:"address"`
	Credential string             `yaml:"credential"`
}

// Allow is who may have a credential. Nobody else may.
type Allow struct {
	At     yamlfile.Positions `yaml:"-"`
	Users  []string           `yaml:"users"`  // names or numbers
	Groups []string           `yaml:"groups"` // names or numbers
}

func (a *Agent) imdsAddress() string {
	if a.IMDS == nil {
		return ""
	}
	return a.IMDS.Address
}

// Update is a profile of a shared credentials file that the agent keeps fresh.
type Update struct {
	At         yamlfile.Positions `yaml:"-"`
	Credential string             `yaml:"credential"`
	Profile    string             `yaml:"profile"` // the credential's name when empty
	File       string             `yaml:"file"`    // absolute after Load; the standard one of the agent's user when empty
}

// principalForm is the name or the number of a user or group (useradd(8), "CAVEATS", and letters as directories have them).
var principalForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,63}\$?$`)

// checkAgent finds what is wrong with the agent's part.
func (c *Config) checkAgent() (mistakes []Mistake) {
	a := c.Agent
	if a == nil {
		return nil
	}
	say := func(at yamlfile.Position, path, format string, args ...any) {
		mistakes = append(mistakes, Mistake{a.file, yamlfile.Mistake{Position: at, Path: path, Text: fmt.Sprintf(format, args...)}})
	}
	if err := CheckLoopback(a.Container); a.Container != "" && err != nil {
		say(a.At["container"], "agent.container", "%s", err)
	}
	if err := CheckLoopback(a.Health); a.Health != "" && err != nil {
		say(a.At["health"], "agent.health", "%s", err)
	}
	mistakes = append(mistakes, c.checkActions()...)
	mistakes = append(mistakes, c.checkUpdates()...)
	opened := map[string]string{}
	for _, door := range []struct{ key, address string }{
		{"container", a.Container}, {"imds", a.imdsAddress()}, {"actions", a.ActionsAddress()}, {"health", a.Health},
	} {
		if other := opened[door.address]; door.address != "" && other != "" {
			say(a.At[door.key], "agent."+door.key, "has the address of agent.%s: give each its own", other)
		}
		opened[door.address] = door.key
	}
	if a.IMDS != nil && a.IMDS.At != nil {
		place := func(key string) yamlfile.Position {
			if at, given := a.IMDS.At[key]; given {
				return at
			}
			return a.IMDS.At[""]
		}
		if err := CheckLoopback(a.IMDS.Address); err != nil {
			say(place("address"), "agent.imds.address", "%s", err)
		}
		if !slices.ContainsFunc(sortedNames(a.Allow), func(name string) bool { return strings.EqualFold(name, a.IMDS.Credential) }) {
			say(place("credential"), "agent.imds.credential", "is none of those in agent.allow")
		}
	}
	if len(a.Allow) == 0 && a.Actions == nil && len(a.Update) == 0 {
		say(a.At[""], "agent.allow", "is missing: which user or group may have which credential, as backup: {users: [alice]}; or actions or update says who gets what")
	}
	for _, name := range sortedNames(a.Allow) {
		allow, path := a.Allow[name], "agent.allow."+name
		if problem := c.nameProblem(name); problem != "" {
			say(allow.At[""], path, "%s", problem)
		}
		if len(allow.Users)+len(allow.Groups) == 0 && allow.At != nil {
			say(allow.At[""], path, "allows nobody: give users, groups or both")
		}
		for key, principals := range map[string][]string{"users": allow.Users, "groups": allow.Groups} {
			for i, p := range principals {
				if !principalForm.MatchString(p) {
					say(allow.At[key], path+"."+key, "has an entry (%d) that is neither a name nor a number", i+1)
				}
			}
		}
	}
	return mistakes
}

// nameProblem says of a name that no credential has it, or "".
func (c *Config) nameProblem(name string) string {
	unknown := new(NameError)
	switch {
	case !errors.As(c.lookUp(name), &unknown):
		return ""
	case unknown.Near != "":
		return "names no credential: did you mean " + unknown.Near + "?"
	}
	return "names no credential"
}

// checkUpdates finds what is wrong with the profiles that are kept fresh.
func (c *Config) checkUpdates() (mistakes []Mistake) {
	written := map[string]bool{}
	for i, u := range c.Agent.Update {
		if u.At == nil {
			continue // not a mapping: reported
		}
		path := fmt.Sprintf("agent.update[%d]", i)
		say := func(key, text string) {
			at, given := u.At[key]
			if !given {
				at = u.At[""]
			}
			mistakes = append(mistakes, Mistake{c.Agent.file, yamlfile.Mistake{Position: at, Path: path + "." + key, Text: text}})
		}
		if u.Credential == "" {
			say("credential", "is required: the name of the credential")
		} else if problem := c.nameProblem(u.Credential); problem != "" {
			say("credential", problem)
		}
		profile := u.File + "\n" + cmp.Or(u.Profile, u.Credential)
		if written[profile] {
			say("profile", "is written by an entry before: two would take turns")
		}
		written[profile] = true
	}
	return mistakes
}

func sortedNames(allow map[string]Allow) []string {
	var names []string
	for name := range allow {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// CheckLoopback reports an address that is not one of this host alone.
func CheckLoopback(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return errors.New("is not an address with a port, as 127.0.0.1:9912")
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.IsLoopback() {
		return errors.New("is not an address of loopback, as 127.0.0.1:9912")
	}
	return nil
}

// agentSchema is the JSON Schema of the key agent.
func agentSchema() map[string]any {
	principals := map[string]any{"type": "array", "items": map[string]any{"type": []string{"string", "number"}}}
	return map[string]any{
		"type": "object", "description": DocumentKeys[3].Doc, "additionalProperties": false,
		"anyOf": []any{demands("allow"), demands("actions"), demands("update")},
		"properties": map[string]any{
			"socket":    map[string]any{"type": "string", "description": "path of the agent's socket (default the standard one)"},
			"container": map[string]any{"type": "string", "description": "address on loopback of the container-credentials endpoint, as 127.0.0.1:9912; off when left out"},
			"imds": map[string]any{
				"type": "object", "description": "the door that answers as the EC2 instance metadata service, version 2; off when left out",
				"additionalProperties": false, "required": []string{"address", "credential"},
				"properties": map[string]any{
					"address":    map[string]any{"type": "string", "description": "address on loopback, as 127.0.0.1:9911"},
					"credential": map[string]any{"type": "string", "description": "the one that it gives, to the users of its allow"},
				},
			},
			"actions": actionsSchema(),
			"health":  map[string]any{"type": "string", "description": "address on loopback of /metrics, /healthz and /readyz, as 127.0.0.1:9914; off when left out"},
			"update": map[string]any{
				"type": "array", "description": "profiles of shared credentials files that are kept fresh, as awsauth update does",
				"items": map[string]any{
					"type": "object", "additionalProperties": false, "required": []string{"credential"},
					"properties": map[string]any{
						"credential": map[string]any{"type": "string", "description": "the one that is written"},
						"profile":    map[string]any{"type": "string", "description": "name of the profile (default the credential's name)"},
						"file":       map[string]any{"type": "string", "description": "path of the file (default the standard one of the user who runs the agent)"},
					},
				},
			},
			"allow": map[string]any{
				"type": "object", "description": "who may have which credential, by its name; nobody else may", "minProperties": 1,
				"additionalProperties": map[string]any{
					"type": "object", "additionalProperties": false, "minProperties": 1, "properties": map[string]any{"users": principals, "groups": principals},
				},
			},
		},
	}
}

func demands(key string) map[string]any { return map[string]any{"required": []string{key}} }

// AgentSockets are where an agent may be asked, the first that is there: that of AWSAUTH_SOCKET alone, or this user's, then the host's.
func (e Environment) AgentSockets() []string {
	var sockets []string
	if _, socket := e.Flag("socket"); socket != "" {
		return []string{socket}
	}
	if dir := e.get("XDG_RUNTIME_DIR"); strings.HasPrefix(dir, "/") {
		sockets = append(sockets, dir+"/awsauth/agent.sock")
	}
	return append(sockets, hostSocket)
}

const hostSocket = "/run/awsauth/agent.sock"

// AgentSocket is where an agent of this user listens when its configuration names nothing else.
func (e Environment) AgentSocket(superuser bool) string {
	if dir := e.get("XDG_RUNTIME_DIR"); !superuser && strings.HasPrefix(dir, "/") {
		return dir + "/awsauth/agent.sock"
	}
	return hostSocket
}
