package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"
)

// stamp is the time of every entry: the earliest that zip can hold.
var stamp = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// pack writes the archive of a platform: a zip for Windows, a tar.gz elsewhere.
func pack(dir string, p platform, version string, files []file) (name, sum string, err error) {
	base := fmt.Sprintf("awsauth_%s_%s_%s", version, p.os, p.arch)
	write, extension := writeTar, ".tar.gz"
	if p.os == "windows" {
		write, extension = writeZip, ".zip"
	}
	var archive bytes.Buffer
	if err := write(&archive, base, files); err != nil {
		return "", "", fmt.Errorf("pack %s: %w", base, err)
	}
	digest := sha256.Sum256(archive.Bytes())
	name = base + extension
	return name, hex.EncodeToString(digest[:]), os.WriteFile(filepath.Join(dir, name), archive.Bytes(), 0o644)
}

func writeTar(w io.Writer, directory string, files []file) error {
	compressed, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressed)
	for _, f := range files {
		header := &tar.Header{
			Format: tar.FormatUSTAR, Typeflag: tar.TypeReg, Name: path.Join(directory, f.name),
			Mode: int64(f.mode), Size: int64(len(f.data)), ModTime: stamp,
		}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write(f.data); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return compressed.Close()
}

func writeZip(w io.Writer, directory string, files []file) error {
	archive := zip.NewWriter(w)
	for _, f := range files {
		header := &zip.FileHeader{Name: path.Join(directory, f.name), Method: zip.Deflate, Modified: stamp}
		header.SetMode(f.mode)
		entry, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		if _, err := entry.Write(f.data); err != nil {
			return err
		}
	}
	return archive.Close()
}
