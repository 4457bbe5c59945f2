// Package yamlfile reads YAML into structs, strictly, and reports every mistake with its line and column, all in one go: an
// unknown key with the nearest known one, a repeated key, a value of another type.
//
//	var seed Seed
//	mistakes := yamlfile.Decode(data, &seed)
//
// Fields are named by their yaml tags. What a file holds is never quoted, but for keys that look like keys: a value may be a
// secret in the wrong place.
//
// It knows one document of mappings, lists and scalars. Anchors, aliases, merge keys and tags are refused: they make a file
// mean what it does not say.
package yamlfile

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/awsauth-go/awsauth/internal/nearest"
)

// Position is a place in a file. Both count from 1; the column counts bytes.
type Position struct{ Line, Column int }

// IsZero reports a position that is not known.
func (p Position) IsZero() bool { return p.Line == 0 }

// Mistake is what is wrong at one place.
type Mistake struct {
	Position
	Path string // of keys, such as "credentials.backup.duration"; empty for the document
	Text string // what is wrong, and what would be right
}

func (m Mistake) String() string {
	text := m.Text
	if m.Path != "" {
		text = m.Path + " " + text
	}
	return fmt.Sprintf("%d:%d: %s", m.Line, m.Column, text)
}

// Positions tell where the keys of a mapping are. A struct that has a field of this type gets them; "" is the mapping itself.
type Positions map[string]Position

// Decoded is a value that reads itself.
type Decoded interface {
	DecodeYAML(n Node)
}

// Node is a value in a file, as a Decoded gets it.
type Node struct {
	node *yaml.Node
	path string
	all  *[]Mistake
}

// Position is where the value begins.
func (n Node) Position() Position { return Position{n.node.Line, n.node.Column} }

// Mistake reports one about the value.
func (n Node) Mistake(format string, args ...any) {
	*n.all = append(*n.all, Mistake{n.Position(), n.path, fmt.Sprintf(format, args...)})
}

// Text answers a scalar as it is written, without quotes.
func (n Node) Text() (text string, ok bool) {
	if n.node.Kind != yaml.ScalarNode || n.node.Tag == "!!null" {
		return "", false
	}
	return n.node.Value, true
}

// Key answers the value of a mapping's key.
func (n Node) Key(key string) (Node, bool) {
	if n.node.Kind != yaml.MappingNode {
		return Node{}, false
	}
	for i := 0; i+1 < len(n.node.Content); i += 2 {
		if n.node.Content[i].Value == key {
			return n.child(n.node.Content[i+1], key), true
		}
	}
	return Node{}, false
}

// IsMapping reports a mapping.
func (n Node) IsMapping() bool { return n.node.Kind == yaml.MappingNode }

// Decode reads the value into what a pointer points at.
func (n Node) Decode(into any) { n.decode(reflect.ValueOf(into).Elem()) }

func (n Node) child(node *yaml.Node, key string) Node {
	path := key
	if n.path != "" {
		path = n.path + "." + key
	}
	return Node{node, path, n.all}
}

// Decode reads a document into what a pointer to a struct points at, and answers every mistake, in order. An empty document
// is an empty mapping.
func Decode(data []byte, into any) []Mistake {
	var mistakes []Mistake
	root, err := parse(data)
	if err != nil {
		return []Mistake{syntaxMistake(data, err)}
	}
	if root == nil {
		return nil
	}
	n := Node{node: root, all: &mistakes}
	if refuse(n, root) {
		n.Decode(into)
	}
	slices.SortStableFunc(mistakes, func(a, b Mistake) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return mistakes
}

var errDocuments = errors.New("more than one document: a file holds one, without a line ---")

// parse answers the document's value; nil for an empty document.
func parse(data []byte) (root *yaml.Node, err error) {
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if err.Error() == "EOF" {
			return nil, nil
		}
		return nil, err
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, errDocuments
	} else if err.Error() != "EOF" {
		return nil, err
	}
	root = document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" && root.Value == "" {
		return nil, nil
	}
	return root, nil
}

var (
	syntaxLine = regexp.MustCompile(`line (\d+): (.*)`)
	// quoting marks texts of the parser that repeat what the file holds, when punctuation that it misses is left out.
	quoting     = regexp.MustCompile("['\"`]")
	punctuation = regexp.MustCompile(`'[^\w\s]'|'<[a-z ]+>'`)
)

