package cpu

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestRounding measures what each algorithm loses in a convolution of 256
// channels of clamped normal numbers, as behind a ReLU, against the plain loop
// in float64; the figures of docs/performance.md (go test -v -run Rounding).
func TestRounding(t *testing.T) {
	s := tiled(1, 256, 16, 60, 60)
	r := rand.New(rand.NewPCG(1, 2))
	x, w := random(r, s.C*s.H*s.W), random(r, s.K*s.depth())
	for i, v := range x {
		x[i] = max(v, 0)
	}
	want := naiveConv(s, x, w, Epilogue{})
	for _, d := range devices(t) {
		for _, a := range []Algorithm{Direct, Winograd2, Winograd4, Winograd5, Winograd6} {
			y := d.Blocks(make([]float32, d.BlocksSize(1, s.K, s.OH, s.OW)), 1, s.K, s.OH, s.OW)
			d.BlockConv(d.PackBlockConv(s, w, nil, a), y, blocksOf(d, x, 1, s.C, s.H, s.W, 0), BlockEpilogue{})
			var diff, norm float64
			for i, v := range plain(d, y) {
				diff += (float64(v) - want[i]) * (float64(v) - want[i])
				norm += want[i] * want[i]
			}
			e := math.Sqrt(diff / norm)
			t.Logf("%-24s %-14v relative L2 error %.2g", d.Name(), a, e)
			if e > rounding(a) {
				t.Errorf("%s %v: relative L2 error %g, wanted at most %g", d.Name(), a, e, rounding(a))
			}
		}
	}
}
