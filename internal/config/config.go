package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/awsauth-go/awsauth/internal/nearest"
	"github.com/awsauth-go/awsauth/internal/safefile"
	"github.com/awsauth-go/awsauth/internal/secret"
	"github.com/awsauth-go/awsauth/internal/yamlfile"
)

// File is a configuration file, and where it stands: those of a list are read in order, and a later one wins.
type File struct {
	Path  string
	Kind  string // "system", "user" or "--config"
	Named bool   // by the operator: it must be there
	Found bool   // set by Load
}

// document is the form of a file.
type document struct {
	At          yamlfile.Positions    `yaml:"-"`
	Store       string                `yaml:"store"`
	Defaults    *Credential           `yaml:"defaults"`
	Credentials map[string]Credential `yaml:"credentials"`
	Agent       *Agent                `yaml:"agent"`
}

// DocumentKey is a key of a file itself.
type DocumentKey struct{ Name, Doc string }

// DocumentKeys are all of them.
var DocumentKeys = []DocumentKey{
	{"store", "directory of the certificate store"},
	{"defaults", "values for every credential whose type has the key and that does not give it"},
	{"credentials", "credentials by name"},
	{"agent", "what the agent serves, and to whom"},
}

// Origin is where a value comes from. The zero value is a built-in default.
type Origin struct {
	File     string
	Position yamlfile.Position
	Variable string
	Flag     string
	Default  bool // from the file's defaults
}

// String says it for a person.
func (o Origin) String() string {
	switch {
	case o.Flag != "":
		return "--" + o.Flag
	case o.Variable != "":
		return o.Variable
	case o.File != "" && o.Default:
		return fmt.Sprintf("%s:%d (defaults)", o.File, o.Position.Line)
	case o.File != "":
		return fmt.Sprintf("%s:%d", o.File, o.Position.Line)
	}
	return "built in"
}

// Directory is what relative paths in the value begin at; empty for the working directory.
func (o Origin) Directory() string {
	if o.File == "" {
		return ""
	}
	return filepath.Dir(o.File)
}

// Config is what the files say together.
type Config struct {
	Files       []File
	Store       string // directory of the certificate store; "" when no file names one
	StoreOrigin Origin
	Agent       *Agent           // nil when no file has one
	entries     map[string]entry // by name in lower case
	defaults    Credential
	origins     map[string]Origin // of defaults, by key
}

// entry is a credential as one file has it.
type entry struct {
	name string
	Credential
	file string
}

// maxFile bounds a file, in bytes.
const maxFile = 4 << 20

// Mistake is what is wrong at one place of a file.
type Mistake struct {
	File string
	yamlfile.Mistake
}

func (m Mistake) String() string {
	if m.IsZero() {
		return m.File + ": " + m.Text
	}
	return m.File + ":" + m.Mistake.String()
}

// Error lists every mistake in the configuration.
type Error struct{ Mistakes []Mistake }

func (e *Error) Error() string {
	if len(e.Mistakes) == 1 {
		return e.Mistakes[0].String()
	}
	lines := []string{fmt.Sprintf("%d mistakes in the configuration", len(e.Mistakes))}
	for _, m := range e.Mistakes {
		lines = append(lines, m.String())
	}
	return strings.Join(lines, "\n")
}

// ErrNotConfigured reports a name that no credential has.
var ErrNotConfigured = errors.New("no credential has this name")

// NameError is ErrNotConfigured with the names that there are.
type NameError struct {
	Name  string // "" when what was typed is not repeated: it looks as no name does
	Known []string
	Near  string
}

func (e *NameError) Error() string {
	if e.Name == "" {
		return ErrNotConfigured.Error()
	}
	return e.Name + ": " + ErrNotConfigured.Error()
}

func (e *NameError) Unwrap() error { return ErrNotConfigured }

// mostNames is how many names a hint lists.
const mostNames = 8

// Hint answers what to do.
func (e *NameError) Hint() string {
	if slices.Contains(reserved, e.Near) {
		return "nothing is configured under it; did you mean awsauth get " + e.Near + "?"
	}
	if len(e.Known) == 0 {
		return "nothing is configured yet; awsauth config path shows where the file goes, awsauth config edit begins one"
	}
	listed := e.Known
	if len(listed) > mostNames {
		listed = append(slices.Clone(listed[:mostNames]), "…")
	}
	text := "awsauth config show lists " + strings.Join(listed, ", ")
	if e.Near != "" {
		text = "did you mean " + e.Near + "? " + text
	}
	return text
}

