package finetune

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// childEnv holds the JSON of a childRun in a process that a test started: the
// test binary itself, which then is a small tl.
const childEnv = "TL_FINETUNE_CHILD"

func TestMain(m *testing.M) {
	if js := os.Getenv(childEnv); js != "" {
		if err := runChild(js); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	os.RemoveAll(shared.dir)
	os.Exit(code)
}

// childRun is what a child process does. Options leaves some fields out of its
// JSON, so they are here again.
type childRun struct {
	Options                  Options
	Runs, Name, Cache, Probe string
	Threads                  int
}

// probes are other things than a run that a child can do, by Probe.
var probes = map[string]func(childRun) error{}

// runChild begins or goes on with a run as a user would, with a line on
// standard output for each step of progress.
func runChild(js string) error {
	var c childRun
	if err := json.Unmarshal([]byte(js), &c); err != nil {
		return err
	}
	if c.Probe != "" {
		return probes[c.Probe](c)
	}
	o := c.Options
	o.Runs, o.Name, o.CacheDir, o.Threads = c.Runs, c.Name, c.Cache, c.Threads
	folder := filepath.Join(o.Runs, o.Name)
	var err error
	if _, none := readSettings(folder); none == nil {
		_, err = Resume(context.Background(), folder, Place{CacheDir: o.CacheDir, Threads: o.Threads}, &steps{})
	} else {
		_, err = Run(context.Background(), o, &steps{})
	}
	return err
}

// steps prints a line for each batch extracted and each epoch trained, and
// then waits for a byte of standard input as long as that is open.
type steps struct {
	Silent
	what string
}

func (s *steps) line(words ...any) {
	fmt.Println(words...)
	os.Stdin.Read(make([]byte, 1))
}

func (s *steps) Begin(what, _ string, _ int) { s.what = what }
func (s *steps) Epoch(e Epoch)               { s.line("epoch", e.Epoch) }
func (s *steps) Advance(done int) {
	if s.what == "extracting features" {
		s.line("images", done)
	}
}

// child readies a process that does c.
func child(t testing.TB, c childRun) *exec.Cmd {
	t.Helper()
	js, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(js))
	cmd.Stderr = os.Stderr
	return cmd
}

// scene is what a test needs to run: cells, a network, folders.
type scene struct {
	data, backbone, cache, runs string
}

var shared = struct {
	sync.Once
	dir string
	err error
}{}

// newScene has 120 generated cells and the tiny network, which all tests
// share, and a cache and runs of its own.
func newScene(t testing.TB) scene {
	t.Helper()
	shared.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "tl-finetune-*"); shared.err == nil {
			shared.err = errors.Join(
				dataset.Make(filepath.Join(shared.dir, "cells"), dataset.MakeOptions{Count: 120, Patients: 24, Seed: 1}),
				writeSeeded(filepath.Join(shared.dir, "tiny.onnx"), "tiny", weights.SeededOptions{Size: 32, Classes: 10}))
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	dir := t.TempDir()
	return scene{filepath.Join(shared.dir, "cells"), filepath.Join(shared.dir, "tiny.onnx"), filepath.Join(dir, "cache"), filepath.Join(dir, "runs")}
}

func writeSeeded(path, name string, o weights.SeededOptions) error {
	m, err := weights.Seeded(name, o)
	if err != nil {
		return err
	}
	return onnx.WriteFile(path, m)
}

// seeded writes a seeded network and returns its path.
func seeded(t testing.TB, name string, o weights.SeededOptions) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".onnx")
	if err := writeSeeded(path, name, o); err != nil {
		t.Fatal(err)
	}
	return path
}

// options are those of a run that takes half a second.
func (s scene) options(name string) Options {
	return Options{
		Data: DataOptions{Path: s.data}, Backbone: s.backbone, Size: 32, Epochs: 6, Batch: 16, LearningRate: 0.01,
		Runs: s.runs, Name: name, CacheDir: s.cache, Threads: 1, Seed: 5,
	}
}

func run1(t testing.TB, o Options) *Outcome {
	t.Helper()
	out, err := Run(t.Context(), o, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// openedData scans and splits as a run with o does.
func openedData(t testing.TB, o Options) *Data {
	t.Helper()
	d, err := OpenData(t.Context(), o.Data, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// resolved are o's resolved options.
func resolved(t testing.TB, o Options) Options {
	t.Helper()
	r, err := o.Resolved()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// openedSource is what feeds the trainable part of o.
func openedSource(t testing.TB, o Options) source {
	t.Helper()
	src, _, err := openSource(resolved(t, o), Silent{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.close() })
	return src
}

// extracted extracts as a run with o does and returns the cache file.
func extracted(t testing.TB, ctx context.Context, o Options, p Progress) (string, error) {
	t.Helper()
	x, err := extract(ctx, openedData(t, o), openedSource(t, o), resolved(t, o), p)
	if err != nil {
		return "", err
	}
	return x.f.Name(), x.close()
}

// oneFile returns the only file in dir with the given ending.
func oneFile(t testing.TB, dir, ending string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*"+ending))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %d files *%s (%v), want 1", dir, len(found), ending, err)
	}
	return found[0]
}

func bytesOf(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sameFiles fails the test where the files of that name differ in two folders.
func sameFiles(t testing.TB, a, b string, names ...string) {
	t.Helper()
	for _, name := range names {
		x, y := bytesOf(t, filepath.Join(a, name)), bytesOf(t, filepath.Join(b, name))
		if string(x) != string(y) {
			t.Errorf("%s: %d bytes in %s differ from %d bytes in %s", name, len(x), a, len(y), b)
		}
	}
}

// wantError fails the test unless err says all of parts.
func wantError(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
