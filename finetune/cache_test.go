package finetune

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/x448/float16"

	"github.com/tlkit/tl/weights"
)

// fileNameOf is the name of the cache that a run with o would use.
func fileNameOf(t *testing.T, o Options) string {
	t.Helper()
	src := openedSource(t, o)
	return cacheHeader{Key: src.key(), Type: resolved(t, o).Cache, Shape: src.shape(), Images: openedData(t, o).digests()}.fileName()
}

// copyTree copies the class folders of a data set, with other names for folder
// and files if name says so.
func copyTree(t *testing.T, from string, name func(class, file string) string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	found, err := filepath.Glob(filepath.Join(from, "*", "*.png"))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: no images (%v)", from, err)
	}
	for _, f := range found {
		rel := name(filepath.Base(filepath.Dir(f)), filepath.Base(f))
		if rel == "" {
			continue
		}
		out := filepath.Join(to, filepath.FromSlash(rel))
		if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(out, bytesOf(t, f), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// Whatever changes a feature changes the cache's name; what only moves things
// does not.
func TestCacheKey(t *testing.T) {
	s := newScene(t)
	base := s.options("")
	want := fileNameOf(t, base)
	left := false
	changes := map[string]func(*Options){
		"weights": func(o *Options) {
			o.Backbone = seeded(t, "tiny", weights.SeededOptions{Size: 32, Classes: 10, Seed: 9})
		},
		"cut":        func(o *Options) { o.Cut = "stage2" },
		"size":       func(o *Options) { o.Size = 40 },
		"preprocess": func(o *Options) { o.Preprocess = "caffe" },
		"no pooling": func(o *Options) { o.Head = "flat" },
		"pooling":    func(o *Options) { o.Head = "gap" },
		"type":       func(o *Options) { o.Cache = "f32" },
		"model":      func(o *Options) { o.Model = "baseline" },
		"images": func(o *Options) {
			o.Data.Path = copyTree(t, s.data, func(class, file string) string {
				if !left {
					left = true
					return ""
				}
				return class + "/" + file
			})
		},
	}
	seen := map[string]string{want: "nothing"}
	for what, change := range changes {
		o := base
		change(&o)
		name := fileNameOf(t, o)
		if other, twice := seen[name]; twice {
			t.Errorf("changing %s gives the same cache as changing %s", what, other)
		}
		seen[name] = what
	}
	moved := base
	moved.Data.Path = copyTree(t, s.data, func(class, file string) string { return class + "/renamed-" + file })
	moved.Data.Seed, moved.Data.NoGroups, moved.Seed, moved.Hidden, moved.Epochs = 7, true, 8, 4, 3
	moved.Backbone = filepath.Join(t.TempDir(), "moved.onnx")
	if err := os.WriteFile(moved.Backbone, bytesOf(t, base.Backbone), 0o644); err != nil {
		t.Fatal(err)
	}
	if fileNameOf(t, moved) != want {
		t.Error("renamed images, a moved network, another split, seed and head want another cache")
	}
}

// A cache holds what the backbone computes: f32 to the bit, f16 rounded to the
// nearest half.
func TestCacheHoldsFeatures(t *testing.T) {
	s := newScene(t)
	for _, kind := range []string{"f32", "f16"} {
		o := s.options("")
		o.Cache, o.Head = kind, "flat"
		d, src := openedData(t, o), openedSource(t, o)
		x, err := extract(t.Context(), d, src, resolved(t, o), Silent{})
		if err != nil {
			t.Fatal(err)
		}
		size := x.rowSize()
		got, want := make([]float32, size), make([]float32, size)
		for b, err := range d.set.Batches(t.Context(), batchesOf(src, len(d.set.Items))) {
			if err != nil {
				t.Fatal(err)
			}
			for i, k := range b.Indices {
				per := 3 * src.size() * src.size()
				if err := src.compute(t.Context(), want, b.Pixels[i*per:][:per], 1); err != nil {
					t.Fatal(err)
				}
				if err := x.read(got, d.set.Items[k].SHA256); err != nil {
					t.Fatal(err)
				}
				for j, w := range want {
					if kind == "f16" {
						w = float16.Fromfloat32(w).Float32()
					}
					if got[j] != w {
						t.Fatalf("%s: image %d, feature %d: cached %g, computed %g", kind, k, j, got[j], w)
					}
				}
			}
		}
		if err := x.read(got, "0000"); err == nil {
			t.Error("features of an unknown image were found")
		}
		if err := x.close(); err != nil {
			t.Error(err)
		}
	}
}

// constant is a source that computes one number for everything.
type constant struct {
	value float32
	dims  []int
}

func (c constant) key() string  { return "constant" }
func (c constant) shape() []int { return c.dims }
func (c constant) size() int    { return 8 }
func (c constant) close() error { return nil }
func (c constant) compute(_ context.Context, dst, _ []float32, n int) error {
	for i := range dst {
		dst[i] = c.value
	}
	return nil
}

// A feature that half precision cannot hold is an error that says what helps,
// and with that the same features are cached.
func TestCacheOverflow(t *testing.T) {
	s := newScene(t)
	o := resolved(t, s.options(""))
	d := openedData(t, o)
	for _, v := range []float32{1e6, -70000, float32(math.Inf(1)), float32(math.NaN())} {
		_, err := extract(t.Context(), d, constant{v, []int{4}}, o, Silent{})
		wantError(t, err, "half precision", "--cache f32", d.digests()[0][:12])
	}
	o.Cache = "f32"
	x, err := extract(t.Context(), d, constant{1e6, []int{4}}, o, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	defer x.close()
	got := make([]float32, 4)
	if err := x.read(got, d.digests()[0]); err != nil || got[3] != 1e6 {
		t.Errorf("cached %v (%v), want 1e6", got, err)
	}
}

// warned collects what a run warns of.
type warned struct {
	Silent
	notes, warnings []string
}

func (w *warned) Note(s string) { w.notes = append(w.notes, s) }
func (w *warned) Warn(s string) { w.warnings = append(w.warnings, s) }

// A damaged cache is noticed wherever the damage is, said, and mended; only
// damaged rows are computed again.
func TestDamagedCache(t *testing.T) {
	s := newScene(t)
	o := s.options("")
	path, err := extracted(t, t.Context(), o, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	good := bytesOf(t, path)
	src := openedSource(t, o)
	h := cacheHeader{Key: src.key(), Type: "f16", Shape: src.shape(), Images: openedData(t, o).digests()}
	checks, rows, _ := h.layout()
	flip := func(at int64) func([]byte) []byte {
		return func(b []byte) []byte { b[at] ^= 4; return b }
	}
	for _, c := range []struct {
		what     string
		damage   func([]byte) []byte
		computed int // images; -1 all
	}{
		{"bit of a row", flip(rows + 5*int64(h.rowBytes()) + 3), 1},
		{"bit of a check", flip(checks + 8*7), 1},
		{"last byte", flip(int64(len(good)) - 1), 1},
		{"bit of the header", flip(20), -1},
		{"cut off", func(b []byte) []byte { return b[:len(b)-1] }, -1},
		{"empty", func(b []byte) []byte { return nil }, -1},
		{"longer", func(b []byte) []byte { return append(b, 0) }, -1},
	} {
		if err := os.WriteFile(path, c.damage(append([]byte(nil), good...)), 0o644); err != nil {
			t.Fatal(err)
		}
		w, counted := &warned{}, &counting{source: src}
		x, err := extract(t.Context(), openedData(t, o), counted, resolved(t, o), w)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		x.close()
		if len(w.warnings) != 1 {
			t.Errorf("%s: warnings %q, want one", c.what, w.warnings)
		}
		if want := c.computed; counted.images != want && want >= 0 || want < 0 && counted.images != len(h.Images) {
			t.Errorf("%s: %d images computed, want %d", c.what, counted.images, want)
		}
		if string(bytesOf(t, path)) != string(good) {
			t.Errorf("%s: the mended file differs", c.what)
		}
	}
}

// What a full disk says comes with what to do.
func TestDiskError(t *testing.T) {
	err := diskError("a/features", &os.PathError{Op: "write", Path: "a/features", Err: errDiskFull})
	wantError(t, err, "a/features: the disk is full", "what is done is kept", "--cache-dir", "--runs")
	if !errors.Is(err, errDiskFull) || strings.Count(err.Error(), "a/features") != 1 || diskError("a/features", nil) != nil {
		t.Errorf("the error is %q", err)
	}
	if err := diskError("a/features", os.ErrPermission); err.Error() != "a/features: permission denied" {
		t.Errorf("another error became %q", err)
	}
}
