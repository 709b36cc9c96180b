package heads

import (
	"errors"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// Averages by hand from the parameters after each step; within Averaged they
// are the network, outside they are not.
func TestAveraged(t *testing.T) {
	h := build(t, Spec{Input: []int{6}, Hidden: 3, Seed: 1})
	tr := trainer(t, h, TrainOptions{Batch: 8, EMA: 0.3})
	x, labels := items(h, 80, 2)
	var average []float64
	for _, v := range flatParams(h) {
		average = append(average, float64(v))
	}
	for i := range 10 {
		steps(t, tr, x[i*8*6:(i+1)*8*6], labels[i*8:(i+1)*8], 0.1)
		d := min(0.3, float64(2+i)/float64(11+i))
		for j, v := range flatParams(h) {
			average[j] = d*average[j] + (1-d)*float64(v)
		}
	}
	var want []float32
	for _, v := range average {
		want = append(want, float32(v))
	}
	trained, state := flatParams(h), tr.State()
	failed := errors.New("failed")
	err := tr.Averaged(func() error {
		testkit.Compare(t, "averages", flatParams(h), want, testkit.Close)
		if _, err := tr.Step(x[:8*6], labels, 8, 0.1); err == nil || !strings.Contains(err.Error(), "within Averaged") {
			t.Errorf("a step within Averaged: error %v", err)
		}
		return failed
	})
	if err != failed {
		t.Errorf("error %v, want f's", err)
	}
	testkit.Compare(t, "trained parameters", flatParams(h), trained, testkit.Exact)
	for i, a := range tr.State() {
		testkit.Compare(t, a.Name, a.Data, state[i].Data, testkit.Exact)
	}
}

// Without an average, and before the first step, the network is as it is.
func TestAveragedWithoutAverages(t *testing.T) {
	h := build(t, Spec{Input: []int{6}, Seed: 1})
	before := flatParams(h)
	x, labels := items(h, 8, 2)
	for _, ema := range []float64{0, 0.9} {
		tr := trainer(t, h, TrainOptions{Batch: 8, EMA: ema})
		if ema == 0 {
			steps(t, tr, x, labels, 0.1)
			before = flatParams(h)
		}
		if err := tr.Averaged(func() error {
			testkit.Compare(t, "parameters", flatParams(h), before, testkit.Exact)
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
}
