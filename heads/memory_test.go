package heads

import (
	"math"
	"runtime"
	"testing"
)

// live is the heap in use.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What is stated before anything is allocated is what a trainer allocates.
func TestTrainingMemory(t *testing.T) {
	for _, s := range []Spec{
		{Model: "baseline", Input: []int{3, 64, 64}, Dropout: 0.2, Seed: 1},
		{Input: []int{512, 7, 7}, Hidden: 128, Seed: 2},
	} {
		for _, o := range []TrainOptions{{Batch: 32}, {Batch: 64, Accumulate: 4, EMA: 0.99}, {Batch: 16, Optimiser: "sgd"}} {
			h := build(t, s)
			x, labels := items(h, o.Batch, 1)
			empty := live()
			stated, err := h.TrainingMemory(o)
			if err != nil {
				t.Fatal(err)
			}
			if n := live() - empty; n > stated/100 {
				t.Errorf("%s %+v: stating %d bytes took %d", s.Model, o, stated, n)
			}
			empty = live()
			tr := trainer(t, h, o)
			steps(t, tr, x, labels, 1e-3)
			taken, scratch := live()-empty, tr.dev.ScratchBytes()
			if off := math.Abs(float64(stated)/float64(taken) - 1); off > 0.15 {
				t.Errorf("%s %+v: stated %d bytes, taken %d: %.1f %% off", s.Model, o, stated, taken, 100*off)
			}
			if tr.Memory() != stated {
				t.Errorf("%s %+v: Memory is %d, want %d", s.Model, o, tr.Memory(), stated)
			}
			if said := tr.machine.Scratch().Bytes(tr.dev.Threads()); scratch != said {
				t.Errorf("%s %+v: %d bytes of scratch reserved, %d held after some steps", s.Model, o, said, scratch)
			}
			t.Logf("%s %+v: stated %.2f MiB, of that scratch %.2f, taken %.2f", s.Model, o, float64(stated)/(1<<20), float64(scratch)/(1<<20), float64(taken)/(1<<20))
			runtime.KeepAlive(x)
			tr.Close()
		}
	}
}
