package atomicfile

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// childEnv makes this test a writer that never ends, of the file it names.
const childEnv = "TL_ATOMICFILE_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		_ = Write(path, func(w io.Writer) error {
			fmt.Fprintln(os.Stdout, "writing")
			time.Sleep(time.Minute)
			return nil
		})
	}
	os.Exit(m.Run())
}

// writer starts a process that is in the middle of writing path.
func writer(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "writing\n" {
		t.Fatalf("the child said %q (%v)", line, err)
	}
	return cmd
}

// names lists dir.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// The next write into a folder clears away what a killed writer left there, but
// neither what a living one is at nor what has another name.
func TestWriteClearsAway(t *testing.T) {
	dir := t.TempDir()
	others := []string{".model.onnx.tmp-1", ".model.onnx.tl-tmp-", ".x.tl-tmp-12a", "model.onnx.tl-tmp-1"}
	for _, name := range others {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, ".folder.tl-tmp-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	lives, dies := writer(t, filepath.Join(dir, "lives")), writer(t, filepath.Join(dir, "dies"))
	_ = dies.Process.Kill()
	_ = dies.Wait()
	old := time.Now().Add(-time.Hour) // for Windows, see hold_windows.go
	left, _ := filepath.Glob(filepath.Join(dir, ".dies.tl-tmp-*"))
	if len(left) != 1 || os.Chtimes(left[0], old, old) != nil {
		t.Fatalf("the killed writer left %v", left)
	}
	if err := Write(filepath.Join(dir, "next"), func(io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	now := names(t, dir)
	if slices.ContainsFunc(now, func(n string) bool { return strings.HasPrefix(n, ".dies") }) {
		t.Error("what the killed writer left is there")
	}
	if !slices.ContainsFunc(now, func(n string) bool { return strings.HasPrefix(n, ".lives") }) {
		t.Error("what the living writer is at is gone")
	}
	for _, name := range append(others, ".folder.tl-tmp-1", "next") {
		if !slices.Contains(now, name) {
			t.Errorf("%s is gone", name)
		}
	}
	_ = lives.Process.Kill()
}

// Writers that meet in one folder do not take each other's files away.
func TestWritersMeet(t *testing.T) {
	dir := t.TempDir()
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for range 40 {
				path := filepath.Join(dir, fmt.Sprint(i%3))
				if err := Write(path, func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if left := names(t, dir); !slices.Equal(left, []string{"0", "1", "2"}) {
		t.Errorf("left is %v", left)
	}
}
