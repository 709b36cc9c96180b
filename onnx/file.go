package onnx

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/tlkit/tl/internal/atomicfile"
)

// WriteFile writes m to path: under a temporary name in the same folder first,
// which takes path's name when all bytes are on the disk. On an error path is
// as it was before.
func WriteFile(path string, m *Model) error {
	return atomicfile.Write(path, func(w io.Writer) error { return Write(w, m) })
}

// regular refuses a path that exists and is no regular file, before it is opened.
func regular(path string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: wanted a regular file, found %s", path, kind(info.Mode()))
	}
	return nil
}

// kind says what a mode that is not a regular file's means.
func kind(m os.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&os.ModeNamedPipe != 0:
		return "a pipe"
	case m&os.ModeDevice != 0:
		return "a device"
	}
	return m.Type().String()
}

// Digest returns the SHA-256 of a regular file in hexadecimal. It refuses
// others, of which some (/dev/zero, a FIFO) have no end.
func Digest(path string) (string, error) {
	if err := regular(path); err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
