//go:build !windows

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// hold locks f until it is closed, at the latest when its process ends. Where
// the file system has no locks, Tidy gets none either and removes nothing.
func hold(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }

// finish renames f, which is held until it has its final name.
func finish(f *os.File, path string) error {
	return errors.Join(Rename(f.Name(), path), f.Close())
}

// removeAbandoned removes f if nobody holds it, and closes it. The name may
// have gone to another file since f was opened: it is compared under the lock.
func removeAbandoned(f *os.File) error {
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil
	}
	mine, err := f.Stat()
	if err != nil {
		return err
	}
	if now, err := os.Lstat(f.Name()); err != nil || !os.SameFile(mine, now) {
		return nil
	}
	if err := os.Remove(f.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
