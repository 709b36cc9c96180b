package atomicfile

import (
	"errors"
	"os"
	"time"
)

// hold does nothing: Windows removes no file that is open.
func hold(*os.File) {}

// finish closes f, as renaming wants, and renames it.
func finish(f *os.File, path string) error {
	if err := f.Close(); err != nil {
		return err
	}
	return Rename(f.Name(), path)
}

// abandonedAfter is longer than a writer takes from closing to renaming.
const abandonedAfter = time.Minute

// removeAbandoned closes f and removes it if it is older than that and nobody
// has it open: Windows says so by an error, which is none here.
func removeAbandoned(f *os.File) error {
	info, err := f.Stat()
	if err := errors.Join(err, f.Close()); err != nil || time.Since(info.ModTime()) < abandonedAfter {
		return err
	}
	_ = os.Remove(f.Name())
	return nil
}
