package layering_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/awsauth-go/awsauth/internal/layering"
)

func TestModuleFollowsTheTableOfTheDesign(t *testing.T) {
	design, err := os.ReadFile("../../docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	table, err := layering.ParseTable(string(design))
	if err != nil {
		t.Fatal(err)
	}
	packages, err := layering.Load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 20 {
		t.Fatalf("got %d packages, want the module's", len(packages))
	}
	for _, problem := range layering.Check(table, packages) {
		t.Error(problem)
	}
}

// What a program that imports one of these packages must not get with it.
func TestDependenciesStaySmall(t *testing.T) {
	const sdk = "github.com/aws/aws-sdk-go-v2/"
	ours := func(path string) string { return layering.Module + "/" + path }
	forTests := []string{"testing", "net/http/httptest", "github.com/google/go-cmp/...", "github.com/rogpeppe/go-internal/..."}
	parsers := []string{
		"github.com/goccy/go-yaml/...", "go.yaml.in/yaml/...", "gopkg.in/yaml.v3", "github.com/zalando/go-keyring/...",
		"github.com/spf13/cobra/...", "github.com/spf13/pflag/...",
	}
	clients := []string{
		sdk + "service/s3/...", sdk + "service/sqs/...", sdk + "service/sns/...", sdk + "service/rekognition/...",
	}
	library := slices.Concat(forTests, parsers, []string{sdk + "service/...", sdk + "config/...", ours("emulator/..."), ours("internal/config/...")})
	for _, test := range []struct {
		of        string
		forbidden []string
	}{
		{".", library},
		{"./rolesanywhere", library},
		{"./serve/...", library},
		{"./identity", slices.Concat(library, []string{"github.com/aws/...", "net/http"})},
		{"./sigv4x509", slices.Concat(library, []string{"github.com/aws/...", "golang.org/...", ours("identity/...")})},
		{"./emulator", slices.Concat(forTests, parsers, clients, []string{ours("internal/config/...")})},
		{"./awsauthtest", slices.Concat(parsers, clients)},
		{"./cmd/awsauth", slices.Concat(forTests, clients)},
	} {
		t.Run(test.of, func(t *testing.T) {
			t.Parallel()
			for _, d := range layering.Forbidden(dependencies(t, test.of), test.forbidden) {
				t.Errorf("depends on %s", d)
			}
		})
	}
}

func dependencies(t *testing.T, of string) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", of)
	list.Dir = "../.."
	list.Env = append(list.Environ(), "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", of, err)
	}
	return strings.Fields(string(out))
}

const table = `
| package | what it is | imports of ours |
| --- | --- | --- |
| ` + "`identity`" + ` | who | none |
| ` + "`internal/config`" + ` | the environment | none |
| ` + "`awsauth`" + ` | the library | ` + "`identity`" + ` |
| ` + "`cmd/awsauth`" + ` | the command | ` + "`awsauth`, `internal/config`" + ` |

| another table | has nothing to do with it |
`

