package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/cli"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// source is the Go files of a package, without tests.
type source struct {
	files     []*ast.File
	constants map[string]ast.Expr // by name
	imported  map[string]map[string]ast.Expr
}

func parsePackage(t *testing.T, directory string) *source {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("../..", directory, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	s := &source{constants: map[string]ast.Expr{}}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		s.files = append(s.files, file)
	}
	if len(s.files) == 0 {
		t.Fatalf("%s has no Go files", directory)
	}
	s.inspect(func(n ast.Node) {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == len(spec.Values) {
			for i, name := range spec.Names {
				s.constants[name.Name] = spec.Values[i]
			}
		}
	})
	return s
}

func (s *source) inspect(visit func(ast.Node)) {
	for _, file := range s.files {
		ast.Inspect(file, func(n ast.Node) bool {
			visit(n)
			return true
		})
	}
}

// texts answers the constant parts of an expression that makes a string: of a literal, a concatenation, a constant, or
// the format of a Sprintf. What is filled in at run time is left out.
func (s *source) texts(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err != nil {
			return nil
		}
		return verbs.Split(text, -1)
	case *ast.BinaryExpr:
		return append(s.texts(e.X), s.texts(e.Y)...)
	case *ast.ParenExpr:
		return s.texts(e.X)
	case *ast.Ident:
		if value, ok := s.constants[e.Name]; ok {
			if _, again := value.(*ast.Ident); !again {
				return s.texts(value)
			}
		}
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok && s.imported[x.Name] != nil {
			return s.texts(s.imported[x.Name][e.Sel.Name])
		}
	case *ast.CallExpr:
		if f, ok := e.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Sprintf" {
			return s.texts(e.Args[0])
		}
	}
	return nil
}

var verbs = regexp.MustCompile(`%[-+# 0-9.*]*[a-zA-Z]`)

// hintFields are the struct fields, and hintCalls the functions, by which hints are made: the function's name, and which
// argument the hint is.
var (
	hintFields = regexp.MustCompile(`^(hint|Hint|Advice)$`)
	hintMakers = regexp.MustCompile(`(^Hint|Hint|Advice)$`)
	hintCalls  = map[string]int{"add": 2}
)

// hints answers every text of a package that says what to do about an error.
func (s *source) hints() []string {
	all := map[string]bool{}
	add := func(e ast.Expr) {
		for _, text := range s.texts(e) {
			if text = strings.TrimSpace(text); text != "" {
				all[text] = true
			}
		}
	}
	s.inspect(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && hintFields.MatchString(key.Name) {
				add(n.Value)
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if field, ok := left.(*ast.SelectorExpr); ok && hintFields.MatchString(field.Sel.Name) && len(n.Rhs) == len(n.Lhs) {
					add(n.Rhs[i])
				}
			}
		case *ast.CompositeLit:
			// usageError{error, hint} and configurationError{error, hint}
			name, ok := n.Type.(*ast.Ident)
			if ok && strings.HasSuffix(name.Name, "Error") && len(n.Elts) == 2 {
				add(n.Elts[1])
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) > 1 {
				if i, ok := hintCalls[f.Sel.Name]; ok && len(n.Args) == i+1 {
					add(n.Args[i])
				}
			}
		case *ast.FuncDecl:
			if hintMakers.MatchString(n.Name.Name) {
				ast.Inspect(n, func(n ast.Node) bool {
					if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 1 {
						add(r.Results[0])
					}
					return true
				})
			}
		}
	})
	for _, text := range s.sentinelHints() {
		all[text] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// sentinelHints answers the second elements of the rows of internal/cli's table of hints.
func (s *source) sentinelHints() (all []string) {
	table, ok := s.constants["hints"].(*ast.CompositeLit)
	if !ok {
		return nil
	}
	for _, row := range table.Elts {
		if row, ok := row.(*ast.CompositeLit); ok && len(row.Elts) == 2 {
			all = append(all, s.texts(row.Elts[1])...)
		}
	}
	return all
}

// shortest is the length from which a text is looked up: what is shorter only joins parts.
const shortest = 6

func TestErrorIndexHasEveryHint(t *testing.T) {
	index := plain(read(t, "docs/errors.md"))
	references := parsePackage(t, "internal/secret").constants
	for directory, least := range map[string]int{"internal/cli": 30, "rolesanywhere": 25, "identity/certstore": 8, "internal/stsclient": 6} {
		s := parsePackage(t, directory)
		s.imported = map[string]map[string]ast.Expr{"secret": references}
		hints := s.hints()
		if len(hints) < least {
			t.Errorf("%s: got %d hints, want at least %d: are they still made as this test expects?", directory, len(hints), least)
		}
		for _, hint := range hints {
			if len(hint) >= shortest && !strings.Contains(index, plain(hint)) {
				t.Errorf("%s: docs/errors.md lacks the hint %q", directory, hint)
			}
		}
	}
}

func TestErrorIndexHasEverySentinelUnderItsOwnText(t *testing.T) {
	headings := anchors(read(t, "docs/errors.md"))
	for _, directory := range []string{"identity", "identity/certstore", "internal/secret", "internal/config"} {
		s := parsePackage(t, directory)
		found := 0
		for name, value := range s.constants {
			call, ok := value.(*ast.CallExpr)
			if !ok || !strings.HasPrefix(name, "Err") {
				continue
			}
			found++
			text := strings.Join(s.texts(call.Args[0]), "")
			if !headings[slug(text)] {
				t.Errorf("%s.%s: docs/errors.md has no heading %q", directory, name, text)
			}
		}
		if found == 0 {
			t.Errorf("%s: got no sentinels", directory)
		}
	}
}

// Their texts are in a table of the index, where they stand beside others of their kind.
func TestErrorIndexNamesTheOtherSentinels(t *testing.T) {
	index := plain(read(t, "docs/errors.md"))
	for _, err := range []error{rolesanywhere.ErrRegion, emulator.ErrFault, emulator.ErrNotLoopback} {
		if !strings.Contains(index, plain(err.Error())) {
			t.Errorf("docs/errors.md lacks %q", err)
		}
	}
}

func TestErrorIndexHasEveryMessageOfAWSUnderItsOwnText(t *testing.T) {
	document := read(t, "docs/errors.md")
	headings, index := anchors(document), plain(document)
	s := parsePackage(t, "rolesanywhere")
	meanings, ok := s.constants["meanings"].(*ast.CompositeLit)
	if !ok || len(meanings.Elts) < 10 {
		t.Fatal("rolesanywhere has no table of meanings any more")
	}
	for _, row := range meanings.Elts {
		text := strings.Join(s.texts(row.(*ast.CompositeLit).Elts[0]), "")
		if !headings[slug(text)] {
			t.Errorf("docs/errors.md has no heading %q", text)
		}
		ast.Inspect(row, func(n ast.Node) bool {
			if fact, ok := n.(*ast.KeyValueExpr); ok && fact.Key.(*ast.Ident).Name == "Fact" {
				for _, part := range s.texts(fact.Value) {
					if part = strings.TrimSpace(part); len(part) >= shortest && !strings.Contains(index, plain(part)) {
						t.Errorf("%s: docs/errors.md lacks the fact %q", text, part)
					}
				}
			}
			return true
		})
	}
}

func TestErrorIndexHasEveryExitCode(t *testing.T) {
	index := read(t, "docs/errors.md")
	for _, c := range cli.ExitCodes {
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %d \| \[?%s\b`, c.Code, regexp.QuoteMeta(c.Name)))
		if !row.MatchString(index) {
			t.Errorf("docs/errors.md has no row for exit code %d %s", c.Code, c.Name)
		}
	}
}
