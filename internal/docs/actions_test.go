package docs

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/serve/actions"
)

// refusals answers the errors that a package makes of a type, as "403 NotAllowed": composite literals with Status and Code, which are the
// first two elements where they have no keys. What is taken over from a refusal of another package is that package's.
func (s *source) refusals(t *testing.T, of string) (all []string) {
	t.Helper()
	s.inspect(func(n ast.Node) {
		literal, ok := n.(*ast.CompositeLit)
		if !ok || name(literal.Type) != of || len(literal.Elts) == 0 {
			return
		}
		fields := map[string]ast.Expr{}
		for i, e := range literal.Elts {
			if pair, ok := e.(*ast.KeyValueExpr); ok {
				fields[name(pair.Key)] = pair.Value
			} else if i < 2 {
				fields[[]string{"Status", "Code"}[i]] = e
			}
		}
		if name(fields["Code"]) == "why.Code" {
			return
		}
		status, code := statuses()[name(fields["Status"])], strings.Join(s.texts(fields["Code"]), "")
		if status == 0 || code == "" {
			t.Errorf("%s has a status and a code that this test cannot read: %v", of, fields)
		}
		all = append(all, fmt.Sprint(status, " ", code))
	})
	return all
}

// name is what an identifier, or one of a package, is called.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return name(e.X) + "." + e.Sel.Name
	}
	return ""
}

// statuses are those of HTTP, by the names that they have in Go.
func statuses() map[string]int {
	all := map[string]int{}
	for status := 100; status < 600; status++ {
		if text := http.StatusText(status); text != "" {
			all["http.Status"+strings.ReplaceAll(text, " ", "")] = status
		}
	}
	return all
}

// The page has every error with which an action can be answered, and no other, and each operation of the OpenAPI document has its status.
func TestErrorsOfActionsAreDocumented(t *testing.T) {
	inCode := map[string]bool{}
	for directory, of := range map[string]string{"serve/actions": "Error", "internal/agent": "actions.Error", "internal/guard": "Refusal"} {
		found := parsePackage(t, directory).refusals(t, of)
		if len(found) < 4 {
			t.Errorf("%s: got %v: are errors still made as this test expects?", directory, found)
		}
		for _, refusal := range found {
			inCode[refusal] = true
		}
	}
	inPage := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| ([0-9]{3}) \\| ([`A-Za-z, ]+) \\|").FindAllStringSubmatch(read(t, "docs/low-code.md"), -1) {
		for code := range strings.SplitSeq(row[2], ", ") {
			inPage[row[1]+" "+strings.Trim(code, "`")] = true
		}
	}
	got, want := slices.Sorted(maps.Keys(inPage)), slices.Sorted(maps.Keys(inCode))
	if !slices.Equal(got, want) {
		t.Errorf("docs/low-code.md has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var document struct {
		Paths map[string]map[string]struct{ Responses map[string]any }
	}
	if err := json.Unmarshal(actions.OpenAPI, &document); err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{"200": true}
	for refusal := range inCode {
		wanted[refusal[:3]] = true
	}
	for _, a := range actions.All {
		got, want := slices.Sorted(maps.Keys(document.Paths[a.Path()]["post"].Responses)), slices.Sorted(maps.Keys(wanted))
		if !slices.Equal(got, want) {
			t.Errorf("%s answers %v, the document says %v", a, want, got)
		}
	}
}

// The table of the page says under which header each attribute of a signed request is sent.
func TestHeadersOfSignedRequestsAreDocumented(t *testing.T) {
	page, found := read(t, "docs/low-code.md"), 0
	parsePackage(t, "serve/actions").inspect(func(n ast.Node) {
		pair, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return
		}
		call, ok := pair.Value.(*ast.CallExpr)
		if !ok || name(call.Fun) != "signed.Header.Get" {
			return
		}
		found++
		field, _ := reflect.TypeFor[actions.SignAnswer]().FieldByName(name(pair.Key))
		row := "| `" + field.Tag.Get("json") + "` | `" + call.Args[0].(*ast.BasicLit).Value + "` |"
		if row = strings.ReplaceAll(row, `"`, ""); !strings.Contains(page, row) {
			t.Errorf("docs/low-code.md lacks the row %s", row)
		}
	})
	if found < 6 {
		t.Errorf("got %d headers: are they still taken as this test expects?", found)
	}
}
