// Command gen writes the pages of awsauth's commands, from the same text as their help: docs/commands and man pages.
//
//	go run ./internal/cli/gen -docs docs/commands -man DIR
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/cli"
)

func main() {
	docs := flag.String("docs", "", "`DIR` for pages in Markdown")
	man := flag.String("man", "", "`DIR` for man pages")
	flag.Parse()
	for _, target := range []struct {
		dir   string
		pages func(*cobra.Command) map[string]string
	}{{*docs, markdownPages}, {*man, manPages}} {
		if target.dir == "" {
			continue
		}
		if err := write(target.dir, target.pages(cli.New(cli.IO{}))); err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
	}
	if *docs != "" {
		if err := writeConfiguration(filepath.Dir(*docs)); err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
	}
}

// write writes files by name.
func write(dir string, pages map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// walk visits a command and all below it.
func walk(c *cobra.Command, visit func(*cobra.Command, cli.Page)) {
	visit(c, cli.PageOf(c))
	for _, sub := range cli.Subcommands(c) {
		walk(sub, visit)
	}
}

// fileName is that of a command's page: awsauth-get-session.
func fileName(path string) string { return strings.ReplaceAll(path, " ", "-") }