// Load reads the files that are there, in order, and reports all mistakes in all of them as *Error.
func Load(files []File) (*Config, error) {
	c := &Config{entries: map[string]entry{}, origins: map[string]Origin{}}
	var mistakes []Mistake
	for _, f := range files {
		more := c.read(&f)
		c.Files = append(c.Files, f)
		mistakes = append(mistakes, more...)
	}
	if len(mistakes) == 0 {
		mistakes = c.check()
	} else if wellFormed(mistakes) {
		mistakes = append(mistakes, elsewhere(c.check(), mistakes)...)
	}
	if len(mistakes) > 0 {
		return nil, &Error{inOrder(mistakes, files)}
	}
	return c, nil
}

// wellFormed reports whether every file could be read, so that what is said of them together has a meaning.
func wellFormed(mistakes []Mistake) bool {
	return !slices.ContainsFunc(mistakes, func(m Mistake) bool { return m.Path == "" })
}

// elsewhere leaves out what is said of places that could not be read: it is about what stands there no longer.
func elsewhere(mistakes, unread []Mistake) []Mistake {
	return slices.DeleteFunc(mistakes, func(m Mistake) bool {
		return slices.ContainsFunc(unread, func(u Mistake) bool { return u.File == m.File && u.Position == m.Position })
	})
}

