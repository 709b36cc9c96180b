package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// The plain loops of the doc comments, in float64.

func naiveConv(s ConvShape, x, w []float32, e Epilogue) []float64 {
	y := make([]float64, s.N*s.K*s.OH*s.OW)
	cg, kg := s.C/s.Groups, s.K/s.Groups
	naiveTaps(s, func(n, k, c, r, t, p, q, h, v int) {
		y[((n*s.K+k)*s.OH+p)*s.OW+q] += float64(w[((k*cg+c)*s.R+r)*s.S+t]) * float64(x[((n*s.C+k/kg*cg+c)*s.H+h)*s.W+v])
	})
	for i := range y {
		if e.Bias != nil {
			y[i] += float64(e.Bias[i/(s.OH*s.OW)%s.K])
		}
		if e.Add != nil {
			y[i] += float64(e.Add[i])
		}
		if e.Clamp {
			y[i] = min(max(y[i], float64(e.Lo)), float64(e.Hi))
		}
	}
	return y
}

// naiveTaps calls f for every product of the convolution whose pixel (h,v) of
// channel c of k's group lies inside the image.
func naiveTaps(s ConvShape, f func(n, k, c, r, t, p, q, h, v int)) {
	for n := range s.N {
		for k := range s.K {
			for c := range s.C / s.Groups {
				for r := range s.R {
					for t := range s.S {
						for p := range s.OH {
							for q := range s.OW {
								h, v := p*s.StrideH-s.PadTop+r*s.DilationH, q*s.StrideW-s.PadLeft+t*s.DilationW
								if h >= 0 && h < s.H && v >= 0 && v < s.W {
									f(n, k, c, r, t, p, q, h, v)
								}
							}
						}
					}
				}
			}
		}
	}
}

func naiveGemm(transA, transB bool, m, n, k int, c, a, b []float32, e GemmEpilogue) []float64 {
	y := make([]float64, m*n)
	for i := range m {
		for j := range n {
			var sum float64
			for l := range k {
				x, z := a[i*k+l], b[l*n+j]
				if transA {
					x = a[l*m+i]
				}
				if transB {
					z = b[j*k+l]
				}
				sum += float64(x) * float64(z)
			}
			if e.Bias != nil {
				sum += float64(e.Bias[j])
			}
			if e.Accumulate {
				sum += float64(c[i*n+j])
			}
			y[i*n+j] = sum
		}
	}
	return y
}

// devices returns one Device for each kernel set of this machine, on two
// threads, closed when the test ends.
func devices(t testing.TB) []*Device {
	var list []*Device
	for _, k := range available() {
		d := newDevice(2, k)
		t.Cleanup(d.Close)
		list = append(list, d)
	}
	return list
}

// guard is the number of elements before and after every operand that must
// not change, and must not be used: they are NaN.
const guard = 48

// guarded returns n elements inside a NaN band, and a check of the band.
func guarded(n int) (s []float32, check func(what string) error) {
	nan := float32(math.NaN())
	all := make([]float32, n+2*guard)
	for i := range all {
		all[i] = nan
	}
	return all[guard : guard+n : guard+n], func(what string) error {
		for i, v := range all {
			if (i < guard || i >= guard+n) && v == v {
				return fmt.Errorf("%s: element %d of %d was written", what, i-guard, n)
			}
		}
		return nil
	}
}

// random returns n numbers of a normal distribution inside a NaN band.
func random(r *rand.Rand, n int) []float32 {
	s, _ := guarded(n)
	for i := range s {
		s[i] = float32(r.NormFloat64())
	}
	return s
}

// tolerance is the relative L2 error allowed to sums in float32.
const tolerance = 2e-6

// near returns an error if got, sums of that many random terms, is further
// than tolerance from want. Sums that happen to cancel out are measured by the
// size that such sums usually have.
func near(what string, got []float32, want []float64, terms int) error {
	return within(tolerance, what, got, want, terms)
}

// within is near with another tolerance.
func within(tolerance float64, what string, got []float32, want []float64, terms int) error {
	var diff, norm, worst float64
	at := 0
	for i, w := range want {
		e := math.Abs(float64(got[i]) - w)
		if !(e <= worst) {
			worst, at = e, i
		}
		diff += e * e
		norm += w * w
	}
	diff, norm = math.Sqrt(diff), max(math.Sqrt(norm), math.Sqrt(float64(terms*len(want))))
	if diff <= tolerance*norm {
		return nil
	}
	return fmt.Errorf("%s: relative L2 error %.3g, want at most %g; worst at %d: got %g, want %g",
		what, diff/norm, tolerance, at, got[at], want[at])
}

// drawConv draws a convolution of at most a few hundred thousand products.
func drawConv(t *rapid.T) ConvShape {
	draw := func(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(t, name) }
	s := ConvShape{
		N: draw("N", 1, 4), H: draw("H", 1, 20), W: draw("W", 1, 40),
		R: draw("R", 1, 4), S: draw("S", 1, 4), StrideH: draw("StrideH", 1, 3), StrideW: draw("StrideW", 1, 3),
		DilationH: draw("DilationH", 1, 2), DilationW: draw("DilationW", 1, 2),
		Groups: draw("Groups", 1, 3),
	}
	if rapid.Bool().Draw(t, "plain") {
		s.StrideH, s.StrideW, s.DilationH, s.DilationW = 1, 1, 1, 1
	}
	s.C, s.K = s.Groups*draw("C", 1, 5), s.Groups*draw("K", 1, 40)
	if rapid.Bool().Draw(t, "pad") {
		s.PadTop, s.PadLeft = draw("PadTop", 0, 3), draw("PadLeft", 0, 3)
	}
	bottom, right := draw("PadBottom", 0, 3), draw("PadRight", 0, 3)
	s.H = max(s.H, (s.R-1)*s.DilationH+1-s.PadTop-bottom) // holds the window
	s.W = max(s.W, (s.S-1)*s.DilationW+1-s.PadLeft-right)
	s.OH = (s.H+s.PadTop+bottom-(s.R-1)*s.DilationH-1)/s.StrideH + 1
	s.OW = (s.W+s.PadLeft+right-(s.S-1)*s.DilationW-1)/s.StrideW + 1
	return s
}

func fail(t *rapid.T, errs ...error) {
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
