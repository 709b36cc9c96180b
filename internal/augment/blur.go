package augment

import "math"

// blur smooths x (3,S,S) by a Gaussian of sigma pixels, cut off at 4 sigma,
// with the edge repeated: scipy.ndimage.gaussian_filter(mode="nearest").
// between (3,S,S) is overwritten.
func blur(x, between []float32, size int, sigma float64) {
	weights := gaussian(sigma)
	if len(weights) == 1 {
		return
	}
	for c := range 3 {
		smooth(between, x, weights, c*size*size, size, 1, size)
		smooth(x, between, weights, c*size*size, size, size, 1)
	}
}

// smooth sets size lines of dst to those of src, weighed. A line begins every
// next numbers from first, and its pixels are step numbers apart.
func smooth(dst, src, weights []float32, first, size, step, next int) {
	radius := len(weights) / 2
	for line := range size {
		at := first + line*next
		for i := range size {
			sum := float32(0)
			for k, w := range weights {
				j := min(max(i+k-radius, 0), size-1)
				sum += w * src[at+j*step]
			}
			dst[at+i*step] = sum
		}
	}
}

// gaussian returns the weights of a Gaussian, their sum 1: one weight where
// sigma is less than an eighth of a pixel.
func gaussian(sigma float64) []float32 {
	radius := int(4*sigma + .5)
	exact, sum := make([]float64, 2*radius+1), 0.0
	for k := range exact {
		d := float64(k - radius)
		exact[k] = 1
		if d != 0 {
			exact[k] = math.Exp(-.5 * d * d / (sigma * sigma))
		}
		sum += exact[k]
	}
	out := make([]float32, len(exact))
	for k, e := range exact {
		out[k] = float32(e / sum)
	}
	return out
}
