package finetune

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/tlkit/tl/internal/dataset"
)

func batchesOf(src source, n int) dataset.BatchOptions {
	o := dataset.BatchOptions{Batch: 16, Size: src.size()}
	for i := range n {
		o.Indices = append(o.Indices, i)
	}
	return o
}

// counting counts the images that a source computes.
type counting struct {
	source
	images int
}

func (c *counting) compute(ctx context.Context, dst, pixels []float32, n int) error {
	c.images += n
	return c.source.compute(ctx, dst, pixels, n)
}

// stopper cancels a context after some batches of an extraction, or epochs of
// a training.
type stopper struct {
	Silent
	cancel          func()
	batches, epochs int // 0 is never
	what            string
}

func (s *stopper) Begin(what, _ string, _ int) { s.what = what }

func (s *stopper) Advance(int) {
	if s.what == "extracting features" {
		if s.batches--; s.batches == 0 {
			s.cancel()
		}
	}
}

func (s *stopper) Epoch(Epoch) {
	if s.epochs--; s.epochs == 0 {
		s.cancel()
	}
}

// An extraction that is stopped keeps its finished batches, computes only the
// rest afterwards, and ends with the bytes of one that was never stopped, also
// when rows of the partial file were damaged meanwhile.
func TestInterruptedExtraction(t *testing.T) {
	s := newScene(t)
	for _, kind := range []string{"f16", "f32"} {
		o := s.options("")
		o.Cache, o.CacheDir = kind, filepath.Join(s.cache, "whole")
		whole, err := extracted(t, t.Context(), o, Silent{})
		if err != nil {
			t.Fatal(err)
		}
		o.CacheDir = filepath.Join(s.cache, "stopped")
		ctx, cancel := context.WithCancel(t.Context())
		_, err = extracted(t, ctx, o, &stopper{cancel: cancel, batches: 3})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: stopped with %v, want the context's error", kind, err)
		}
		partial := oneFile(t, o.CacheDir, filepath.Base(whole)+".partial")
		damage(t, partial, -1) // of the last row, which is not there yet
		damageRow(t, partial, whole, 4)
		src := &counting{source: openedSource(t, o)}
		w := &warned{}
		x, err := extract(t.Context(), openedData(t, o), src, resolved(t, o), w)
		if err != nil {
			t.Fatal(err)
		}
		x.close()
		if want := 120 - 3*extractBatch + 1; src.images != want {
			t.Errorf("%s: %d images computed after the stop, want %d", kind, src.images, want)
		}
		if !slices.ContainsFunc(w.notes, func(s string) bool { return strings.Contains(s, "going on after 47 of 120") }) {
			t.Errorf("%s: notes %q do not say that it goes on", kind, w.notes)
		}
		sameFiles(t, filepath.Dir(whole), o.CacheDir, filepath.Base(whole))
		if exists(partial) {
			t.Errorf("%s: the partial file was left", kind)
		}
	}
}

// damage flips a bit of the byte at, counted from the end if negative.
func damage(t *testing.T, path string, at int) {
	t.Helper()
	b := bytesOf(t, path)
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 1
	if err := writeFile(path, b); err != nil {
		t.Fatal(err)
	}
}

// damageRow flips a bit of row i of a partial file of which whole is the
// finished one.
func damageRow(t *testing.T, partial, whole string, i int) {
	t.Helper()
	n := len(bytesOf(t, whole))
	row := 2 * 64 * 4 // pooled features of the tiny network, f32
	if strings.Contains(string(bytesOf(t, whole)[:400]), `"f16"`) {
		row /= 2
	}
	damage(t, partial, n-120*row+i*row)
}

// Two processes that want the same cache at the same time compute it once.
func TestTwoProcessesOneCache(t *testing.T) {
	s := newScene(t)
	o := s.options("")
	o.Epochs = 1
	lines := make(chan int, 2)
	for _, name := range []string{"a", "b"} {
		cmd := child(t, childRun{Options: o, Runs: s.runs, Name: name, Cache: s.cache, Threads: 1})
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			n := 0
			for sc := bufio.NewScanner(out); sc.Scan(); {
				if strings.HasPrefix(sc.Text(), "images ") {
					n++
				}
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			lines <- n
		}()
	}
	if a, b := <-lines, <-lines; a+b != (120+extractBatch-1)/extractBatch {
		t.Errorf("the processes computed %d and %d batches, want %d together", a, b, (120+extractBatch-1)/extractBatch)
	}
	sameFiles(t, filepath.Join(s.runs, "a"), filepath.Join(s.runs, "b"), modelFile, checkpointFile)
}

// Who waits for another process says so and can be stopped.
func TestWaitingCanBeStopped(t *testing.T) {
	s := newScene(t)
	o := resolved(t, s.options(""))
	d := openedData(t, o)
	src := constant{1, []int{4}}
	path, err := cachePath(o.CacheDir, cacheHeader{Key: src.key(), Type: o.Cache, Shape: src.shape(), Images: d.digests()})
	if err != nil {
		t.Fatal(err)
	}
	other := flock.New(path + ".lock")
	if err := other.Lock(); err != nil {
		t.Fatal(err)
	}
	defer other.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	w := &warned{}
	_, err = extract(ctx, d, src, o, w)
	if !errors.Is(err, context.DeadlineExceeded) || len(w.notes) != 1 || !strings.Contains(w.notes[0], "waiting") {
		t.Errorf("stopped with %v after the notes %q", err, w.notes)
	}
}

// Features that cannot fit on the disk are refused before anything is written.
func TestExtractionTooLarge(t *testing.T) {
	s := newScene(t)
	o := resolved(t, s.options(""))
	_, err := extract(t.Context(), openedData(t, o), constant{1, []int{1 << 20, 1 << 10, 1 << 10}}, o, Silent{})
	wantError(t, err, s.cache, "MiB", "--cache-dir", "--head gap")
	if found, _ := filepath.Glob(filepath.Join(s.cache, "*.partial")); len(found) > 0 {
		t.Errorf("%q was begun", found)
	}
}

// A bad cache folder is an error that names it.
func TestCacheFolderIsAFile(t *testing.T) {
	s := newScene(t)
	o := s.options("")
	o.CacheDir = s.backbone
	_, err := extracted(t, t.Context(), o, Silent{})
	wantError(t, err, s.backbone)
}

// Images that another cache holds are not computed again, and the file is the
// one that a computation of all gives.
func TestReuse(t *testing.T) {
	s := newScene(t)
	o := s.options("")
	n := 0
	o.Data.Path = copyTree(t, s.data, func(class, file string) string {
		if n++; n%3 == 0 {
			return ""
		}
		return class + "/" + file
	})
	if _, err := extracted(t, t.Context(), o, Silent{}); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]string{"junk": "junk", "long": cacheMagic + "\xff\xff\xff\xff\xff\xff\xff\x7f", "none": ""} {
		if err := os.WriteFile(filepath.Join(s.cache, name+".features"), []byte(spoil), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	o.Data.Path = s.data
	src := &counting{source: openedSource(t, o)}
	x, err := extract(t.Context(), openedData(t, o), src, resolved(t, o), Silent{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	if src.images != 40 {
		t.Errorf("%d images computed, want the 40 new ones", src.images)
	}
	o.CacheDir = filepath.Join(s.cache, "whole")
	whole, err := extracted(t, t.Context(), o, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, filepath.Dir(whole), s.cache, filepath.Base(whole))
}
