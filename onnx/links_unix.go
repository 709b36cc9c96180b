//go:build unix

package onnx

import (
	"os"
	"syscall"
)

// links is how many names the file system has for f.
func links(f *os.File) (int, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Nlink), nil
	}
	return 1, nil
}
