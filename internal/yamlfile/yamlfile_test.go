package yamlfile_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/yamlfile"
)

// place is a struct with a field of every kind.
type place struct {
	At       yamlfile.Positions `yaml:"-"`
	Name     string             `yaml:"name"`
	Life     time.Duration      `yaml:"life"`
	On       bool               `yaml:"on"`
	Tags     map[string]string  `yaml:"tags"`
	List     []string           `yaml:"list"`
	Below    *place             `yaml:"below"`
	Places   map[string]place   `yaml:"places"`
	Document document           `yaml:"document"`
	embedded
}

type embedded struct {
	Inner string `yaml:"inner"`
}

// document reads itself, as types of other packages do.
type document string

func (d *document) UnmarshalYAML(unmarshal func(any) error) error {
	var v any
	err := unmarshal(&v)
	*d = document(fmt.Sprint(v))
	return err
}

func TestAFileIsReadIntoAStruct(t *testing.T) {
	var got place
	mistakes := yamlfile.Decode([]byte(`name: 0123
life: 1h30m
on: true
tags: {a: x, b: "2"}
list: [one, 2]
below: {name: inner}
places:
  first: {name: "yes"}
document: {k: [v]}
`), &got)
	want := place{
		At: yamlfile.Positions{
			"": {1, 1}, "name": {1, 7}, "life": {2, 7}, "on": {3, 5}, "tags": {4, 7}, "list": {5, 7}, "below": {6, 8},
			"places": {8, 3}, "document": {9, 11},
		},
		Name: "0123", Life: 90 * time.Minute, On: true, Tags: map[string]string{"a": "x", "b": "2"}, List: []string{"one", "2"},
		Below:    &place{At: yamlfile.Positions{"": {6, 8}, "name": {6, 15}}, Name: "inner"},
		Places:   map[string]place{"first": {At: yamlfile.Positions{"": {8, 10}, "name": {8, 17}}, Name: "yes"}},
		Document: "map[k:[v]]",
	}
	if len(mistakes) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, mistakes, want)
	}
}

func TestAnEmptyFileIsAnEmptyMapping(t *testing.T) {
	for _, text := range []string{"", "\n", "# a comment\n", "---\n", "{}\n", "\ufeff"} {
		var got place
		if mistakes := yamlfile.Decode([]byte(text), &got); len(mistakes) > 0 {
			t.Errorf("%q: got %v", text, mistakes)
		}
	}
}

func TestMistakesAreToldInOrderAndAllOfThem(t *testing.T) {
	for text, want := range map[string]string{
		"life: soon\non: yes\nname: [x]\nlist: x\n": "1:7: life is not a duration: write it as 15m, 1h or 1h30m\n" +
			"2:5: on is neither true nor false\n3:7: name is a list, and text belongs here\n4:7: list is text, and a list belongs here, as [ONE, ANOTHER]",
		"list: [x, {a: b}]\n":         "1:11: list[1] is a mapping, and text belongs here",
		"below: {nmae: x}\n":          "1:9: below has an unknown key nmae: did you mean name?",
		"? [a, b]\n: x\n":             "1:3: has a key that is not text",
		"name: x\nname: y\n":          "2:1: has the key name twice: it stands in line 1 already",
		"wJalr/XUtnFEMI: x\n":         "1:1: has an unknown key: known are name, life, on, tags, list, below, places, document, inner",
		"tags: {<<: {a: b}}\n":        "1:8: merge keys (<<) are not used here: write the values out; those of many can stand in defaults",
		"name: x\n...\n---\nname: y":  "1:1: more than one document: a file holds one, without a line ---",
		"name: 'unfinished\n":         "2:1: not YAML: found unexpected end of stream",
		"name: \x01\n":                "1:1: not YAML: control characters are not allowed",
		"name: *secret\n":             "1:1: not YAML",
		"on: null\n":                  "1:5: on has no value: give one, or leave the key out",
		"name: |\n  two\n  lines\n-x": "4:1: not YAML: could not find expected ':'",
	} {
		var got []string
		for _, m := range yamlfile.Decode([]byte(text), new(place)) {
			got = append(got, m.String())
		}
		if joined := strings.Join(got, "\n"); joined != want {
			t.Errorf("%q: got\n%s\nwant\n%s", text, joined, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "name: x\n", "life: 1h\ntags: {a: b}\nlist: [x]\n", "places:\n  a: {below: {name: x}}\n", "a: &x b\nc: *x\n", "<<: {}\n",
		"? {}\n: x\n", "- x\n", "name: !!binary x\n", "---\n---\n", "\t", "name: |\n x\n", "document: {1: 2, a: [b]}\n", "{[", "%YAML 1.2\n---\nname: x\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u0085") + strings.Count(text, "\u2028") + strings.Count(text, "\u2029") + 1
		for _, m := range yamlfile.Decode([]byte(text), new(place)) {
			if m.Text == "" || m.Line < 1 || m.Column < 1 || m.Line > lines {
				t.Errorf("got %+v of %d lines", m, lines)
			}
		}
	})
}
