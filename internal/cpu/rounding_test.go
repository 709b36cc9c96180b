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
			e := relative(plain(d, y), want)
			t.Logf("%-24s %-14v relative L2 error %.2g", d.Name(), a, e)
			if e > rounding(a) {
				t.Errorf("%s %v: relative L2 error %g, wanted at most %g", d.Name(), a, e, rounding(a))
			}
		}
	}
}

// TestRoundingOfGradients does the same for the gradient by the weights of 32
// images, whose dy is normal.
func TestRoundingOfGradients(t *testing.T) {
	s := tiled(32, 64, 48, 10, 10)
	r := rand.New(rand.NewPCG(1, 3))
	x, dy := random(r, s.N*s.C*s.H*s.W), random(r, s.N*s.K*s.OH*s.OW)
	for i, v := range x {
		x[i] = max(v, 0)
	}
	want := make([]float64, s.K*s.depth())
	naiveTaps(s, func(n, k, c, r, t, p, q, h, v int) {
		want[((k*s.C+c)*3+r)*3+t] += float64(x[((n*s.C+c)*s.H+h)*s.W+v]) * float64(dy[((n*s.K+k)*s.OH+p)*s.OW+q])
	})
	for _, d := range devices(t) {
		for _, a := range []Algorithm{Direct, Winograd2, Winograd4, Winograd5, Winograd6} {
			dw := make([]float32, len(want))
			if a == Direct {
				d.convGradMatrix(s, dw, dy, x)
			} else {
				d.convGradTiled(a, s, dw, dy, x)
			}
			e := relative(dw, want)
			t.Logf("%-24s %-14v relative L2 error %.2g", d.Name(), a, e)
			if e > rounding(a) {
				t.Errorf("%s %v: relative L2 error %g, wanted at most %g", d.Name(), a, e, rounding(a))
			}
		}
	}
}

// relative is the L2 norm of got - want over that of want.
func relative(got []float32, want []float64) float64 {
	var diff, norm float64
	for i, v := range got {
		diff += (float64(v) - want[i]) * (float64(v) - want[i])
		norm += want[i] * want[i]
	}
	return math.Sqrt(diff / norm)
}
