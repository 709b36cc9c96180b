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
			if off := math.Abs(float64(stated+scratch)/float64(taken) - 1); off > 0.15 {
				t.Errorf("%s %+v: stated %d bytes and %d of scratch, taken %d: %.1f %% off", s.Model, o, stated, scratch, taken, 100*off)
			}
			if tr.Memory() != stated+scratch {
				t.Errorf("%s %+v: Memory is %d, want %d + %d", s.Model, o, tr.Memory(), stated, scratch)
			}
			t.Logf("%s %+v: stated %.2f MiB, scratch %.2f, taken %.2f", s.Model, o, float64(stated)/(1<<20), float64(scratch)/(1<<20), float64(taken)/(1<<20))
			runtime.KeepAlive(x)
			tr.Close()
		}
	}
}
