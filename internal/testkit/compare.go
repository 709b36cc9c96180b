package testkit

import (
	"math"
	"testing"
)

// Tolerance is a bound on the relative L2 error ‖got-want‖ / ‖want‖.
type Tolerance float64

// The tolerances that tests may name.
const (
	Exact Tolerance = 0    // the same bits but for the sign of zero
	Close Tolerance = 1e-6 // the same sums in another order, short
	Float Tolerance = 1e-5 // the same sums in another order, a whole network
	Loose Tolerance = 1e-4 // several steps of training
)

// Compare fails the test when got differs from want by more than tol, and
// says where the largest difference is. A NaN equals only a NaN.
func Compare(t testing.TB, name string, got, want []float32, tol Tolerance) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", name, len(got), len(want))
	}
	err, worst := RelativeError(got, want)
	if err > float64(tol) || math.IsNaN(err) {
		t.Errorf("%s: relative L2 error %.3g over %.3g; largest difference at [%d]: got %g, want %g",
			name, err, float64(tol), worst, got[worst], want[worst])
	}
}

// wild is the size of a number, of weights and inputs near 1, beyond which a
// fuzzer has made something that rounding may decide.
const wild = 1e4

// CompareTame is Compare for networks that a fuzzer made: it does nothing where
// a number of want is not finite or beyond wild.
func CompareTame(t testing.TB, name string, got, want []float32, tol Tolerance) {
	t.Helper()
	for _, v := range want {
		if !(math.Abs(float64(v)) < wild) {
			return
		}
	}
	Compare(t, name, got, want, tol)
}

// RelativeError returns ‖got-want‖ / ‖want‖ in float64 and the index of the
// largest difference. It is NaN where exactly one of two numbers is NaN.
func RelativeError(got, want []float32) (err float64, worst int) {
	var diff, norm, largest float64
	for i := range want {
		g, w := float64(got[i]), float64(want[i])
		if math.IsNaN(g) && math.IsNaN(w) || g == w {
			norm += finite(w * w)
			continue
		}
		d := math.Abs(g - w)
		if math.IsNaN(d) {
			return math.NaN(), i
		}
		if d > largest {
			largest, worst = d, i
		}
		diff += d * d
		norm += w * w
	}
	if diff == 0 {
		return 0, worst
	}
	if norm == 0 {
		return math.Inf(1), worst
	}
	return math.Sqrt(diff / norm), worst
}

func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}
