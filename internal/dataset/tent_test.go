package dataset

import (
	"math"
	"testing"
)

// Every source pixel that the formula gives a weight has it, and no other.
func TestTentWeights(t *testing.T) {
	for n := 1; n <= 70; n++ {
		for size := 1; size <= 70; size++ {
			w := newTent(n, size)
			for o := range size {
				sum, want := 0.0, make([]float64, n)
				for i := range n {
					c := (float64(o)+.5)*float64(n)/float64(size) - .5
					want[i] = max(0, 1-math.Abs(float64(i)-c)/max(1, float64(n)/float64(size)))
					sum += want[i]
				}
				for i := range n {
					got := float32(0)
					if k := i - w.first[o]; k >= 0 && k < w.taps {
						got = w.weight[o*w.taps+k]
					}
					if math.Abs(float64(got)-want[i]/sum) > 1e-7 {
						t.Fatalf("%d → %d: pixel %d weighs %g in %d, want %g", n, size, i, got, o, want[i]/sum)
					}
				}
			}
		}
	}
}
