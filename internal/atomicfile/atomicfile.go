// Package atomicfile writes whole files: a reader, or a process that was
// killed, never leaves or meets half of one under its final name.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Write calls write with a buffered temporary file beside path, makes it safe
// on the disk and renames it to path. On any error path holds what it held
// before and nothing else is left.
func Write(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp-*")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	err = fill(f, write)
	if err == nil {
		err = Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// Rename gives a finished file, already safe on the disk, its final name, and
// makes the new name last through a power cut.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	syncDir(filepath.Dir(to))
	return nil
}

// fill writes, syncs and closes f, and gives it the rights that a new file
// usually has: temporary files are made for their owner alone.
func fill(f *os.File, write func(io.Writer) error) error {
	w := bufio.NewWriterSize(f, 1<<20)
	err := write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		if err = f.Chmod(0o644); errors.Is(err, errors.ErrUnsupported) {
			err = nil
		}
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes a rename in dir safe on the disk where the system can do so; elsewhere (Windows) a folder cannot be synced, and nothing is lost.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}
