package layering

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Load reads every package of the module in a file system: its Go files for all platforms, without tests. Directories
// that the go command leaves out, testdata and modules of their own are left out here too.
func Load(module fs.FS) ([]Package, error) {
	packages := map[string]*Package{}
	err := fs.WalkDir(module, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && (ignored(d.Name()) || isModule(module, name)) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		return addFile(packages, module, name)
	})
	if err != nil {
		return nil, fmt.Errorf("load packages: %w", err)
	}
	all := make([]Package, 0, len(packages))
	for _, p := range packages {
		all = append(all, *p)
	}
	slices.SortFunc(all, func(a, b Package) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

func ignored(directory string) bool {
	return directory == "testdata" || directory == "vendor" || directory == "node_modules" ||
		strings.HasPrefix(directory, ".") || strings.HasPrefix(directory, "_")
}

func isModule(module fs.FS, directory string) bool {
	_, err := fs.Stat(module, path.Join(directory, "go.mod"))
	return err == nil
}

func addFile(packages map[string]*Package, module fs.FS, name string) error {
	source, err := fs.ReadFile(module, name)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
	if err != nil {
		return err
	}
	directory := path.Dir(name)
	if directory == "." {
		directory = Root
	}
	p := packages[directory]
	if p == nil {
		p = &Package{Path: directory, Name: file.Name.Name}
		packages[directory] = p
	}
	locals := map[string]string{} // import path by the name that it has in this file
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		p.Imports = append(p.Imports, Import{File: name, Path: imported})
		local := path.Base(imported)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if watched[imported] != nil && local == "." {
			return fmt.Errorf("%s: imports %s under the name of a dot, so that its calls cannot be seen", name, imported)
		}
		locals[local] = imported
	}
	for _, function := range calls(file, locals) {
		p.Calls = append(p.Calls, Call{File: name, Function: function})
	}
	return nil
}

// calls answers the watched functions that a file uses, called or handed on.
func calls(file *ast.File, locals map[string]string) (functions []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := selector.X.(*ast.Ident)
		if !ok || x.Obj != nil { // a variable, not a package
			return true
		}
		if imported := locals[x.Name]; slices.Contains(watched[imported], selector.Sel.Name) {
			functions = append(functions, imported+"."+selector.Sel.Name)
		}
		return true
	})
	return functions
}
