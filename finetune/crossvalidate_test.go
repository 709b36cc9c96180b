package finetune

import (
	"context"
	"encoding/csv"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/metrics"
)

// twoArms are a frozen and an unfrozen arm of one small network.
func (s scene) twoArms(t testing.TB) []Arm {
	frozen, unfrozen := s.unfreezing(t, ""), s.unfreezing(t, "")
	frozen.Unfreeze = 0
	unfrozen.UnfreezeEpochs = 2
	return []Arm{{Name: "frozen", Options: frozen}, {Name: "unfrozen", Options: unfrozen}}
}

// Every image is tested once, by a run that saw none of its patient's; the
// pooled figures are those of these answers at each fold's own threshold.
func TestCrossValidate(t *testing.T) {
	s := newScene(t)
	data := DataOptions{Path: s.data}
	c, err := CrossValidate(t.Context(), data, 3, s.runs, "cv", s.twoArms(t), Silent{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Folds) != 6 || len(c.Arms) != 2 || len(c.Pairs) != 1 || c.Pairs[0].A != "unfrozen" {
		t.Fatalf("%d folds, %d arms, pairs %+v", len(c.Folds), len(c.Arms), c.Pairs)
	}
	thresholds := map[string]float64{} // by image
	tested := map[string]int{}
	for _, f := range c.Folds[:3] {
		table := csv.NewReader(strings.NewReader(string(bytesOf(t, filepath.Join(f.Folder, splitFile)))))
		table.Comment = '#'
		rows, err := table.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		groups := map[string]map[string]bool{}
		for _, r := range rows[1:] {
			path, group, split := r[index(rows[0], "path")], r[index(rows[0], "group")], r[index(rows[0], "split")]
			if groups[split] == nil {
				groups[split] = map[string]bool{}
			}
			groups[split][group] = true
			if split == "test" {
				tested[path]++
				thresholds[path] = f.Threshold
			}
		}
		for g := range groups["test"] {
			if groups["train"][g] || groups["val"][g] {
				t.Errorf("fold %d: patient %s is tested and learned from", f.Fold, g)
			}
		}
	}
	right := 0
	arm := c.Arms[0]
	for i, k := range arm.test.items {
		item := arm.test.data.set.Items[k]
		if tested[item.Path] != 1 {
			t.Errorf("%s is tested %d times", item.Path, tested[item.Path])
		}
		if (arm.test.prob[i][1] >= thresholds[item.Path]) == (arm.test.labels[i] == 1) {
			right++
		}
	}
	if want := float64(right) / float64(len(tested)); len(arm.test.items) != 120 || arm.Test.Metrics.Accuracy.Value != want {
		t.Errorf("%d answers, pooled accuracy %g, want %g", len(arm.test.items), arm.Test.Metrics.Accuracy.Value, want)
	}
	m := arm.test.binary()
	if got := arm.Test.Metrics.AUC.Value; got != metrics.AUC(m.Scores, m.Labels) {
		t.Errorf("pooled AUC %g", got)
	}
	for _, want := range []string{"frozen 1", "unfrozen mean ± sd", "pooled over the probabilities", "All folds together"} {
		if !strings.Contains(c.Summary(), want) {
			t.Errorf("the summary does not say %q:\n%s", want, c.Summary())
		}
	}
}

// index is where a column is.
func index(head []string, name string) int {
	for i, h := range head {
		if h == name {
			return i
		}
	}
	return -1
}

// A cross-validation that was stopped goes on with the same command and gives
// the same bytes; finished folds are not trained again.
func TestCrossValidationGoesOn(t *testing.T) {
	s := newScene(t)
	data, arms := DataOptions{Path: s.data}, s.twoArms(t)
	calm, err := CrossValidate(t.Context(), data, 3, s.runs, "calm", arms, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		_, err = CrossValidate(ctx, data, 3, s.runs, "cv", arms, &stopper{cancel: cancel, epochs: 5})
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "--name cv goes on") {
			t.Fatal(err)
		}
	}
	again, err := CrossValidate(t.Context(), data, 3, s.runs, "cv", arms, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	sameFiles(t, calm.Folder, again.Folder, "folds.csv", "frozen-"+scoresFile, "unfrozen-"+scoresFile)
	for _, f := range calm.Folds {
		sameFiles(t, f.Folder, filepath.Join(again.Folder, filepath.Base(f.Folder)), modelFile)
	}
	_, err = CrossValidate(t.Context(), data, 4, s.runs, "cv", arms, Silent{})
	wantError(t, err, "began with other options", "folds was 3, is 4")
}

// What cannot be divided is refused with what can.
func TestCrossValidateRefuses(t *testing.T) {
	s := newScene(t)
	for folds, want := range map[int]string{1: "wants 2 folds or more", 1000: "wants at least one for each fold"} {
		_, err := CrossValidate(t.Context(), DataOptions{Path: s.data}, folds, s.runs, "", s.twoArms(t), Silent{})
		wantError(t, err, want)
	}
	_, err := CrossValidate(t.Context(), DataOptions{Path: s.data, Split: "keras"}, 3, s.runs, "", s.twoArms(t), Silent{})
	wantError(t, err, "--split group")
}
