package finetune

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A write that the system refuses because the disk is full is told as such.
func TestDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	c := &featureFile{cacheHeader: cacheHeader{Type: "f16", Shape: []int{4}, Images: []string{"0123456789abcdef"}}, path: "features", f: full}
	wantError(t, c.write(0, make([]float32, 4)), "features", "the disk is full", "--cache-dir")
}

// A sparse file, such as a cache that has just begun, takes what is written only.
func TestAllocated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sparse")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := errors.Join(f.Truncate(1<<30), writeAt(f, make([]byte, 1<<20), 1<<29), f.Sync()); err != nil {
		t.Fatal(err)
	}
	if got := allocated(path); got < 1<<20 || got > 1<<22 {
		t.Errorf("1 MiB written into 1 GiB takes %d bytes", got)
	}
	if got := allocated(path + ".none"); got != 0 {
		t.Errorf("no file takes %d bytes", got)
	}
}

func writeAt(f *os.File, b []byte, at int64) error {
	_, err := f.WriteAt(b, at)
	return err
}
