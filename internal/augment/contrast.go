package augment

// contrast moves every level of x (3,S,S) away from the image's mean grey by
// factor, v·f + m·(1-f), and cuts off at 0 and 255: adjust_contrast of
// torchvision. Pillow's ImageEnhance.Contrast is the same but for its rounding
// of m to a whole level.
func contrast(x []float32, factor float64) {
	r, g, b := planes(x)
	sum := 0.0
	for i := range r {
		sum += float64(grey(r[i], g[i], b[i]))
	}
	f, rest := float32(factor), float32(sum/float64(len(r))*(1-factor))
	for i, v := range x {
		x[i] = level(f*v + rest)
	}
}

// grey is the luma of ITU-R BT.601, as Pillow's mode L and torchvision take it.
func grey(r, g, b float32) float32 { return .299*r + .587*g + .114*b }

// planes returns the planes R, G, B of x (3,S,S).
func planes(x []float32) (r, g, b []float32) {
	n := len(x) / 3
	return x[:n], x[n:][:n], x[2*n:][:n]
}
