package finetune

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/dataset"
)

// splitsOf counts the images of train, val and test.
func splitsOf(d *Data) (out [3]int) {
	for i, s := range []dataset.Split{dataset.Train, dataset.Val, dataset.Test} {
		out[i] = len(d.set.Indices(s))
	}
	return out
}

// Folders train, valid and test are taken as they are, and so is a run's
// split.csv: the same split gives the same model.
func TestGivenSplits(t *testing.T) {
	s := newScene(t)
	n := 0
	o := s.options("folders")
	o.Data.Path = copyTree(t, s.data, func(class, file string) string {
		n++
		return []string{"train", "train", "train", "valid", "test"}[n%5] + "/" + class + "/" + file
	})
	_, err := OpenData(t.Context(), o.Data, Silent{}) // every fifth cell: patients are in all three
	wantError(t, err, "leak", "--split group")
	o.Data.NoGroups = true
	d := openedData(t, o)
	if got := splitsOf(d); got != [3]int{72, 24, 24} || d.set.SplitRule != "given" {
		t.Errorf("split %q of folders: %v, want 72, 24, 24", d.set.SplitRule, got)
	}
	first := run1(t, o)
	o.Name, o.Data = "manifest", DataOptions{Path: filepath.Join(first.Folder, splitFile), NoGroups: true, Split: "given"}
	second := run1(t, o)
	sameFiles(t, first.Folder, second.Folder, scoresFile)
	m, err := OpenModel(filepath.Join(second.Folder, modelFile), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	e, err := m.Evaluate(t.Context(), DataOptions{Path: filepath.Join(first.Folder, splitFile), NoGroups: true}, "test", Silent{})
	if err != nil {
		t.Fatal(err)
	}
	if e.Metrics.Images != 24 || e.Metrics.Confusion != second.Test.Metrics.Confusion {
		t.Errorf("evaluated %d images, %+v; the run's test %+v", e.Metrics.Images, e.Metrics.Confusion, second.Test.Metrics.Confusion)
	}
}

// A written manifest names classes and groups; by group no patient is in two
// splits, at random the straddling is a warning.
func TestManifestAndGroups(t *testing.T) {
	s := newScene(t)
	var csv strings.Builder
	csv.WriteString("path,label,group\n")
	found, _ := filepath.Glob(filepath.Join(s.data, "*", "*.png"))
	for i, f := range found {
		rel, _ := filepath.Rel(s.data, f)
		fmt.Fprintf(&csv, "%s,%s,person %d\n", filepath.ToSlash(rel), strings.ToLower(filepath.Base(filepath.Dir(f))), i%15)
	}
	path := filepath.Join(t.TempDir(), "cells.csv")
	if err := os.WriteFile(path, []byte(csv.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	o := s.options("manifest")
	o.Data = DataOptions{Path: path, Root: s.data, Positive: "parasitized"}
	d := openedData(t, o)
	where := map[string]dataset.Split{}
	for _, it := range d.set.Items {
		if was, ok := where[it.Group]; ok && was != it.Split {
			t.Errorf("%s is in %s and in %s", it.Group, was, it.Split)
		}
		where[it.Group] = it.Split
	}
	if len(where) != 15 || len(d.Warnings) > 0 {
		t.Errorf("%d groups, warnings %q", len(where), d.Warnings)
	}
	if out := run1(t, o); out.Test.Metrics.Groups == 0 || out.Positive != "parasitized" {
		t.Errorf("outcome of %d groups, positive %q", out.Test.Metrics.Groups, out.Positive)
	}
	o.Data.Split, o.Data.Val, o.Data.Test = "random", 0.2, -1
	d = openedData(t, o)
	if got := splitsOf(d); got != [3]int{96, 24, 0} || len(d.Warnings) == 0 {
		t.Errorf("split at random %v with the warnings %q, want 96, 24, 0 and one that patients straddle", got, d.Warnings)
	}
	o.Name = "no test"
	out := run1(t, o)
	if out.Test != nil || out.Val.Metrics.Images != 24 {
		t.Errorf("outcome without test images: %+v, %+v", out.Test, out.Val)
	}
}

// A bad image stops everything before any work, or is left out with a warning.
func TestBadImages(t *testing.T) {
	s := newScene(t)
	o := s.options("bad")
	o.Data.Path = copyTree(t, s.data, func(class, file string) string { return class + "/" + file })
	bad := filepath.Join(o.Data.Path, "Uninfected", "broken.png")
	if err := os.WriteFile(bad, []byte("\x89PNG\r\n\x1a\nand no more"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Run(t.Context(), o, Silent{})
	wantError(t, err, "broken.png")
	if exists(filepath.Join(s.runs, "bad")) {
		t.Error("a run folder was made")
	}
	o.Data.SkipBad, o.Data.NoGroups = true, true
	out := run1(t, o)
	if !strings.Contains(strings.Join(out.Warnings, "\n"), "broken.png") {
		t.Errorf("warnings %q do not name the image left out", out.Warnings)
	}
}

// A split that lacks a class is refused before anything is computed.
func TestSplitWithoutAClass(t *testing.T) {
	d := &Data{set: &dataset.Dataset{Root: "cells", Classes: []string{"ill", "well"}, Positive: 0, Items: []dataset.Item{
		{Path: "a", Class: 0, Split: dataset.Train}, {Path: "b", Class: 1, Split: dataset.Train}, {Path: "c", Class: 1, Split: dataset.Val},
	}}}
	err := d.everyClass()
	if err == nil || !strings.Contains(err.Error(), "no ill image is in the split val") {
		t.Errorf("error %v, want the class and the split", err)
	}
	d.set.Items = append(d.set.Items, dataset.Item{Path: "d", Class: 0, Split: dataset.Val})
	if err := d.everyClass(); err != nil {
		t.Error(err)
	}
}
