//go:build unix

package onnx

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hostileFolder makes a model's folder with all that a file may point at, and
// secret.bin beside it, and returns it.
func hostileFolder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.MkdirAll(in("sub"), 0o755),
		os.WriteFile(in("w.bin"), []byte("12345678"), 0o644),
		os.WriteFile(in("sub/w.bin"), []byte("12345678"), 0o644),
		os.WriteFile(in("../secret.bin"), []byte("secret!!"), 0o644),
		os.Link(in("../secret.bin"), in("hard.bin")),
		os.Symlink("../secret.bin", in("linked.bin")),
		os.Symlink("..", in("up")),
		os.Symlink("/dev", in("dev")),
		syscall.Mkfifo(in("fifo"), 0o644),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A model that is a pipe or a device is refused at once: reading it would not
// end.
func TestModelIsNoRegularFile(t *testing.T) {
	dir := hostileFolder(t)
	for path, want := range map[string]string{
		filepath.Join(dir, "fifo"): "found a pipe", "/dev/zero": "found a device", dir: "found a folder",
	} {
		done := make(chan [2]error, 1)
		go func() {
			_, read := Read(path)
			_, digest := Digest(path)
			done <- [2]error{read, digest}
		}()
		select {
		case errs := <-done:
			for _, err := range errs {
				t.Log(err)
				if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), path+": ") {
					t.Errorf("%s: error %v, wanted %q", path, err, want)
				}
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: does not end", path)
		}
	}
}