// inOrder sorts mistakes by place, and leaves one of each.
func inOrder(mistakes []Mistake, files []File) []Mistake {
	place := map[string]int{}
	for i, f := range files {
		place[f.Path] = i
	}
	slices.SortStableFunc(mistakes, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(place[a.File], place[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(mistakes)
}

// read adds a file to what is known.
func (c *Config) read(f *File) (mistakes []Mistake) {
	whole := func(format string, args ...any) []Mistake {
		return []Mistake{{f.Path, yamlfile.Mistake{Text: fmt.Sprintf(format, args...)}}}
	}
	raw, info, err := safefile.ReadInfo(f.Path, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !f.Named:
		return nil
	case err != nil:
		return whole("%s", err)
	}
	f.Found = true
	if problem := accessProblem(f, info); problem != "" {
		return whole("%s", problem)
	}
	var d document
	for _, m := range yamlfile.Decode(raw, &d) {
		mistakes = append(mistakes, Mistake{f.Path, m})
	}
	if d.Store != "" {
		c.Store, c.StoreOrigin = inDirectory(f.Path, d.Store), Origin{File: f.Path, Position: d.At["store"]}
	}
	if d.Agent != nil && d.Agent.At != nil {
		c.Agent = d.Agent
		c.Agent.file = f.Path
		if c.Agent.Socket != "" {
			c.Agent.Socket = inDirectory(f.Path, c.Agent.Socket)
		}
	}
	private := secret.Private(info.Mode()) && info.Mode().Perm()&0o044 == 0
	mistakes = append(mistakes, c.readDefaults(f.Path, d.Defaults, private, info.Mode())...)
	for _, name := range slices.Sorted(maps.Keys(d.Credentials)) {
		mistakes = append(mistakes, c.readEntry(f.Path, name, d.Credentials[name], private, info.Mode())...)
	}
	return mistakes
}

// inDirectory takes a relative path from the directory of a file.
func inDirectory(file, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}

// accessProblem says why what a file says cannot be trusted: who can write it decides which programs are run.
func accessProblem(f *File, info fs.FileInfo) string {
	if uid, ok := safefile.Owner(info); ok {
		me := os.Geteuid()
		if uid != 0 && uid != me && (me != 0 || !f.Named) {
			return fmt.Sprintf("belongs to user %d, who could change it: it must be yours or root's; chown %d %s", uid, me, f.Path)
		}
		if mode := info.Mode().Perm(); mode&0o022 != 0 {
			return fmt.Sprintf("has mode %04o: others could change it; chmod go-w %s", mode, f.Path)
		}
	}
	return ""
}

func (c *Config) readDefaults(file string, d *Credential, private bool, mode fs.FileMode) (mistakes []Mistake) {
	if d == nil {
		return nil
	}
	for _, k := range Keys {
		at, given := d.At[k.Name]
		if !given {
			continue
		}
		if !k.Default {
			mistakes = append(mistakes, Mistake{file, yamlfile.Mistake{
				Position: at, Path: "defaults." + k.Name, Text: "does not belong in defaults: give it to each credential",
			}})
			continue
		}
		mistakes = append(mistakes, literalMistake(file, "defaults.", d, k, private, mode)...)
		c.defaults.field(k).Set(d.field(k))
		c.origins[k.Name] = Origin{File: file, Position: at, Default: true}
	}
	return mistakes
}

// literalMistake reports a secret in a file that others can read.
func literalMistake(file, path string, c *Credential, k Key, private bool, mode fs.FileMode) []Mistake {
	reference, ok := c.field(k).Interface().(Reference)
	if !ok || !reference.IsLiteral() || private {
		return nil
	}
	return []Mistake{{file, yamlfile.Mistake{
		Position: c.At[k.Name], Path: path + k.Name,
		Text: fmt.Sprintf("is the secret itself, and others can read the file (mode %04o): chmod 600 %s, or use %s", mode.Perm(), file, secret.ConfiguredReferences),
	}}}
}

// nameForm is that of a credential's name.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// longestShown is how long a name may be that a message repeats, when nobody has it: what is longer may be a secret.
const longestShown = 32

// reserved are the words that follow awsauth get for something else.
var reserved = []string{TypeSession, TypeStatic}

func (c *Config) readEntry(file, name string, credential Credential, private bool, mode fs.FileMode) (mistakes []Mistake) {
	path := "credentials." + name
	say := func(at yamlfile.Position, path, format string, args ...any) {
		mistakes = append(mistakes, Mistake{file, yamlfile.Mistake{Position: at, Path: path, Text: fmt.Sprintf(format, args...)}})
	}
	start := credential.At[""]
	if credential.At == nil {
		return nil // not a mapping: reported
	}
	switch {
	case !nameForm.MatchString(name):
		say(start, "credentials", "has a name that cannot be used: 1 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first")
		return mistakes
	case slices.Contains(reserved, strings.ToLower(name)):
		say(start, path, "has a name that awsauth get uses for something else: take another")
	}
	if before, ok := c.entries[strings.ToLower(name)]; ok && before.file == file {
		say(start, path, "differs from %s by case alone: names are compared without it", before.name)
	}
	for _, k := range Keys {
		mistakes = append(mistakes, literalMistake(file, path+".", &credential, k, private, mode)...)
	}
	c.entries[strings.ToLower(name)] = entry{name, credential, file}
	return mistakes
}

// Names are those of all credentials.
func (c *Config) Names() []string {
	var names []string
	for _, e := range c.entries {
		names = append(names, e.name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
	})
	return names
}

// Override is the text of a flag or a variable in place of what a file says, by key.
type Override struct {
	Text   string
	Origin Origin
}

// Resolved is one credential with all that counts for it.
type Resolved struct {
	Name string // "" for one that flags alone make
	Credential
	Origins map[string]Origin // by key, of every key that has a value
	Source  *Resolved         // of assume-role
	start   Origin            // of the entry itself
}

// HomeRegion is the region that a credential is for, as far as its configuration says; "" where it does not.
func (r *Resolved) HomeRegion() string {
	for ; r != nil; r = r.Source {
		if r.Region != "" {
			return r.Region
		}
		if anchor, err := arn.Parse(r.TrustAnchorARN); err == nil {
			return anchor.Region
		}
	}
	return ""
}

// Resolve answers a credential by its name, without regard to case: what its file says, what defaults say in its place, and
// on top the variables and flags of overrides. *NameError, or *Error.
func (c *Config) Resolve(name string, overrides map[string]Override) (*Resolved, error) {
	r, err := c.resolve(name, overrides, nil)
	if err != nil {
		return nil, err
	}
	if err := r.overrideMistake(); err != nil {
		return nil, err
	}
	if mistakes := r.mistakes(); len(mistakes) > 0 {
		return nil, &Error{mistakes}
	}
	return r, nil
}

func (c *Config) resolve(name string, overrides map[string]Override, below []string) (*Resolved, error) {
	e, ok := c.entries[strings.ToLower(name)]
	if !ok {
		return nil, c.notConfigured(name)
	}
	r := &Resolved{Name: e.name, Credential: e.Credential, Origins: map[string]Origin{}, start: Origin{File: e.file, Position: e.At[""]}}
	for _, k := range Keys {
		if at, given := e.At[k.Name]; given {
			r.Origins[k.Name] = Origin{File: e.file, Position: at}
		}
	}
	c.fill(r)
	if err := r.override(overrides); err != nil {
		return nil, err
	}
	if r.Type != TypeAssumeRole || r.Credential.Source == "" {
		return r, nil
	}
	below = append(below, strings.ToLower(name))
	if slices.Contains(below, strings.ToLower(r.Credential.Source)) {
		return r, nil // a cycle, which check reports
	}
	source, err := c.resolve(r.Credential.Source, placeOnly(overrides), below)
	if err != nil {
		return r, nil //nolint:nilerr // check reports it at its place
	}
	r.Source = source
	c.fillDuration(r)
	return r, nil
}

func (c *Config) notConfigured(name string) *NameError {
	names := c.Names()
	e := &NameError{Known: names, Near: nearest.Name(name, slices.Concat(names, reserved))}
	if nameForm.MatchString(name) && len(name) <= longestShown {
		e.Name = name
	}
	return e
}

// fill takes from defaults what the entry does not give and its type has. The duration of a further role depends on its
// source.
func (c *Config) fill(r *Resolved) {
	for _, k := range Keys {
		origin, ok := c.origins[k.Name]
		if _, given := r.Origins[k.Name]; !ok || given || !k.has(r.Type) || k.Name == durationKey && r.Type == TypeAssumeRole {
			continue
		}
		r.field(k).Set(c.defaults.field(k))
		r.Origins[k.Name] = origin
	}
}

const durationKey = "duration"

// fillDuration takes the duration of a further role from defaults, unless it is longer than a role may that another role
// assumes: then defaults mean the other credentials.
func (c *Config) fillDuration(r *Resolved) {
	origin, ok := c.origins[durationKey]
	if _, given := r.Origins[durationKey]; !ok || given || r.chained() && c.defaults.Duration > maxChained {
		return
	}
	r.Duration, r.Origins[durationKey] = c.defaults.Duration, origin
}

// chained reports whether a role assumes this one.
func (r *Resolved) chained() bool { return r.Source != nil && r.Source.Type != TypeStatic }

// placeKeys say where something is asked, not what: they count for all of a chain.
var placeKeys = []string{"endpoint_url", "use_fips_endpoint", "use_dualstack_endpoint"}

func placeOnly(overrides map[string]Override) map[string]Override {
	only := map[string]Override{}
	for _, key := range placeKeys {
		if o, ok := overrides[key]; ok {
			only[key] = o
		}
	}
	return only
}

// override sets what flags and variables give. A flag that the type does not have is a mistake; a variable is ambient, and
// counts where it belongs.
func (r *Resolved) override(overrides map[string]Override) error {
	for _, k := range Keys {
		o, ok := overrides[k.Name]
		if !ok {
			continue
		}
		if !k.has(r.Type) {
			if o.Origin.Flag != "" {
				return &OverrideError{o.Origin, fmt.Errorf("is not for a credential of type %s", r.Type)}
			}
			continue
		}
		if err := r.setText(k, o.Text); err != nil {
			return &OverrideError{o.Origin, err}
		}
		r.Origins[k.Name] = o.Origin
	}
	return nil
}

// OverrideError is a flag or a variable that cannot be used.
type OverrideError struct {
	Origin Origin
	Err    error
}

func (e *OverrideError) Error() string {
	if errors.Is(e.Err, secret.ErrReference) {
		return e.Origin.String() + ": " + e.Err.Error()
	}
	return e.Origin.String() + " " + e.Err.Error()
}

func (e *OverrideError) Unwrap() error { return e.Err }

// FromFlags is a credential that flags and variables alone make. What is missing or wrong is found when it is used.
func FromFlags(credentialType string, overrides map[string]Override, set func(*Credential)) (*Resolved, error) {
	r := &Resolved{Credential: Credential{Type: credentialType}, Origins: map[string]Origin{}}
	if set != nil {
		set(&r.Credential)
	}
	return r, r.override(overrides)
}

// Overrides gathers the values of variables, by key.
func (e Environment) Overrides() map[string]Override {
	all := map[string]Override{}
	for _, k := range Keys {
		if !k.Variable {
			continue
		}
		if variable, value := e.Flag(k.FlagName()); value != "" {
			all[k.Name] = Override{value, Origin{Variable: variable}}
		}
	}
	return all
}

// isSet reports whether a key has a value.
func (c *Credential) isSet(k Key) bool { return !c.field(k).IsZero() }
