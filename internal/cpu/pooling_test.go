package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// eachWindow calls f for every pixel (h,v) inside the image of every window.
func eachWindow(s PoolShape, f func(plane, p, q, h, v int)) {
	for i := range s.N * s.C {
		for p := range s.OH {
			for q := range s.OW {
				for r := range s.R {
					for t := range s.S {
						h, v := p*s.StrideH-s.PadTop+r*s.DilationH, q*s.StrideW-s.PadLeft+t*s.DilationW
						if h >= 0 && h < s.H && v >= 0 && v < s.W {
							f(i, p, q, h, v)
						}
					}
				}
			}
		}
	}
}

func drawPool(t *rapid.T) PoolShape {
	draw := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
	s := PoolShape{N: draw("N", 1, 2), C: draw("C", 1, 3), H: draw("H", 4, 40), W: draw("W", 4, 40),
		R: draw("R", 1, 3), S: draw("S", 1, 3), StrideH: draw("StrideH", 1, 3), StrideW: draw("StrideW", 1, 3),
		DilationH: 1, DilationW: 1}
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0: // as in the baseline CNN
		s.R, s.S, s.StrideH, s.StrideW = 2, 2, 2, 2
	case 1: // as in ResNet
		s.R, s.S, s.StrideH, s.StrideW, s.PadTop, s.PadLeft = 3, 3, 2, 2, 1, 1
	case 2:
		s.PadTop, s.PadLeft = draw("PadTop", 0, s.R/2), draw("PadLeft", 0, s.S/2)
		s.DilationH = draw("DilationH", 1, 2)
	}
	s.H = max(s.H, (s.R-1)*s.DilationH+1-2*s.PadTop) // holds the window, as 4 columns do
	s.OH = (s.H+2*s.PadTop-(s.R-1)*s.DilationH-1)/s.StrideH + 1
	s.OW = (s.W+2*s.PadLeft-s.S)/s.StrideW + 1
	return s
}

func TestPoolingMatchesPlainLoop(t *testing.T) {
	list := devices(t)
	rapid.Check(t, func(t *rapid.T) {
		s := drawPool(t)
		countPad := rapid.Bool().Draw(t, "countPad")
		r := rand.New(rand.NewPCG(11, rapid.Uint64().Draw(t, "seed")))
		x, dy := random(r, s.N*s.C*s.H*s.W), random(r, s.N*s.C*s.OH*s.OW)
		for range rapid.IntRange(0, 2).Draw(t, "ties") {
			x[r.IntN(len(x))] = x[r.IntN(len(x))]
		}
		most, first := make([]float64, len(dy)), make([]int, len(dy))
		sum, count := make([]float64, len(dy)), make([]int, len(dy))
		for i := range most {
			most[i] = math.Inf(-1)
		}
		out := func(plane, p, q int) int { return (plane*s.OH+p)*s.OW + q }
		eachWindow(s, func(plane, p, q, h, v int) {
			i, o := (plane*s.H+h)*s.W+v, out(plane, p, q)
			if float64(x[i]) > most[o] {
				most[o], first[o] = float64(x[i]), i
			}
			sum[o] += float64(x[i])
			count[o]++
		})
		maxGrad, avgGrad := make([]float64, len(x)), make([]float64, len(x))
		for o := range sum {
			if countPad {
				count[o] = s.R * s.S
			}
			sum[o] /= float64(count[o])
			maxGrad[first[o]] += float64(dy[o])
		}
		eachWindow(s, func(plane, p, q, h, v int) {
			o := out(plane, p, q)
			avgGrad[(plane*s.H+h)*s.W+v] += float64(dy[o]) / float64(count[o])
		})
		for _, d := range list {
			y, check := guarded(len(dy))
			d.MaxPool(s, y, x)
			fail(t, near(d.Name()+" max", y, most, 1), check("max"))
			dx, checkX := guarded(len(x))
			d.MaxPoolGrad(s, dx, dy, y, x)
			fail(t, near(d.Name()+" max gradient", dx, maxGrad, 1), checkX("max gradient"))
			d.AvgPool(s, y, x, countPad)
			fail(t, near(d.Name()+" mean", y, sum, 1), check("mean"))
			d.AvgPoolGrad(s, dx, dy, countPad)
			fail(t, near(d.Name()+" mean gradient", dx, avgGrad, 1), checkX("mean gradient"))
		}
	})
}

func TestMaxPoolKeepsNaN(t *testing.T) {
	nan := float32(math.NaN())
	for _, s := range []PoolShape{
		{N: 1, C: 1, H: 40, W: 40, R: 2, S: 2, OH: 20, OW: 20, StrideH: 2, StrideW: 2, DilationH: 1, DilationW: 1},
		{N: 1, C: 1, H: 40, W: 40, R: 3, S: 3, OH: 20, OW: 20, StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, DilationH: 1, DilationW: 1},
	} {
		for _, d := range devices(t) {
			for _, at := range []int{0, 41, 39, 1599, 15*40 + 17} {
				x, y, dx, dy := make([]float32, 1600), make([]float32, 400), make([]float32, 1600), make([]float32, 400)
				x[at] = nan
				for i := range dy {
					dy[i] = 1
				}
				d.MaxPool(s, y, x)
				o := at/40/2*20 + at%40/2
				if y[o] == y[o] {
					t.Errorf("%s: window %d holds a NaN at %d but gives %g", d.Name(), o, at, y[o])
				}
				d.MaxPoolGrad(s, dx, dy, y, x)
				if dx[at] < 1 {
					t.Errorf("%s: the NaN's pixel takes gradient %g, want at least 1", d.Name(), dx[at])
				}
			}
		}
	}
}

// Windows beyond the padding (ceil_mode) are not counted by AvgPool.
func TestAvgPoolBeyondPadding(t *testing.T) {
	s := PoolShape{N: 1, C: 1, H: 4, W: 4, R: 3, S: 3, OH: 2, OW: 2, StrideH: 2, StrideW: 2, DilationH: 1, DilationW: 1, BeyondH: 1, BeyondW: 1}
	x := make([]float32, 16)
	for i := range x {
		x[i] = 1
	}
	for _, d := range devices(t) {
		y := make([]float32, 4)
		d.AvgPool(s, y, x, true)
		for i, v := range y {
			if v != 1 {
				t.Errorf("%s: mean %d of ones is %g", d.Name(), i, v)
			}
		}
	}
}
