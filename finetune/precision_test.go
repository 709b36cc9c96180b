package finetune

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/engine"
)

// kernels chooses the kernels of the test, and skips it where there are none.
func kernels(t *testing.T, name string) {
	t.Helper()
	t.Setenv("TL_CPU", name)
	e, err := engine.CPU(1)
	if err != nil {
		t.Skipf("this processor cannot: %v", err)
	}
	e.Close()
}

func anyWith(list []string, parts ...string) bool {
	return slices.ContainsFunc(list, func(s string) bool {
		return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(s, p) })
	})
}

// A run in low precision says what that costs wherever it lists facts, keeps
// its features apart from others', and goes on with the same bytes.
func TestPrecision(t *testing.T) {
	kernels(t, "portable") // which have all precisions
	s := newScene(t)
	run1(t, s.options("plain"))
	for i, precision := range []string{"bf16", "int8"} {
		o := s.options("calm " + precision)
		o.Precision = precision
		w := &warned{}
		out, err := Run(t.Context(), o, w)
		if err != nil {
			t.Fatal(err)
		}
		p := out.Precision
		if p.Name != precision || p.Deviation <= 0 || p.Deviation > 0.2 || p.Images != extractBatch {
			t.Errorf("%s: precision %+v", precision, p)
		}
		if !anyWith(w.notes, "precision: "+precision+", features differ from float32 by ", "over 16 training images") || len(w.warnings) > 1 {
			t.Errorf("%s: notes %q, warnings %q", precision, w.notes, w.warnings)
		}
		for name, text := range map[string]string{"summary": out.Summary(), reportFile: string(bytesOf(t, filepath.Join(out.Folder, reportFile)))} {
			if !strings.Contains(text, p.String()) {
				t.Errorf("%s: %s does not say %q:\n%s", precision, name, p, text)
			}
		}
		var js Outcome
		if err := json.Unmarshal(bytesOf(t, filepath.Join(out.Folder, resultFile)), &js); err != nil || *js.Precision != *p {
			t.Errorf("%s: result.json says %+v, %v", precision, js.Precision, err)
		}
		if caches, err := filepath.Glob(filepath.Join(s.cache, "*.features")); len(caches) != 2+i {
			t.Errorf("%s: features in %q, want a file of its own (%v)", precision, caches, err)
		}

		o.Name, o.CacheDir = "stopped "+precision, filepath.Join(s.cache, precision)
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := Run(ctx, o, &stopper{cancel: cancel, batches: 3}); !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: stopped with %v", precision, err)
		}
		stopped, at := filepath.Join(s.runs, o.Name), Place{CacheDir: o.CacheDir, Threads: 2}
		ctx, cancel = context.WithCancel(t.Context())
		if _, err := Resume(ctx, stopped, at, &stopper{cancel: cancel, epochs: 2}); !errors.Is(err, context.Canceled) {
			t.Fatalf("%s: stopped again with %v", precision, err)
		}
		if _, err := Resume(t.Context(), stopped, at, Silent{}); err != nil {
			t.Fatal(err)
		}
		sameFiles(t, out.Folder, stopped, modelFile, checkpointFile, scoresFile)
	}
}

// A processor without the precision: the reason, and the run in float32.
func TestPrecisionFallsBack(t *testing.T) {
	kernels(t, "avx2") // which have float32 only
	s := newScene(t)
	plain := run1(t, s.options("plain"))
	o := s.options("low")
	o.Precision = "bf16"
	w := &warned{}
	out, err := Run(t.Context(), o, w)
	if err != nil {
		t.Fatal(err)
	}
	if !anyWith(w.warnings, "bf16 needs", "avx2 kernels", "; features are computed in f32") {
		t.Errorf("warnings %q", w.warnings)
	}
	set, err := readSettings(out.Folder)
	if err != nil || set.Given.Precision != "bf16" || set.Resolved.Precision != "f32" || out.Precision.Name != "f32" {
		t.Errorf("settings given %q, resolved %q, outcome %v, %v", set.Given.Precision, set.Resolved.Precision, out.Precision, err)
	}
	sameFiles(t, plain.Folder, out.Folder, modelFile, checkpointFile)

	arms := s.arms()[:2]
	for i := range arms {
		arms[i].Options.Precision = "bf16"
	}
	for range 2 { // and goes on as it began
		if _, err := Compare(t.Context(), DataOptions{Path: s.data}, s.runs, "both", arms, Silent{}); err != nil {
			t.Fatal(err)
		}
	}
	arms[1].Options.Precision = "int8"
	_, err = Compare(t.Context(), DataOptions{Path: s.data}, s.runs, "both", arms, Silent{})
	wantError(t, err, "precision was f32, is int8")
}

// A run that began in a low precision does not go on in another.
func TestPrecisionElsewhere(t *testing.T) {
	kernels(t, "avx2")
	t.Setenv("TL_CPU", "portable")
	s := newScene(t)
	o := s.options("low")
	o.Precision = "int8"
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Run(ctx, o, &stopper{cancel: cancel, epochs: 1}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	t.Setenv("TL_CPU", "avx2")
	folder := filepath.Join(s.runs, "low")
	_, err := Resume(t.Context(), folder, Place{CacheDir: s.cache}, Silent{})
	wantError(t, err, folder, "began with features in int8", "avx2 kernels", "(go on where it began")
	_, err = Export(t.Context(), s.runs, folder, filepath.Join(t.TempDir(), "x.onnx"), s.cache, "", Silent{})
	wantError(t, err, "began with features in int8")
	t.Setenv("TL_CPU", "portable")
	if _, err := Export(t.Context(), s.runs, folder, filepath.Join(t.TempDir(), "x.onnx"), s.cache, "", Silent{}); err != nil {
		t.Error(err)
	}
}

// The samples are training images, the same in whatever order they lie.
func TestSamples(t *testing.T) {
	d := openedData(t, newScene(t).options(""))
	digests := func(n int) (out []string) {
		for _, i := range d.samples(n) {
			if it := d.set.Items[i]; it.Split.String() == "train" {
				out = append(out, it.SHA256)
			}
		}
		return out
	}
	want := digests(extractBatch)
	if len(want) != extractBatch || !slices.IsSorted(want) || len(slices.Compact(want)) != extractBatch || want[0][:1] != "0" {
		t.Errorf("samples %q", want)
	}
	slices.Reverse(d.set.Items)
	if got := digests(extractBatch); !slices.Equal(got, want) {
		t.Errorf("in another order: %q, want %q", got, want)
	}
	if all := digests(1000); len(all) == 0 || len(all) >= len(d.set.Items) {
		t.Errorf("%d of %d items are the training images", len(all), len(d.set.Items))
	}
}
