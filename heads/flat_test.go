package heads

import (
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// Goroutines and memory stay flat over 5,000 training steps with TL_SOAK=1,
// over 200 else: of a head and of the baseline CNN, with a short batch at each
// end of the items, as an epoch has.
func TestTrainingIsFlat(t *testing.T) {
	for name, s := range map[string]Spec{
		"head":     {Input: []int{64, 4, 4}, Hidden: 32, Dropout: 0.3, Seed: 1},
		"baseline": {Model: ModelBaseline, Input: []int{3, 32, 32}, Seed: 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := build(t, s)
			tr := trainer(t, h, TrainOptions{Batch: 16, Threads: 2})
			const epoch = 10
			x, labels := items(h, epoch*16-5, 3)
			testkit.Flat(t, "steps", testkit.Soak(200, 5000), epoch, func() { steps(t, tr, x, labels, 1e-4) })
		})
	}
}

// So do they over trainers that are made and closed.
func TestTrainersAreFlat(t *testing.T) {
	h := build(t, Spec{Input: []int{64, 4, 4}, Hidden: 32, Dropout: 0.3, Seed: 1})
	x, labels := items(h, 16, 3)
	testkit.Flat(t, "trainers", testkit.Soak(20, 500), 1, func() {
		tr, err := h.Trainer(TrainOptions{Batch: 16, Threads: 2})
		if err != nil {
			t.Fatal(err)
		}
		steps(t, tr, x, labels, 1e-4)
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
