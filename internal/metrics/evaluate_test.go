package metrics

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// patients makes a sample of groups whose images resemble each other: each
// patient shifts all of its own scores by spread times a normal number.
func patients(count, each int, spread float64, seed uint64) Sample {
	r := rand.New(rand.NewPCG(seed, 1))
	var s Sample
	for g := range count {
		shift := spread * r.NormFloat64()
		for i := range each {
			positive := i%2 == 0
			z := shift + r.NormFloat64() - 1
			if positive {
				z += 2
			}
			s.Scores = append(s.Scores, 1/(1+math.Exp(-z)))
			s.Labels = append(s.Labels, positive)
			s.Groups = append(s.Groups, fmt.Sprintf("C%dP%d", g, g))
		}
	}
	return s
}

func mustEvaluate(t *testing.T, s Sample, threshold float64, o Options) *Result {
	t.Helper()
	r, err := Evaluate(s, threshold, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSameForAnyThreads(t *testing.T) {
	s := patients(30, 20, 1, 1)
	want := mustEvaluate(t, s, .5, Options{Draws: 301, Seed: 9, Threads: 1})
	for _, threads := range []int{2, 3, 64} {
		got := mustEvaluate(t, s, .5, Options{Draws: 301, Seed: 9, Threads: threads})
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d threads: %+v, one thread %+v", threads, got, want)
		}
	}
	if other := mustEvaluate(t, s, .5, Options{Draws: 301, Seed: 10}); other.AUC == want.AUC {
		t.Error("another seed gives the same interval")
	}
}

// TestOrderOfImages: with groups, the order of the images must not matter.
// Sums of floats may differ in the last bit.
func TestOrderOfImages(t *testing.T) {
	s := patients(25, 10, 1, 2)
	var o Sample
	for _, i := range rand.New(rand.NewPCG(3, 3)).Perm(len(s.Scores)) {
		o.Scores, o.Labels, o.Groups = append(o.Scores, s.Scores[i]), append(o.Labels, s.Labels[i]), append(o.Groups, s.Groups[i])
	}
	a, b := mustEvaluate(t, s, .5, Options{Draws: 200}), mustEvaluate(t, o, .5, Options{Draws: 200})
	for i, m := range a.Metrics() {
		n := b.Metrics()[i].Value
		if math.Abs(m.Value.Value-n.Value) > 1e-12 || math.Abs(m.Value.Low-n.Low) > 1e-12 || math.Abs(m.Value.High-n.High) > 1e-12 {
			t.Errorf("%s: %v, shuffled %v", m.Key, m.Value, n)
		}
	}
}

// TestWidth compares the interval of accuracy with theory: over images its
// half-width is 1.96·√(a(1−a)/n); over groups of equal size it is that of the
// mean of the groups' accuracies, 1.96·sd/√G.
func TestWidth(t *testing.T) {
	s := patients(100, 40, 1.5, 4)
	half := func(v Value) float64 { return (v.High - v.Low) / 2 }

	r := mustEvaluate(t, s, .5, Options{Images: true, Draws: 4000})
	a := r.Accuracy.Value
	want := 1.96 * math.Sqrt(a*(1-a)/float64(r.Images))
	if got := half(r.Accuracy); math.Abs(got/want-1) > .06 {
		t.Errorf("over images: half-width %.5f, theory %.5f", got, want)
	}

	g := mustEvaluate(t, s, .5, Options{Draws: 4000})
	variance := 0.0
	groups := ByGroup(s, .5)
	for _, row := range groups {
		variance += math.Pow(row.Confusion.Accuracy()-a, 2) / float64(len(groups))
	}
	want = 1.96 * math.Sqrt(variance/float64(len(groups)))
	if got := half(g.Accuracy); math.Abs(got/want-1) > .06 {
		t.Errorf("over groups: half-width %.5f, theory %.5f", got, want)
	}
	if half(g.Accuracy) < 1.5*half(r.Accuracy) {
		t.Errorf("images that resemble each other must widen the interval: %.5f over groups, %.5f over images",
			half(g.Accuracy), half(r.Accuracy))
	}
	if g.DrawnOver != "groups" || r.DrawnOver != "images" || g.Groups != 100 || r.Groups != 100 {
		t.Errorf("drawn over %q of %d and %q of %d", g.DrawnOver, g.Groups, r.DrawnOver, r.Groups)
	}
}

// TestDraws: each unit is drawn U times in U draws on average, and the count
// of a unit has the variance of a binomial.
func TestDraws(t *testing.T) {
	const u, draws = 50, 4000
	weight := make([]int32, u)
	sum, square := make([]float64, u), 0.0
	for b := range draws {
		draw(weight, 1, b)
		total := 0
		for k, w := range weight {
			sum[k] += float64(w)
			square += math.Pow(float64(w)-1, 2)
			total += int(w)
		}
		if total != u {
			t.Fatalf("draw %d holds %d units, want %d", b, total, u)
		}
	}
	for k, v := range sum {
		if math.Abs(v/draws-1) > .08 {
			t.Errorf("unit %d is drawn %.3f times on average, want 1", k, v/draws)
		}
	}
	if v := square / u / draws; math.Abs(v-(1-1./u)) > .02 {
		t.Errorf("variance of the counts is %.3f, want %.3f", v, 1-1./u)
	}
}

func TestOneClass(t *testing.T) {
	s := Sample{Scores: []float64{.2, .7, .9}, Labels: []bool{false, false, false}, Groups: []string{"a", "b", "c"}}
	r := mustEvaluate(t, s, .5, Options{Draws: 50})
	for _, v := range []Value{r.Sensitivity, r.BalancedAccuracy, r.MCC, r.AUC, r.AveragePrecision} {
		if v.Known() || v.HasInterval() {
			t.Errorf("a metric that needs positives is %v", v)
		}
	}
	if r.Specificity.Value != 1./3 || !r.Specificity.HasInterval() {
		t.Errorf("specificity %v", r.Specificity)
	}
	if notes := strings.Join(r.Notes, "; "); !strings.Contains(notes, "no positive image") || !strings.Contains(notes, "only 3 groups") {
		t.Errorf("notes %q", notes)
	}
	if ROC(s.Scores, s.Labels) != nil || PR(s.Scores, s.Labels) != nil || ROCBand(s, 10, Options{}) != nil {
		t.Error("one class gives curves")
	}
}

func TestSingleGroup(t *testing.T) {
	s := patients(1, 20, 0, 1)
	r := mustEvaluate(t, s, .5, Options{Draws: 50})
	if r.Accuracy.HasInterval() || !strings.Contains(r.Notes[0], "single group") {
		t.Errorf("accuracy %v, notes %q", r.Accuracy, r.Notes)
	}
}

func TestRefused(t *testing.T) {
	for want, s := range map[string]Sample{
		"no images":                {},
		"2 scores but 1 labels":    {Scores: []float64{0, 1}, Labels: []bool{true}},
		"1 scores but 2 groups":    {Scores: []float64{0}, Labels: []bool{true}, Groups: []string{"", ""}},
		"score 1 is NaN":           {Scores: []float64{0, math.NaN()}, Labels: []bool{true, true}},
		"score 0 is 1.5, want a p": {Scores: []float64{1.5}, Labels: []bool{true}},
	} {
		if _, err := Evaluate(s, .5, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := Evaluate(patients(2, 2, 0, 1), math.NaN(), Options{}); err == nil {
		t.Error("threshold NaN is accepted")
	}
}

func TestJSON(t *testing.T) {
	s := Sample{Scores: []float64{.2, .7}, Labels: []bool{false, false}}
	b, err := json.Marshal(mustEvaluate(t, s, .5, Options{Draws: 50}))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `"auc":{"value":null,"low":null,"high":null}`) {
		t.Errorf("undefined AUC in %s", b)
	}
	var back Result
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if back.AUC.Known() || back.Specificity.Value != .5 || back.Confusion.FP != 1 {
		t.Errorf("read back %+v", back)
	}
}

func TestROCBand(t *testing.T) {
	s := patients(40, 30, 1, 6)
	band := ROCBand(s, 50, Options{Draws: 400})
	if len(band) != 51 || band[50].Low != 1 || band[50].High != 1 {
		t.Fatalf("%d points, last %+v", len(band), band[len(band)-1])
	}
	roc := ROC(s.Scores, s.Labels)
	for _, b := range band[1:50] {
		at := 0.0 // the curve's own height there
		for k := 1; k < len(roc); k++ {
			if roc[k].FPR > b.FPR {
				break
			}
			at = roc[k].TPR
		}
		if b.Low > at+.02 || b.High < at-.02 || b.High-b.Low > .5 {
			t.Errorf("band %+v does not hold the curve, %.3f", b, at)
		}
	}
}

func BenchmarkEvaluate8000(b *testing.B) {
	s := patients(125, 64, 1, 1)
	for b.Loop() {
		if _, err := Evaluate(s, .5, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEvaluate8000Images(b *testing.B) {
	s := patients(125, 64, 1, 1)
	for b.Loop() {
		if _, err := Evaluate(s, .5, Options{Images: true}); err != nil {
			b.Fatal(err)
		}
	}
}