// syntaxMistake says where the parser has given up, and why when that does not repeat the file.
func syntaxMistake(data []byte, err error) Mistake {
	m := Mistake{Position: Position{1, 1}, Text: "not YAML"}
	if errors.Is(err, errDocuments) {
		m.Text = err.Error()
		return m
	}
	why := strings.TrimPrefix(err.Error(), "yaml: ")
	if at := syntaxLine.FindStringSubmatch(why); at != nil {
		m.Line, _ = strconv.Atoi(at[1]) // digits, as the expression demands
		why = at[2]
	}
	lines := strings.Split(string(data), "\n")
	m.Line = max(min(m.Line, len(lines)), 1)
	line := lines[m.Line-1]
	m.Column = len(line) - len(strings.TrimLeft(line, " \t")) + 1
	switch {
	case strings.HasPrefix(strings.TrimLeft(line, " "), "\t"):
		m.Text += ": a tab indents the line, and only spaces may"
	case !quoting.MatchString(punctuation.ReplaceAllString(why, "")):
		m.Text += ": " + why
	}
	return m
}

// refuse reports anchors, aliases, merge keys and tags, and answers whether there are none.
func refuse(n Node, node *yaml.Node) bool {
	good := true
	report := func(text string) {
		Node{node, "", n.all}.Mistake("%s", text)
		good = false
	}
	switch {
	case node.Kind == yaml.AliasNode || node.Anchor != "":
		report("anchors and aliases (& and *) are not used here: write the value out; a value of many can stand in defaults")
	case node.Tag == "!!merge":
		report("merge keys (<<) are not used here: write the values out; those of many can stand in defaults")
	case node.Style&yaml.TaggedStyle != 0:
		report("tags (!) are not used here: leave it out")
	}
	for _, child := range node.Content {
		good = refuse(n, child) && good
	}
	return good
}

var (
	durationType  = reflect.TypeFor[time.Duration]()
	positionsType = reflect.TypeFor[Positions]()
	decodedType   = reflect.TypeFor[Decoded]()
	documentType  = reflect.TypeFor[interface{ UnmarshalYAML(func(any) error) error }]()
)

func (n Node) decode(v reflect.Value) {
	if v.CanAddr() {
		if v.Addr().Type().Implements(decodedType) {
			v.Addr().Interface().(Decoded).DecodeYAML(n)
			return
		}
		if v.Addr().Type().Implements(documentType) {
			n.decodeDocument(v.Addr().Interface().(interface{ UnmarshalYAML(func(any) error) error }))
			return
		}
	}
	if n.node.Kind == yaml.ScalarNode && n.node.Tag == "!!null" {
		n.Mistake("has no value: give one, or leave the key out")
		return
	}
	switch {
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		n.decode(v.Elem())
	case v.Kind() == reflect.Struct:
		n.decodeStruct(v)
	case v.Kind() == reflect.Map:
		n.decodeMap(v)
	case v.Kind() == reflect.Slice:
		n.decodeSlice(v)
	default:
		n.decodeScalar(v)
	}
}

// decodeDocument lets a type read itself that is known to any reader of YAML.
func (n Node) decodeDocument(v interface{ UnmarshalYAML(func(any) error) error }) {
	if err := v.UnmarshalYAML(n.node.Decode); err != nil {
		n.Mistake("is neither text nor a mapping that can be written as JSON")
	}
}

func (n Node) decodeScalar(v reflect.Value) {
	text, ok := n.Text()
	if !ok {
		n.Mistake("is a %s, and %s belongs here", n.kind(), want(v.Type()))
		return
	}
	if problem := SetText(v, text); problem != "" {
		n.Mistake("%s", problem)
	}
}

// SetText sets a scalar from its text, and answers what is wrong with it, or "".
func SetText(v reflect.Value, text string) (problem string) {
	switch {
	case v.Type() == durationType:
		d, err := time.ParseDuration(text)
		if err != nil {
			return "is not a duration: write it as 15m, 1h or 1h30m"
		}
		v.SetInt(int64(d))
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return "is neither true nor false"
		}
		v.SetBool(text == "true")
	case v.Kind() == reflect.String:
		v.SetString(text)
	default:
		panic("yamlfile: no scalar: " + v.Type().String())
	}
	return ""
}

func (n Node) kind() string {
	switch n.node.Kind {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "list"
	}
	return "text"
}

// want says what belongs in a type's place.
func want(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration, as 15m or 1h,"
	case t.Kind() == reflect.Bool:
		return "true or false"
	}
	return "text"
}

func (n Node) decodeMap(v reflect.Value) {
	if n.node.Kind != yaml.MappingNode {
		n.Mistake("is %s, and a mapping belongs here: a line KEY: VALUE for each", article(n.kind()))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	n.eachKey(func(key string, child Node) {
		element := reflect.New(v.Type().Elem()).Elem()
		child.decode(element)
		v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), element)
	})
}

