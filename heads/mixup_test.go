package heads

import (
	"math"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// The loss and the gradient of a mixture are those of its two classes, mixed:
// (s·W₁·l₁ + (1−s)·W₂·l₂) / (s·W₁ + (1−s)·W₂), W the sums of class weights.
func TestMixedLosses(t *testing.T) {
	for _, c := range []struct {
		name string
		spec Spec
		o    TrainOptions
	}{
		{"two classes", Spec{Model: "head", Input: []int{6}, Head: "flat", Classes: 2, Seed: 1}, TrainOptions{}},
		{"three, weighted, in parts", Spec{Model: "head", Input: []int{6}, Head: "flat", Hidden: 5, Classes: 3, Seed: 2}, TrainOptions{ClassWeights: []float64{1, 2, 3}, Accumulate: 3}},
		{"baseline", Spec{Model: "baseline", Input: []int{3, 16, 16}, Dropout: -1, Seed: 3}, TrainOptions{ClassWeights: []float64{2, 1}}},
	} {
		h, err := New(c.spec)
		if err != nil {
			t.Fatal(err)
		}
		const n, share = 7, 0.3
		x, labels := items(h, n, 4)
		_, others := items(h, n, 5)
		c.o.Batch = 8
		trainer := func(mixup bool) *Trainer {
			o := c.o
			o.Mixup = mixup
			tr, err := h.Trainer(o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { tr.Close() })
			return tr
		}
		plain, mixed := trainer(false), trainer(true)
		of := func(labels []int) (loss, weight float64, grads []float32) {
			loss, list, err := plain.Gradients(x, labels, n)
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range list {
				grads = append(grads, g...)
			}
			for _, c := range labels {
				weight += float64(plain.classWeight(c))
			}
			return loss, weight, grads
		}
		l1, w1, g1 := of(labels)
		l2, w2, g2 := of(others)
		a, b := share*w1/(share*w1+(1-share)*w2), (1-share)*w2/(share*w1+(1-share)*w2)
		want := make([]float32, len(g1))
		for i := range want {
			want[i] = float32(a*float64(g1[i]) + b*float64(g2[i]))
		}
		loss, err := mixed.run(x, labels, Mix{Others: others, Share: share}, n)
		if err != nil {
			t.Fatal(err)
		}
		var got []float32
		for _, g := range mixed.machine.Gradients() {
			got = append(got, g...)
		}
		mixed.machine.ZeroGrad()
		testkit.Compare(t, c.name+" gradient", got, want, testkit.Close)
		if math.Abs(loss-(a*l1+b*l2)) > 1e-5 {
			t.Errorf("%s: loss %g, of its classes %g", c.name, loss, a*l1+b*l2)
		}
		// Whole items are as without mixup.
		if loss, err := mixed.run(x, labels, Mix{Share: 1}, n); err != nil || math.Abs(loss-l1) > 1e-6 {
			t.Errorf("%s: unmixed loss %g, %g without mixup (%v)", c.name, loss, l1, err)
		}
		mixed.machine.ZeroGrad()
		for _, bad := range []Mix{{Share: -1}, {Share: math.NaN()}, {Share: 0.5}, {Share: 0.5, Others: []int{9, 9, 9, 9, 9, 9, 9}}} {
			if _, err := mixed.StepMixed(x, labels, bad, n, 0.1); err == nil || !strings.Contains(err.Error(), "want") {
				t.Errorf("%s: %+v: %v", c.name, bad, err)
			}
		}
		if _, err := plain.StepMixed(x, labels, Mix{Others: others, Share: share}, n, 0.1); err == nil {
			t.Errorf("%s: a trainer without Mixup mixed", c.name)
		}
	}
}
