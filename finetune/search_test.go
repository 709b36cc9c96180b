package finetune

import (
	"context"
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tlkit/tl/internal/dataset"
)

func (s scene) cells() []Arm {
	slow, quick, tuned := s.options(""), s.options(""), s.options("")
	slow.LearningRate = 1e-4
	quick.LearningRate = 1e-2
	tuned.Unfreeze, tuned.UnfreezeEpochs = 1, 1
	return []Arm{{Name: "slow", Options: slow}, {Name: "quick", Options: quick}, {Name: "tuned", Options: tuned}}
}

// A search trains every cell, tests the best alone, and that is the run which
// its options give without a search. Given its name it goes on.
func TestSearch(t *testing.T) {
	s := newScene(t)
	data := DataOptions{Path: s.data}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Search(ctx, data, s.runs, "g", s.cells(), &stopper{cancel: cancel, epochs: 5})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "--name g") {
		t.Fatalf("stopped with %v", err)
	}
	g, err := Search(t.Context(), data, s.runs, "g", s.cells(), Silent{})
	if err != nil {
		t.Fatal(err)
	}
	best := g.Cells[0]
	for i, c := range g.Cells {
		if c.ValLoss < best.ValLoss {
			best = c
		}
		if i > 0 && c.ValLoss == g.Cells[0].ValLoss {
			t.Errorf("cells %s and %s learnt the same", c.Name, g.Cells[0].Name)
		}
	}
	if g.Best != best.Name || g.Outcome.Test == nil {
		t.Errorf("chosen %s of %+v", g.Best, g.Cells)
	}
	if spent := best.extracted.Seconds(); spent <= 0 || g.Outcome.ExtractSeconds < spent {
		t.Errorf("features took %g s, the outcome says %g", spent, g.Outcome.ExtractSeconds)
	}
	for _, c := range g.Cells {
		for _, f := range []string{resultFile, scoresFile, modelFile} {
			if _, err := os.Stat(filepath.Join(c.Folder, f)); (err == nil) != (c.Name == g.Best) {
				t.Errorf("%s: %s: %v", c.Name, f, err)
			}
		}
	}
	var o Options
	for _, a := range s.cells() {
		if a.Name == g.Best {
			o = a.Options
		}
	}
	o.Data, o.Runs, o.Name = data, s.runs, "alone"
	sameFiles(t, run1(t, o).Folder, best.Folder, modelFile, scoresFile, splitFile)
}

// What the test images are called changes nothing that is chosen or trained.
func TestSearchIsBlindToTheTest(t *testing.T) {
	s := newScene(t)
	manifest := func(swapped bool) string {
		d := openedData(t, s.options(""))
		path := filepath.Join(t.TempDir(), "m.csv")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		w := csv.NewWriter(f)
		w.Write([]string{"path", "label", "group", "split"})
		for _, it := range d.set.Items {
			class := it.Class
			if swapped && it.Split == dataset.Test {
				class = 1 - class
			}
			w.Write([]string{it.Path, d.set.Classes[class], it.Group, it.Split.String()})
		}
		if w.Flush(); w.Error() != nil || f.Close() != nil {
			t.Fatal(w.Error())
		}
		return path
	}
	search := func(swapped bool) *Grid {
		g, err := Search(t.Context(), DataOptions{Path: manifest(swapped), Root: s.data}, s.runs, "", s.cells(), Silent{})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	a, b := search(false), search(true)
	if d := cmp.Diff(a.Cells, b.Cells, cmpopts.IgnoreFields(Cell{}, "Folder", "extracted"), cmp.AllowUnexported(Cell{})); d != "" || a.Best != b.Best {
		t.Errorf("the test's labels changed the search:\n%s", d)
	}
	probabilities := func(g *Grid) map[string][]float64 {
		out := map[string][]float64{}
		for i, k := range g.Outcome.test.items {
			out[g.Outcome.test.data.set.Items[k].Path] = g.Outcome.test.prob[i]
		}
		return out
	}
	if d := cmp.Diff(probabilities(a), probabilities(b)); d != "" {
		t.Errorf("the test's labels changed what the model says of its images:\n%s", d)
	}
	if x, y := a.Outcome.Test.Metrics.Accuracy.Value, b.Outcome.Test.Metrics.Accuracy.Value; x+y < 0.99 || x+y > 1.01 {
		t.Errorf("accuracies %g and %g of labels and swapped labels", x, y)
	}
}

func TestSearchRefuses(t *testing.T) {
	s := newScene(t)
	odd := s.cells()
	odd[1].Options.Monitor = "auc"
	for _, c := range []struct {
		data  DataOptions
		cells []Arm
		want  string
	}{
		{DataOptions{Path: s.data, Folds: 3}, s.cells(), "a grid in folds"},
		{DataOptions{Path: s.data}, odd, "cannot be ranked together"},
		{DataOptions{Path: s.data}, nil, "an empty grid"},
	} {
		if _, err := Search(t.Context(), c.data, s.runs, "", c.cells, Silent{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, wanted %q", err, c.want)
		}
	}
}
