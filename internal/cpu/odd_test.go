package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// oddPixels are numbers that broken networks and pictures hold, put one into
// each of the first images of x (N,C,H,W).
func oddPixels(r *rand.Rand, x []float32, n int) {
	size := len(x) / n
	for i, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		x[i*size+r.IntN(size)] = float32(v)
	}
}

// The clamps of the test below: none, that of ReLU, both sides, and not at 0.
var clamps = []BlockEpilogue{{}, {Clamp: true, Hi: float32(math.Inf(1))}, {Clamp: true, Hi: 6}, {Clamp: true, Lo: -0.5, Hi: 0.5}}

// checkOdd compares results (N,…) with those of the plain loop: a NaN stays
// one. Infinities do too or, with blurred, become NaN, as they do in
// transforms, which may also spread both over the image. Others are equal but
// for rounding.
func checkOdd(what string, got []float32, want []float64, n int, blurred bool) error {
	size := len(want) / n
	for i, w := range want {
		g := float64(got[i])
		odd := i/size < 3
		switch {
		case math.IsNaN(w) && !math.IsNaN(g):
		case math.IsInf(w, 0) && g != w && !(blurred && math.IsNaN(g)):
		case blurred && odd:
			continue
		case !(math.Abs(g-w) <= 1e-3*(1+math.Abs(w))) && g != w && !(math.IsNaN(g) && math.IsNaN(w)):
		default:
			continue
		}
		return fmt.Errorf("%s: image %d, number %d is %g, want %g", what, i/size, i%size, g, w)
	}
	return nil
}

// NaN and infinities reach every output that sees them, through every kernel
// that works on blocks, and no other image.
func TestBlocksPassOddNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, s := range []ConvShape{
		tiled(5, 19, 40, 13, 11),
		{N: 5, C: 19, H: 7, W: 9, K: 40, R: 1, S: 1, OH: 7, OW: 9, StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, Groups: 1},
		{N: 5, C: 3, H: 17, W: 15, K: 20, R: 5, S: 5, OH: 8, OW: 7, StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, DilationH: 1, DilationW: 1, Groups: 1},
	} {
		x, w, bias := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth()), random(r, s.K)
		oddPixels(r, x, s.N)
		for _, be := range clamps {
			want := naiveConv(s, x, w, Epilogue{Bias: bias, Clamp: be.Clamp, Lo: be.Lo, Hi: be.Hi})
			for _, d := range devices(t) {
				y := emptyBlocks(d, s.N, s.K, s.OH, s.OW)
				d.BlockStem(d.PackBlockStem(s, w, bias, Normalise{}), y, x, be)
				if err := checkOdd(fmt.Sprintf("%s stem %+v", d.Name(), be), plain(d, y), want, s.N, false); err != nil {
					t.Error(err)
				}
				for _, a := range []Algorithm{Direct, Winograd2, Winograd4, Winograd5, Winograd6} {
					if a != Direct && !s.CanWinograd() {
						continue
					}
					d.BlockConv(d.PackBlockConv(s, w, bias, a), y, blocksOf(d, x, s.N, s.C, s.H, s.W, 1), be)
					if err := checkOdd(fmt.Sprintf("%s %v %+v", d.Name(), a, be), plain(d, y), want, s.N, a != Direct); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
}

// The same through a Winograd convolution with the 2×2 maximum behind it.
func TestWinogradPoolPassesNaN(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	s := tiled(4, 19, 40, 12, 8)
	x, w := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth())
	oddPixels(r, x, s.N)
	for _, be := range clamps {
		all := naiveConv(s, x, w, Epilogue{Clamp: be.Clamp, Lo: be.Lo, Hi: be.Hi})
		be.Pool = true
		for _, d := range devices(t) {
			for _, a := range []Algorithm{Winograd2, Winograd4, Winograd6} {
				y := emptyBlocks(d, s.N, s.K, s.OH/2, s.OW/2)
				d.BlockConv(d.PackBlockConv(s, w, nil, a), y, blocksOf(d, x, s.N, s.C, s.H, s.W, 1), be)
				if err := checkOdd(fmt.Sprintf("%s pooled %v %+v", d.Name(), a, be), plain(d, y), pooled(all, s), s.N, true); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// pooled is the maximum of each 2×2 square of all (N,K,OH,OW), NaN where one is.
func pooled(all []float64, s ConvShape) []float64 {
	out := make([]float64, len(all)/4)
	for i := range out {
		plane, p, q := i/(s.OH/2*s.OW/2), i/(s.OW/2)%(s.OH/2), i%(s.OW/2)
		at := (plane*s.OH+2*p)*s.OW + 2*q
		out[i] = max(all[at], all[at+1], all[at+s.OW], all[at+s.OW+1])
	}
	return out
}

// The same through depthwise convolutions and pools.
func TestBlockWindowsPassOddNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 9))
	s := tiled(4, 19, 19, 9, 7)
	s.Groups = s.C
	x, w := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth())
	oddPixels(r, x, s.N)
	check := func(what string, got []float32, want []float64) {
		if err := checkOdd(what, got, want, s.N, false); err != nil {
			t.Error(err)
		}
	}
	for _, d := range devices(t) {
		in, y := blocksOf(d, x, s.N, s.C, s.H, s.W, 1), emptyBlocks(d, s.N, s.K, s.OH, s.OW)
		for _, be := range clamps {
			d.BlockDepthwise(d.PackBlockDepthwise(s, w, nil), y, in, be)
			check(fmt.Sprintf("%s depthwise %+v", d.Name(), be), plain(d, y), naiveConv(s, x, w, Epilogue{Clamp: be.Clamp, Lo: be.Lo, Hi: be.Hi}))
		}
		p := s.window()
		p.N, p.C = s.N, s.C
		want := make([]float32, len(x))
		d.MaxPool(p, want, x)
		d.BlockMaxPool(p, y, in)
		check(d.Name()+" maximum", plain(d, y), wide(want))
		d.AvgPool(p, want, x, true)
		d.BlockAvgPool(p, y, in, true)
		check(d.Name()+" mean", plain(d, y), wide(want))
	}
}
