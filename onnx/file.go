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

// Digest returns the SHA-256 of a file in hexadecimal.
func Digest(path string) (string, error) {
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
