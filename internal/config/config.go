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

// Load reads the files that are there, in order, and reports all mistakes in all of them as *Error.
func Load(files []File) (*Config, error) {
	c := &Config{entries: map[string]entry{}, origins: map[string]Origin{}}
	var mistakes []Mistake
	for _, f := range files {
		more := c.read(&f)
		c.Files = append(c.Files, f)
		mistakes = append(mistakes, more...)
	}
	if c.Agent != nil && c.Agent.Actions != nil && c.Agent.Actions.EndpointURL == "" {
		c.Agent.Actions.EndpointURL = c.defaults.EndpointURL
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
		for i := range c.Agent.Update {
			if u := &c.Agent.Update[i]; u.File != "" {
				u.File = inDirectory(f.Path, u.File)
			}
		}
	}
	private := secret.Private(info.Mode()) && info.Mode().Perm()&0o044 == 0
	mistakes = append(mistakes, d.Agent.literalMistakes(f.Path, private, info.Mode())...)
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
		Position: c.At[k.Name], Path: path + k.Name, Text: readableText(file, mode),
	}}}
}

func readableText(file string, mode fs.FileMode) string {
	return fmt.Sprintf("is the secret itself, and others can read the file (mode %04o): chmod 600 %s, or use %s", mode.Perm(), file, secret.ConfiguredReferences)
}

// nameForm is that of a credential's name.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

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
