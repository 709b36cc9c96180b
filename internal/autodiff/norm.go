package autodiff

import (
	"math"

	"github.com/tlkit/tl/internal/cpu"
)

// gradientNorm is √(Σ g²) over all arrays, in float64: chunks of fixed length
// are summed on all threads, then the sums in order, so that the number of
// threads does not matter.
func gradientNorm(d *cpu.Device, arrays []array) float64 {
	sum := 0.0
	for _, a := range arrays {
		sums := make([]float64, (len(a.g)+chunk-1)/chunk)
		chunks(d, len(a.g), func(from, to int) { sums[from/chunk] = squares(a.g[from:to]) })
		sum += total(sums)
	}
	return math.Sqrt(sum)
}

// squares is Σ x², in four sums that do not wait for each other.
func squares(x []float32) float64 {
	var s [4]float64
	for len(x) >= 4 {
		for i, v := range x[:4] {
			s[i] += float64(v) * float64(v)
		}
		x = x[4:]
	}
	for _, v := range x {
		s[0] += float64(v) * float64(v)
	}
	return (s[0] + s[1]) + (s[2] + s[3])
}
