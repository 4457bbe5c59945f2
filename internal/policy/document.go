package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

const (
	maxSize  = 131072 // bytes: the longest policyDocumentType of IAM's API
	maxDepth = 8      // a value in a list in a condition sits at depth 6
)

type kind int

const (
	nullNode kind = iota
	stringNode
	numberNode
	boolNode
	listNode
	objectNode
)

// node is a JSON value. Unlike a map, it keeps the order of members, which error messages follow.
type node struct {
	kind    kind
	text    string // of a string, number or boolean
	items   []node
	members []member
}

type member struct {
	name  string
	value node
}

// decode reads one JSON value, and refuses duplicate names and anything after the value.
func decode(document []byte) (node, error) {
	if len(document) > maxSize {
		return node{}, &SyntaxError{Problem: fmt.Sprintf("document is larger than %d bytes", maxSize)}
	}
	if !utf8.Valid(document) {
		return node{}, &SyntaxError{Problem: "document is not UTF-8"}
	}
	var value json.RawMessage
	d := json.NewDecoder(bytes.NewReader(document))
	if err := d.Decode(&value); err != nil {
		return node{}, &SyntaxError{Problem: jsonProblem(document, err)}
	}
	end := d.InputOffset()
	if len(bytes.TrimSpace(document[end:])) > 0 {
		return node{}, &SyntaxError{Problem: "document goes on after the policy"}
	}
	d = json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	return read(d, "", maxDepth)
}

// jsonProblem says where JSON is broken, without what stands there.
func jsonProblem(document []byte, err error) string {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return "document is empty"
	case !errors.As(err, &syntax):
		return "document ends in the middle of a JSON value"
	}
	before := document[:max(syntax.Offset-1, 0)]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("document is not JSON at line %d, column %d", line, column)
}

// read reads the next value from d, which holds well-formed JSON.
func read(d *json.Decoder, path string, depth int) (node, error) {
	if depth == 0 {
		return node{}, &SyntaxError{Path: path, Problem: "nested too deeply for a policy"}
	}
	token, err := d.Token()
	if err != nil {
		return node{}, &SyntaxError{Path: path, Problem: "document is not JSON"}
	}
	switch t := token.(type) {
	case string:
		return node{kind: stringNode, text: t}, nil
	case json.Number:
		return node{kind: numberNode, text: t.String()}, nil
	case bool:
		return node{kind: boolNode, text: strconv.FormatBool(t)}, nil
	case json.Delim:
		if t == '[' {
			return readList(d, path, depth)
		}
		return readObject(d, path, depth)
	default:
		return node{kind: nullNode}, nil
	}
}

func readList(d *json.Decoder, path string, depth int) (node, error) {
	list := node{kind: listNode}
	for d.More() {
		item, err := read(d, fmt.Sprintf("%s[%d]", path, len(list.items)), depth-1)
		if err != nil {
			return node{}, err
		}
		list.items = append(list.items, item)
	}
	_, err := d.Token() // the bracket
	return list, err
}

func readObject(d *json.Decoder, path string, depth int) (node, error) {
	object := node{kind: objectNode}
	seen := make(map[string]bool)
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return node{}, err
		}
		name, _ := token.(string) // a decoder gives no other token here
		at := child(path, name)
		if seen[name] {
			return node{}, &SyntaxError{Path: at, Problem: "given twice"}
		}
		seen[name] = true
		value, err := read(d, at, depth-1)
		if err != nil {
			return node{}, err
		}
		object.members = append(object.members, member{name, value})
	}
	_, err := d.Token() // the brace
	return object, err
}

// element is a value and its path.
type element struct {
	node
	path string
}

// strings returns the string that e is, or the strings of the list that e is; at least one.
func (e element) strings() ([]element, error) {
	list, err := e.list()
	if err != nil {
		return nil, err
	}
	for _, item := range list {
		if item.kind != stringNode {
			return nil, item.problem("must be a string or a list of strings")
		}
		if item.text == "" {
			return nil, item.problem("must not be empty")
		}
	}
	return list, nil
}

// list returns the items of the list that e is, at least one, or e itself when it is no list.
func (e element) list() ([]element, error) {
	if e.kind != listNode {
		return []element{e}, nil
	}
	if len(e.items) == 0 {
		return nil, e.problem("list must not be empty")
	}
	list := make([]element, len(e.items))
	for i, item := range e.items {
		list[i] = element{item, fmt.Sprintf("%s[%d]", e.path, i)}
	}
	return list, nil
}

// object returns the members of the object that e is.
func (e element) object(what string) ([]memberElement, error) {
	if e.kind != objectNode {
		return nil, e.problem(what + " must be an object")
	}
	list := make([]memberElement, len(e.members))
	for i, m := range e.members {
		list[i] = memberElement{m.name, element{m.value, child(e.path, m.name)}}
	}
	return list, nil
}

type memberElement struct {
	name string
	element
}

func (e element) problem(text string) error { return &SyntaxError{Path: e.path, Problem: text} }
