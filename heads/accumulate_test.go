package heads

import (
	"fmt"
	"math"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// A batch in parts gives the loss and the gradients of the whole one, to
// float32's rounding: with dropout on odd numbers of values a row, class
// weights, short batches, and parts that do not divide the batch.
func TestAccumulateChangesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		spec    Spec
		weights []float64
	}{
		"baseline": {Spec{Model: "baseline", Input: []int{3, 15, 16}, Dropout: 0.2, Seed: 1}, []float64{1, 3}},
		"hidden":   {Spec{Input: []int{5, 3, 3}, Hidden: 7, Dropout: 0.4, Seed: 2}, nil},
		"softmax":  {Spec{Input: []int{21}, Hidden: 9, Dropout: 0.3, Classes: 3, Seed: 3}, []float64{1, 0.25, 4}},
	} {
		h := build(t, c.spec)
		x, labels := items(h, 16, 4)
		o := TrainOptions{Batch: 16, ClassWeights: c.weights, Seed: 5}
		whole := trainer(t, h, o)
		for _, parts := range []int{2, 3, 5, 16} {
			o.Accumulate = parts
			split := trainer(t, h, o)
			for _, n := range []int{16, 11, 1} {
				loss, want, err := whole.Gradients(x[:n*h.InputSize()], labels, n)
				if err != nil {
					t.Fatal(err)
				}
				sum, got, err := split.Gradients(x[:n*h.InputSize()], labels, n)
				if err != nil {
					t.Fatal(err)
				}
				if math.Abs(sum-loss) > float64(testkit.Close)*loss {
					t.Errorf("%s, %d items in %d parts: loss %g, want %g", name, n, parts, sum, loss)
				}
				for i, p := range h.Params() {
					testkit.Compare(t, fmt.Sprintf("%s, %d items in %d parts, %s", name, n, parts, p.Name), got[i], want[i], testkit.Close)
				}
			}
		}
	}
}

// A loss that is not finite in a later part leaves nothing of the earlier ones.
func TestAccumulateErrors(t *testing.T) {
	h := build(t, Spec{Input: []int{6}, Hidden: 3, Seed: 1})
	tr := trainer(t, h, TrainOptions{Batch: 4, Accumulate: 2})
	x, labels := items(h, 4, 2)
	_, want, err := tr.Gradients(x, labels, 4)
	if err != nil {
		t.Fatal(err)
	}
	before := flatParams(h)
	bad := append([]float32(nil), x...)
	bad[3*6] = float32(math.NaN())
	if _, err := tr.Step(bad, labels, 4, 0.1); err == nil {
		t.Error("a loss that is not finite: no error")
	}
	testkit.Compare(t, "parameters", flatParams(h), before, testkit.Exact)
	_, got, err := tr.Gradients(x, labels, 4)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		testkit.Compare(t, "gradients afterwards", got[i], want[i], testkit.Exact)
	}
	for _, o := range []TrainOptions{{Accumulate: -1}, {Batch: 4, Accumulate: 5}, {Clip: -1}, {EMA: 1}, {BodyRate: -1}, {BodyL2: math.NaN()}} {
		if _, err := h.Trainer(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}
