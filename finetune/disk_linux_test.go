package finetune

import (
	"os"
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
