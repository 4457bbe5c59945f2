package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func entries() []file {
	return []file{
		{name: "awsauth", mode: 0o755, data: []byte("a program")},
		{name: "man/man1/awsauth.1", mode: 0o644, data: []byte("a page")},
	}
}

// describe lists what an archive has: mode, name and content.
func describe(t *testing.T, path string) (lines []string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".zip") {
		archive, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.File {
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, line(t, f.Mode(), f.Name, r))
		}
		return lines
	}
	compressed, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if err == io.EOF {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line(t, header.FileInfo().Mode(), header.Name, archive))
	}
}

func line(t *testing.T, mode os.FileMode, name string, r io.Reader) string {
	t.Helper()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return mode.String() + " " + name + ": " + string(data)
}

func TestArchivesHoldTheFilesInADirectoryOfTheirOwn(t *testing.T) {
	for _, p := range []platform{{"linux", "arm64"}, {"windows", "amd64"}} {
		t.Run(p.os, func(t *testing.T) {
			dir := t.TempDir()
			name, sum, err := pack(dir, p, "v1.2.3", entries())
			if err != nil {
				t.Fatal(err)
			}
			raw, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			digest := sha256.Sum256(raw)
			if want := hex.EncodeToString(digest[:]); sum != want {
				t.Errorf("got sum %s, want %s", sum, want)
			}
			base := "awsauth_v1.2.3_" + p.os + "_" + p.arch
			if strings.TrimSuffix(strings.TrimSuffix(name, ".tar.gz"), ".zip") != base {
				t.Errorf("got name %s, want %s with an extension", name, base)
			}
			want := []string{
				"-rwxr-xr-x " + base + "/awsauth: a program",
				"-rw-r--r-- " + base + "/man/man1/awsauth.1: a page",
			}
			if got := describe(t, filepath.Join(dir, name)); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestArchivesOfTheSameFilesAreTheSame(t *testing.T) {
	for _, p := range platforms {
		_, first, err := pack(t.TempDir(), p, "v1", entries())
		if err != nil {
			t.Fatal(err)
		}
		if _, second, err := pack(t.TempDir(), p, "v1", entries()); err != nil || first != second {
			t.Errorf("%v: got %s and %s (%v), want the same", p, first, second, err)
		}
	}
}

func TestAVersionIsRequired(t *testing.T) {
	for _, version := range []string{"", "-X main.x=y", "v1 -s", "v1/2"} {
		if err := run(t.Context(), []string{"-version", version, "-out", t.TempDir()}, io.Discard); err == nil {
			t.Errorf("%q: got no error", version)
		}
	}
}
