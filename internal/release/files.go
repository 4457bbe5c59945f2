package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
)

// file is one entry of an archive.
type file struct {
	name string // with slashes, below the archive's own directory
	mode os.FileMode
	data []byte
}

// commonFiles are those of every platform, made from the commands or read from the module's root.
func commonFiles(ctx context.Context) ([]file, error) {
	var files []file
	for _, name := range []string{"README.md", "CHANGELOG.md", "LICENSE"} {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: name, mode: 0o644, data: data})
	}
	manual, err := manPages(ctx)
	if err != nil {
		return nil, err
	}
	completions, err := completions(ctx)
	return append(append(files, manual...), completions...), err
}

func manPages(ctx context.Context) (_ []file, err error) {
	dir, err := os.MkdirTemp("", "awsauth-man-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if _, err := output(exec.CommandContext(ctx, "go", "run", "./internal/cli/gen", "-man", dir)); err != nil {
		return nil, fmt.Errorf("make man pages: %w", err)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil {
		return nil, err
	}
	if len(pages) == 0 {
		return nil, errors.New("make man pages: got none")
	}
	var files []file
	for _, page := range pages {
		data, err := os.ReadFile(page)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: path.Join("man", "man1", filepath.Base(page)), mode: 0o644, data: data})
	}
	return files, nil
}

// completions are named as each shell looks for them.
func completions(ctx context.Context) ([]file, error) {
	var files []file
	for _, c := range []struct{ shell, name string }{
		{"bash", "awsauth"}, {"zsh", "_awsauth"}, {"fish", "awsauth.fish"}, {"powershell", "awsauth.ps1"},
	} {
		data, err := output(exec.CommandContext(ctx, "go", "run", "./cmd/awsauth", "completion", c.shell))
		if err != nil {
			return nil, fmt.Errorf("make completion for %s: %w", c.shell, err)
		}
		files = append(files, file{name: path.Join("completions", c.shell, c.name), mode: 0o644, data: data})
	}
	return files, nil
}