func article(kind string) string {
	if kind == "text" {
		return kind
	}
	return "a " + kind
}

func (n Node) decodeSlice(v reflect.Value) {
	if n.node.Kind != yaml.SequenceNode {
		n.Mistake("is %s, and a list belongs here, as [ONE, ANOTHER]", article(n.kind()))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.node.Content), len(n.node.Content)))
	for i, child := range n.node.Content {
		Node{child, fmt.Sprintf("%s[%d]", n.path, i), n.all}.decode(v.Index(i))
	}
}

// eachKey visits the keys of a mapping, but for those that are repeated or no text.
func (n Node) eachKey(visit func(key string, child Node)) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.node.Content); i += 2 {
		k, value := n.node.Content[i], n.node.Content[i+1]
		at := Node{k, n.path, n.all}
		if k.Kind != yaml.ScalarNode {
			at.Mistake("has a key that is not text")
			continue
		}
		if line, again := seen[k.Value]; again {
			at.Mistake("has %s twice: it stands in line %d already", shown(k.Value), line)
			continue
		}
		seen[k.Value] = k.Line
		visit(k.Value, n.child(value, shownInPath(k.Value)))
	}
}

// keyForm is that of keys and names: what looks otherwise may be a secret in the wrong place.
var keyForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,39}$`)

func shown(key string) string {
	if !keyForm.MatchString(key) {
		return "a key"
	}
	return "the key " + key
}

func shownInPath(key string) string {
	if !keyForm.MatchString(key) {
		return "?"
	}
	return key
}

func (n Node) decodeStruct(v reflect.Value) {
	if n.node.Kind != yaml.MappingNode {
		n.Mistake("is %s, and a mapping belongs here: a line KEY: VALUE for each", article(n.kind()))
		return
	}
	form := formOf(v.Type())
	if form.positions != nil {
		v.FieldByIndex(form.positions).Set(reflect.ValueOf(n.positions()))
	}
	n.eachKey(func(key string, child Node) {
		field, ok := form.fields[key]
		if !ok {
			Node{keyNode(n.node, key), n.path, n.all}.Mistake("%s", unknownKey(key, form.keys))
			return
		}
		child.decode(v.FieldByIndex(field))
	})
}

// positions are those of the values of a mapping, by key; of a repeated key, the first.
func (n Node) positions() Positions {
	all := make(Positions, len(n.node.Content)/2+1)
	all[""] = n.Position()
	for i := 0; i+1 < len(n.node.Content); i += 2 {
		key, value := n.node.Content[i], n.node.Content[i+1]
		if _, again := all[key.Value]; !again && key.Kind == yaml.ScalarNode {
			all[key.Value] = Position{value.Line, value.Column}
		}
	}
	return all
}

func keyNode(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i]
		}
	}
	return mapping
}

// unknownKey names the nearest known key, or all of them.
func unknownKey(key string, known []string) string {
	text := "has an unknown key"
	if keyForm.MatchString(key) {
		text += " " + key
	}
	if near := nearest.Name(strings.ReplaceAll(key, "-", "_"), known); near != "" {
		return text + ": did you mean " + near + "?"
	}
	return text + ": known are " + strings.Join(known, ", ")
}

// form is what is known of a type of struct.
type form struct {
	keys      []string         // in the order of the fields, those of embedded structs too
	fields    map[string][]int // index of the field, by key
	positions []int            // index of the field for positions; nil for none
}

var forms sync.Map // form by reflect.Type

func formOf(t reflect.Type) *form {
	if known, ok := forms.Load(t); ok {
		return known.(*form)
	}
	f := &form{fields: map[string][]int{}}
	for _, field := range reflect.VisibleFields(t) {
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case field.Type == positionsType:
			f.positions = field.Index
		case key != "" && key != "-":
			f.keys = append(f.keys, key)
			f.fields[key] = field.Index
		}
	}
	forms.Store(t, f)
	return f
}

// Any answers the value as maps, slices and scalars, with text for the keys of maps.
func (n Node) Any() any {
	switch n.node.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		n.eachKey(func(key string, child Node) { m[key] = child.Any() })
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.node.Content))
		for i, child := range n.node.Content {
			list[i] = Node{child, n.path, n.all}.Any()
		}
		return list
	}
	var v any
	if err := n.node.Decode(&v); err != nil {
		n.Mistake("is not a value")
	}
	return v
}