// tree is a module that the table above describes.
func tree() fstest.MapFS {
	files := fstest.MapFS{}
	for name, source := range map[string]string{
		"identity/identity.go":      "package identity",
		"identity/identity_test.go": `package identity; import _ "github.com/awsauth-go/awsauth"`,
		"internal/config/config.go": `package config; import "os"; var home = os.Getenv("HOME")`,
		"awsauth.go":                `package awsauth; import _ "github.com/awsauth-go/awsauth/identity"`,
		"cmd/awsauth/main.go": `package main
			import ("os"; _ "github.com/awsauth-go/awsauth"; _ "github.com/awsauth-go/awsauth/internal/config")
			func main() { os.Exit(0) }`,
		"examples/go.mod":           "module example",
		"examples/main.go":          `package main; import "C"`,
		"identity/testdata/seed.go": "no Go at all",
	} {
		files[name] = &fstest.MapFile{Data: []byte(source)}
	}
	return files
}

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name, file, source string
		table              string
		want               []string
	}{
		{name: "what the table describes is well"},
		{
			name: "an import against the flow is caught",
			file: "identity/file.go", source: `package identity; import _ "github.com/awsauth-go/awsauth/internal/config"`,
			want: []string{"identity/file.go: identity imports internal/config, which the table does not allow"},
		},
		{
			name: "an import of the root is caught",
			file: "internal/config/file.go", source: `package config; import _ "github.com/awsauth-go/awsauth"`,
			want: []string{"internal/config/file.go: internal/config imports awsauth, which the table does not allow"},
		},
		{
			name: "an import for one platform is caught",
			file: "identity/open_windows.go", source: `package identity; import c "github.com/awsauth-go/awsauth/internal/config"; var _ = c.X`,
			want: []string{"identity/open_windows.go: identity imports internal/config, which the table does not allow"},
		},
		{
			name: "a package that is not in the table is caught",
			file: "internal/agent/agent.go", source: "package agent",
			want: []string{"internal/agent: the table does not say where it stands"},
		},
		{
			name:  "a row without a package is caught",
			table: strings.Replace(table, "| `awsauth` |", "| `serve` | ways out | none |\n| `awsauth` |", 1),
			want:  []string{"serve: is in the table, and is no package"},
		},
		{
			name:  "an import that the table names and nobody makes is caught",
			table: strings.Replace(table, "the library | `identity` |", "the library | `identity`, `internal/config` |", 1),
			want:  []string{"awsauth: the table says that it imports internal/config, and it does not"},
		},
		{
			name:  "a table that runs both ways is caught",
			table: strings.Replace(table, "who | none |", "who | `awsauth` |", 1),
			want: []string{
				"identity: may import awsauth, which does not stand above it in the table",
				"identity: the table says that it imports awsauth, and it does not",
			},
		},
		{
			name: "cgo is caught",
			file: "identity/token.go", source: `package identity; import "C"`,
			want: []string{"identity/token.go: uses cgo"},
		},
		{
			name: "reading the environment is caught, under another name too",
			file: "file.go", source: `package awsauth; import system "os"; var lookup = system.LookupEnv`,
			want: []string{"file.go: calls os.LookupEnv: only internal/config reads the environment"},
		},
		{
			name: "a variable named as a package is none",
			file: "file.go", source: `package awsauth; import "os"; var _ = os.Args; func f(os struct{ Exit func() }) { os.Exit() }`,
		},
		{
			name: "ending the process in a library is caught",
			file: "identity/end.go", source: `package identity; import ("log"; "os"); func end() { os.Exit(1); log.Fatalf("end") }`,
			want: []string{
				"identity/end.go: calls os.Exit: only a main package ends the process",
				"identity/end.go: calls log.Fatalf: only a main package ends the process",
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			module := tree()
			if test.file != "" {
				module[test.file] = &fstest.MapFile{Data: []byte(test.source)}
			}
			markdown := table
			if test.table != "" {
				markdown = test.table
			}
			rows, err := layering.ParseTable(markdown)
			if err != nil {
				t.Fatal(err)
			}
			packages, err := layering.Load(module)
			if err != nil {
				t.Fatal(err)
			}
			if got := layering.Check(rows, packages); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestLoadRefusesWhatItCannotSeeThrough(t *testing.T) {
	for name, source := range map[string]string{
		"a dot import of a watched package": `package awsauth; import . "os"; var home = Getenv("HOME")`,
		"a file that does not parse":        "package",
	} {
		t.Run(name, func(t *testing.T) {
			module := tree()
			module["file.go"] = &fstest.MapFile{Data: []byte(source)}
			if _, err := layering.Load(module); err == nil {
				t.Error("got no error")
			}
		})
	}
}

func TestParseTableRefusesWhatIsNone(t *testing.T) {
	for name, markdown := range map[string]string{
		"no table":                 "# Design\n",
		"an empty table":           "| package | what it is | imports of ours |\n| --- | --- | --- |\n",
		"a row without imports":    "| package | what it is | imports of ours |\n| --- | --- | --- |\n| `a` | b | |\n",
		"a row without a package":  "| package | what it is | imports of ours |\n| --- | --- | --- |\n| a | b | none |\n",
		"a row that lacks columns": "| package | what it is | imports of ours |\n| --- | --- | --- |\n| `a` | none |\n",
	} {
		t.Run(name, func(t *testing.T) {
			if rows, err := layering.ParseTable(markdown); err == nil {
				t.Errorf("got %v, want an error", rows)
			}
		})
	}
}

func TestForbiddenMatchesAPackageAndWhatIsBelow(t *testing.T) {
	dependencies := []string{"os", "testing", "testing/fstest", "example.com/yaml", "example.com/yaml/ast", "example.com/yamllint"}
	for pattern, want := range map[string][]string{
		"testing":              {"testing"},
		"example.com/yaml/...": {"example.com/yaml", "example.com/yaml/ast"},
		"example.com/s3/...":   nil,
	} {
		if got := layering.Forbidden(dependencies, []string{pattern}); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", pattern, got, want)
		}
	}
}
