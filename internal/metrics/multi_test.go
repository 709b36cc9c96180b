package metrics

import (
	"math"
	"strings"
	"testing"
)

// TestTwoClassesAgree: K = 2 measured as many classes says what the binary
// measures say, drawn over the same groups.
func TestTwoClassesAgree(t *testing.T) {
	s := patients(30, 12, 1, 5)
	m := MultiSample{Classes: []string{"no", "yes"}, Groups: s.Groups}
	for i, p := range s.Scores {
		m.Probs = append(m.Probs, 1-p, p)
		label := 0
		if s.Labels[i] {
			label = 1
		}
		m.Labels = append(m.Labels, label)
	}
	o := Options{Draws: 300, Seed: 3}
	want := mustEvaluate(t, s, .5, o)
	got, err := EvaluateMulti(m, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		got, want Value
	}{
		{"accuracy", got.Accuracy, want.Accuracy},
		{"balanced accuracy", got.BalancedAccuracy, want.BalancedAccuracy},
		{"macro AUC", got.MacroAUC, want.AUC},
		{"log loss", got.LogLoss, want.LogLoss},
		{"recall of yes", got.Classes[1].Recall, want.Sensitivity},
		{"recall of no", got.Classes[0].Recall, want.Specificity},
		{"precision of yes", got.Classes[1].Precision, want.Precision},
		{"F1 of yes", got.Classes[1].F1, want.F1},
	} {
		for _, d := range []float64{c.got.Value - c.want.Value, c.got.Low - c.want.Low, c.got.High - c.want.High} {
			if !(math.Abs(d) < 1e-12) {
				t.Errorf("%s: %v, binary %v", c.name, c.got, c.want)
			}
		}
	}
	if got.DrawnOver != "groups" || got.Groups != 30 {
		t.Errorf("drawn over %q of %d", got.DrawnOver, got.Groups)
	}
}

func TestMultiMissingClass(t *testing.T) {
	m := MultiSample{Classes: []string{"a", "b", "c"}, Labels: []int{0, 1, 1},
		Probs: []float64{.8, .1, .1, .2, .7, .1, .4, .3, .3}}
	r, err := EvaluateMulti(m, Options{Draws: 40})
	if err != nil {
		t.Fatal(err)
	}
	if r.MacroAUC.Known() || r.Classes[2].Recall.Known() || r.BalancedAccuracy.Value != .75 || r.Confusion[1][0] != 1 {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(strings.Join(r.Notes, ";"), `no image of class "c"`) {
		t.Errorf("notes %q", r.Notes)
	}
}

func TestMultiRefused(t *testing.T) {
	two := []string{"a", "b"}
	for want, s := range map[string]MultiSample{
		"no images":             {Classes: two},
		"want at least 2":       {Classes: two[:1], Labels: []int{0}, Probs: []float64{1}},
		"3 probabilities for 2": {Classes: two, Labels: []int{0, 1}, Probs: []float64{1, 0, 1}},
		"label 1 is 2":          {Classes: two, Labels: []int{0, 2}, Probs: []float64{1, 0, 1, 0}},
		"score 2 is NaN":        {Classes: two, Labels: []int{0, 1}, Probs: []float64{1, 0, math.NaN(), 0}},
	} {
		if _, err := EvaluateMulti(s, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
