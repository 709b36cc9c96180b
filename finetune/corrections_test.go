package finetune

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tlkit/tl/internal/dataset"
)

// swapped returns a manifest of the scene's images in which every n-th has the
// wrong label, and corrections that put those right.
func (s scene) swapped(t *testing.T, n int) (manifest, fixes string) {
	t.Helper()
	d := openedData(t, s.options(""))
	var m, c strings.Builder
	fmt.Fprintln(&m, "path,label,group,split")
	fmt.Fprintln(&c, "path,label,sha256,decision")
	for i, it := range d.set.Items {
		right, label := d.set.Classes[it.Class], d.set.Classes[it.Class]
		if i%n == 0 {
			label = d.set.Classes[1-it.Class]
			fmt.Fprintf(&c, "%s,%s,%s,%s\n", it.Path, label, it.SHA256, right)
		}
		fmt.Fprintf(&m, "%s,%s,%s,%s\n", it.Path, label, it.Group, it.Split)
	}
	dir := t.TempDir()
	manifest, fixes = filepath.Join(dir, "m.csv"), filepath.Join(dir, "fixes.csv")
	for file, text := range map[string]string{manifest: m.String(), fixes: c.String()} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return manifest, fixes
}

// With corrections the run is the one that right labels give; it says both
// figures of the test, keeps its own copy and goes on with that.
func TestCorrections(t *testing.T) {
	s := newScene(t)
	manifest, fixes := s.swapped(t, 9)
	right := s.options("right")
	plain := run1(t, right)

	o := s.options("corrected")
	o.Data = DataOptions{Path: manifest, Root: s.data, Corrections: fixes}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Run(ctx, o, &stopper{cancel: cancel, epochs: 2}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := os.Remove(fixes); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(s.runs, "corrected")
	out, err := Resume(t.Context(), folder, Place{CacheDir: s.cache, Threads: 1}, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(plain.Test.Metrics.Confusion, out.Test.Metrics.Confusion); d != "" {
		t.Errorf("corrected labels give another test than right ones:\n%s", d)
	}
	wrong := 0
	for _, k := range out.test.items {
		if _, ok := out.test.data.corrected.Former[out.test.data.set.Items[k].Path]; ok {
			wrong++
		}
	}
	g := out.Test.Given
	if wrong == 0 || g == nil || g.Metrics.Confusion == out.Test.Metrics.Confusion || g.Metrics.Images != out.Test.Metrics.Images {
		t.Fatalf("%d test labels corrected; the test by the labels as given: %+v", wrong, g)
	}
	if !strings.Contains(out.Summary(), "By the labels as given") || strings.Contains(plain.Summary(), "as given") {
		t.Error("the summary does not tell corrected from given labels")
	}
	if facts := strings.Join(out.test.data.Facts, "\n"); !strings.Contains(facts, "corrections: 14 labels changed, 0 images left out: train ") {
		t.Errorf("facts: %s", facts)
	}
	if _, err := os.Stat(filepath.Join(folder, correctionsFile)); err != nil {
		t.Error(err)
	}
}

// An exported model that is evaluated with the corrections of its run has the
// run's figures, by both kinds of labels.
func TestCorrectionsOfAnEvaluation(t *testing.T) {
	s := newScene(t)
	manifest, fixes := s.swapped(t, 9)
	data := DataOptions{Path: manifest, Root: s.data, Corrections: fixes}
	o := s.options("corrected")
	o.Data = data
	out := run1(t, o)
	m, err := OpenModel(filepath.Join(out.Folder, modelFile), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	e, err := m.Evaluate(t.Context(), data, "test", Silent{})
	if err != nil {
		t.Fatal(err)
	}
	if e.Given == nil || out.Test.Given == nil || e.Metrics.Confusion == e.Given.Metrics.Confusion {
		t.Fatalf("evaluated %+v, by the labels as given %+v", e, e.Given)
	}
	if d := cmp.Diff(out.Test.Metrics.Confusion, e.Metrics.Confusion) + cmp.Diff(out.Test.Given.Metrics.Confusion, e.Given.Metrics.Confusion); d != "" {
		t.Errorf("the run's figures are others than the evaluation's:\n%s", d)
	}
	if words := e.Summary(m.Classes); !strings.Contains(words, out.Test.Corrections+"\n") || !strings.Contains(words, ": labels were corrected;") {
		t.Error(words)
	}
	data.Corrections = ""
	if e, err = m.Evaluate(t.Context(), data, "test", Silent{}); err != nil {
		t.Fatal(err)
	}
	if e.Given != nil || e.Corrections != "" || e.Metrics.Confusion != out.Test.Given.Metrics.Confusion {
		t.Errorf("without corrections: %+v", e)
	}
	data.Corrections = filepath.Join(t.TempDir(), "all.csv")
	drops := strings.NewReplacer(",Parasitized\n", ",drop\n", ",Uninfected\n", ",drop\n").Replace(string(bytesOf(t, fixes)))
	if err := os.WriteFile(data.Corrections, []byte(drops), 0o644); err != nil {
		t.Fatal(err)
	}
	all, err := m.Evaluate(t.Context(), data, "", Silent{})
	if err != nil {
		t.Fatal(err)
	}
	if want := all.Images + ": 14 images were left out by corrections"; all.LeftOut != 14 || all.Given != nil || !strings.Contains(all.Summary(m.Classes), want) {
		t.Errorf("%d left out; summary %s", all.LeftOut, all.Summary(m.Classes))
	}
}

// Test images that are left out are told, on the terminal and on the page.
func TestCorrectionsTellWhatIsLeftOut(t *testing.T) {
	s := newScene(t)
	o := s.options("dropped")
	text, n := "path,decision\n", 0
	for _, it := range openedData(t, o).set.Items {
		if it.Split == dataset.Test && n < 3 {
			text += it.Path + ",drop\n"
			n++
		}
	}
	o.Data.Corrections = filepath.Join(t.TempDir(), "c.csv")
	if err := os.WriteFile(o.Data.Corrections, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out := run1(t, o)
	page := string(bytesOf(t, filepath.Join(out.Folder, reportFile)))
	if want := "test: 3 images were left out by corrections"; out.Test.LeftOut != 3 || !strings.Contains(out.Summary(), want) || !strings.Contains(page, want) {
		t.Errorf("%d left out; summary %s", out.Test.LeftOut, out.Summary())
	}
}

// Corrections move no image into another part.
func TestCorrectionsKeepTheSplit(t *testing.T) {
	s := newScene(t)
	before := openedData(t, s.options(""))
	file := filepath.Join(t.TempDir(), "c.csv")
	text := "path,decision\n"
	for i, it := range before.set.Items {
		switch i % 5 {
		case 0:
			text += it.Path + "," + before.set.Classes[1-it.Class] + "\n"
		case 1:
			text += it.Path + ",drop\n"
		}
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	o := s.options("")
	o.Data.Corrections = file
	for _, folds := range []int{0, 4} {
		o.Data.Folds, o.Data.Fold = folds, min(folds, 2)
		plain := o
		plain.Data.Corrections = ""
		parts := func(o Options) map[string]dataset.Split {
			out := map[string]dataset.Split{}
			for _, it := range openedData(t, o).set.Items {
				out[it.Path] = it.Split
			}
			return out
		}
		was, is := parts(plain), parts(o)
		if len(is) != len(was)*4/5 {
			t.Errorf("%d images of %d remain", len(is), len(was))
		}
		for path, split := range is {
			if was[path] != split {
				t.Errorf("%s went from %s to %s", path, was[path], split)
			}
		}
	}
}
