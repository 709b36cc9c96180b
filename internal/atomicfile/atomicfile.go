// Package atomicfile writes whole files: a reader, or a process that was
// killed, never leaves or meets half of one under its final name.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write calls write with a buffered temporary file beside path, makes it safe
// on the disk and renames it to path. On any error path holds what it held
// before and nothing else is left. What writers that were killed left in the
// folder is removed first.
func Write(path string, write func(io.Writer) error) error {
	_ = Tidy(filepath.Dir(path)) // what cannot be removed does not hinder
	f, err := create(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	err = fill(f, write)
	if err == nil {
		err = finish(f, path)
	} else {
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// create makes a temporary file beside path and holds it, so that Tidy knows
// that it is in use.
func create(path string) (*os.File, error) {
	for {
		f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+suffix+"*")
		if err != nil {
			return nil, err
		}
		hold(f)
		if _, err := os.Lstat(f.Name()); !errors.Is(err, fs.ErrNotExist) {
			return f, nil
		}
		f.Close() // Tidy of another process came between making and holding it
	}
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

// fill writes and syncs f, and gives it the rights that a new file usually has:
// temporary files are made for their owner alone.
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
	return err
}

// syncDir makes a rename in dir safe on the disk where the system can do so; elsewhere (Windows) a folder cannot be synced, and nothing is lost.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		d.Close()
	}
}
