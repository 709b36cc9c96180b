package metrics

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
)

// worse returns s with the scores of every kth image turned round.
func worse(s Sample, k int) Sample {
	out := Sample{Scores: append([]float64(nil), s.Scores...), Labels: s.Labels, Groups: s.Groups}
	for i := 0; i < len(out.Scores); i += k {
		out.Scores[i] = 1 - out.Scores[i]
	}
	return out
}

func TestCompare(t *testing.T) {
	a := patients(40, 25, .5, 1)
	b := worse(a, 7)
	o := Options{Draws: 500, Seed: 4}
	d, err := Compare(a, b, .5, .5, o)
	if err != nil {
		t.Fatal(err)
	}
	ra, rb := mustEvaluate(t, a, .5, o), mustEvaluate(t, b, .5, o)
	for i, m := range ra.Metrics() {
		want := m.Value.Value - rb.Metrics()[i].Value.Value
		if math.Abs(d.Metrics[i].Value.Value-want) > 1e-12 || d.Metrics[i].Key != m.Key {
			t.Errorf("%s: difference %v, want %v", m.Key, d.Metrics[i], want)
		}
		if d.Metrics[i].Winner() != 1 {
			t.Errorf("%s: the better model does not win: %+v", m.Key, d.Metrics[i])
		}
	}
	accuracy, _ := d.Metric("accuracy")
	// The models agree on most images, so the paired interval is narrower
	// than the two models' own.
	if got, own := accuracy.High-accuracy.Low, ra.Accuracy.High-ra.Accuracy.Low; got > own {
		t.Errorf("paired width %.4f, single width %.4f", got, own)
	}
	net := float64(d.McNemar.OnlyA-d.McNemar.OnlyB) / float64(len(a.Scores))
	if math.Abs(net-accuracy.Value.Value) > 1e-12 || d.McNemar.P > 1e-3 {
		t.Errorf("McNemar %+v, accuracy difference %v", d.McNemar, accuracy.Value)
	}

	back, err := Compare(b, a, .5, .5, o)
	if err != nil {
		t.Fatal(err)
	}
	if m, _ := back.Metric("brier"); m.Winner() != -1 {
		t.Errorf("Brier of the worse model first: %+v wins %d, want −1", m, m.Winner())
	}
}

func TestCompareSame(t *testing.T) {
	a := patients(10, 10, 1, 1)
	d, err := Compare(a, a, .5, .5, Options{Draws: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range d.Metrics {
		if m.Value != (Value{}) || m.Winner() != 0 {
			t.Errorf("%s: a model differs from itself: %+v", m.Key, m)
		}
	}
	if d.McNemar.P != 1 {
		t.Errorf("McNemar %+v", d.McNemar)
	}
	b, err := json.Marshal(d)
	if err != nil || !strings.Contains(string(b), `{"key":"accuracy","title":"Accuracy","better":1,"value":0,"low":0,"high":0}`) {
		t.Errorf("%v: %s", err, b)
	}
	var back Difference
	if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(&back, d) {
		t.Errorf("read back %+v, %v", back, err)
	}
}

func TestCompareRefusesOtherImages(t *testing.T) {
	a := patients(4, 6, 1, 1)
	b := worse(a, 3)
	b.Labels = append([]bool(nil), a.Labels...)
	b.Labels[0] = !b.Labels[0]
	if _, err := Compare(a, b, .5, .5, Options{}); err == nil || !strings.Contains(err.Error(), "same images") {
		t.Errorf("other labels: %v", err)
	}
}

func TestByGroup(t *testing.T) {
	s := Sample{
		Scores: []float64{.9, .2, .8, .1, .6, .7},
		Labels: []bool{true, true, true, false, false, false},
		Groups: []string{"b", "b", "a", "a", "c", "c"},
	}
	groups := ByGroup(s, .5)
	if len(groups) != 3 || groups[0].Name != "a" || groups[1].Confusion != (Confusion{TP: 1, FN: 1}) {
		t.Fatalf("groups %+v", groups)
	}
	if m := groups[2].MeanScore; math.Abs(m-.65) > 1e-15 || groups[2].Apparent() != 1 {
		t.Errorf("c: mean score %v, apparent %v", m, groups[2].Apparent())
	}
	if w := Worst(groups, 2); w[0].Name != "c" || w[1].Name != "b" {
		t.Errorf("worst %+v", w)
	}
	sum := Summarise(groups, 0)
	if sum.Accuracy.Median != .5 || sum.Accuracy.Min != 0 || sum.Sensitivity.Groups != 2 || sum.Sensitivity.Mean != .75 {
		t.Errorf("summary %+v", sum)
	}
	if math.Abs(sum.Accuracy.WorstDecile-.1) > 1e-15 {
		t.Errorf("worst decile %v", sum.Accuracy.WorstDecile)
	}
	b, err := json.Marshal(groups[1])
	if err != nil || !strings.Contains(string(b), `"specificity":null`) {
		t.Errorf("%v: %s", err, b)
	}
	if ByGroup(Sample{Scores: s.Scores, Labels: s.Labels}, .5) != nil {
		t.Error("groups out of nothing")
	}
}
