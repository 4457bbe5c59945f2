// Package layering holds the module to the flow of docs/design.md: the table there says which package may import which
// of ours, and this package compares it with the source.
//
//	table, err := layering.ParseTable(markdown)
//	packages, err := layering.Load(os.DirFS("../.."))
//	problems := layering.Check(table, packages)
//
// It reads source files of every platform, and no tests: a test may reach for anything.
package layering

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Module is the path of the module that is looked at.
const Module = "github.com/awsauth-go/awsauth"

// Root is how the table names the module's root package.
const Root = "awsauth"

// Row is one package in the table: its path below the module, and those of the packages of ours that it imports.
type Row struct {
	Path    string
	Imports []string
}

// Package is one package as its source is.
type Package struct {
	Path    string // below the module; Root for the root package
	Name    string // of the package clause
	Imports []Import
	Calls   []Call
}

// Import is one import of a package.
type Import struct {
	File string // that has it
	Path string // in full
}

// Call is one use of a function that not every package may call.
type Call struct {
	File     string // that has it
	Function string // such as os.Getenv
}

// watched are the functions of the standard library whose use is looked at, by import path.
var watched = map[string][]string{
	"os":      {"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Exit"},
	"syscall": {"Getenv", "Environ", "Exit"},
	"log":     {"Fatal", "Fatalf", "Fatalln"},
}

// environmentReaders are the package that reads the environment, and the helpers of tests that run programs.
var environmentReaders = []string{"internal/config", "internal/foreign", "internal/ownnet"}

// ends reports whether a function ends the process: only a main package may.
func ends(function string) bool {
	return strings.HasSuffix(function, ".Exit") || strings.HasPrefix(function, "log.Fatal")
}

// Check answers what runs against the table, one line a problem, and nothing when all is well.
func Check(table []Row, packages []Package) []string {
	problems := checkTable(table)
	rows := make(map[string]Row, len(table))
	for _, row := range table {
		rows[row.Path] = row
	}
	found := make(map[string]bool, len(packages))
	for _, p := range packages {
		found[p.Path] = true
		if row, ok := rows[p.Path]; ok {
			problems = append(problems, checkImports(row, p)...)
		} else {
			problems = append(problems, p.Path+": the table does not say where it stands")
		}
		problems = append(problems, checkCalls(p)...)
	}
	for _, row := range table {
		if !found[row.Path] {
			problems = append(problems, row.Path+": is in the table, and is no package")
		}
	}
	return problems
}

// checkTable demands that the table runs one way: a package imports only what stands above it.
func checkTable(table []Row) (problems []string) {
	var above []string
	for _, row := range table {
		if slices.Contains(above, row.Path) {
			problems = append(problems, row.Path+": stands in the table twice")
		}
		for _, imported := range row.Imports {
			if !slices.Contains(above, imported) {
				problems = append(problems, row.Path+": may import "+imported+", which does not stand above it in the table")
			}
		}
		above = append(above, row.Path)
	}
	return problems
}

func checkImports(row Row, p Package) (problems []string) {
	var used []string
	for _, i := range p.Imports {
		if i.Path == "C" {
			problems = append(problems, i.File+": uses cgo")
		}
		ours, ok := below(i.Path)
		if !ok {
			continue
		}
		if !slices.Contains(used, ours) && !slices.Contains(row.Imports, ours) {
			problems = append(problems, fmt.Sprintf("%s: %s imports %s, which the table does not allow", i.File, p.Path, ours))
		}
		used = append(used, ours)
	}
	for _, allowed := range row.Imports {
		if !slices.Contains(used, allowed) {
			problems = append(problems, p.Path+": the table says that it imports "+allowed+", and it does not")
		}
	}
	return problems
}

// below answers the path below the module of an import of ours.
func below(importPath string) (ours string, ok bool) {
	if importPath == Module {
		return Root, true
	}
	return strings.CutPrefix(importPath, Module+"/")
}

func checkCalls(p Package) (problems []string) {
	for _, c := range p.Calls {
		switch {
		case ends(c.Function):
			if p.Name != "main" {
				problems = append(problems, c.File+": calls "+c.Function+": only a main package ends the process")
			}
		case !slices.Contains(environmentReaders, p.Path):
			problems = append(problems, c.File+": calls "+c.Function+": only "+environmentReaders[0]+" reads the environment")
		}
	}
	return problems
}

// Forbidden answers those of a package's dependencies, all of them, that match a pattern: an import path, or one with
// everything below it when the pattern ends with "/...".
func Forbidden(dependencies, patterns []string) (matches []string) {
	for _, d := range dependencies {
		if slices.ContainsFunc(patterns, func(pattern string) bool {
			if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
				return d == prefix || strings.HasPrefix(d, prefix+"/")
			}
			return d == pattern
		}) {
			matches = append(matches, d)
		}
	}
	return matches
}

// ParseTable reads the first table of a Markdown document whose last column is headed "imports of ours". The first column
// holds a package's path as code, the last one those of its imports, or "none".
func ParseTable(markdown string) ([]Row, error) {
	_, rest, found := strings.Cut(markdown, "| imports of ours |\n")
	if !found {
		return nil, fmt.Errorf("read table of packages: no table has a last column %q", "imports of ours")
	}
	var table []Row
	for i, line := range strings.Split(rest, "\n") {
		if i == 0 {
			continue // the line under the heading
		}
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		names := code(cells[0])
		if len(names) != 1 || len(cells) < 3 {
			return nil, fmt.Errorf("read table of packages: not a row of a package, a text and imports: %q", line)
		}
		imports := code(cells[len(cells)-1])
		if len(imports) == 0 && strings.TrimSpace(cells[len(cells)-1]) != "none" {
			return nil, fmt.Errorf("read table of packages: %s: imports are neither named nor %q", names[0], "none")
		}
		table = append(table, Row{Path: path.Clean(names[0]), Imports: imports})
	}
	if len(table) == 0 {
		return nil, fmt.Errorf("read table of packages: it is empty")
	}
	return table, nil
}

// code answers what stands between backticks.
func code(s string) (spans []string) {
	for i, part := range strings.Split(s, "`") {
		if i%2 == 1 {
			spans = append(spans, part)
		}
	}
	return spans
}
