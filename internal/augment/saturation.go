package augment

// saturate moves every pixel of x (3,S,S) away from its own grey by factor,
// v·f + grey·(1-f), and cuts off at 0 and 255: ImageEnhance.Color of Pillow,
// adjust_saturation of torchvision.
func saturate(x []float32, factor float64) {
	f, rest := float32(factor), float32(1-factor)
	r, g, b := planes(x)
	for i := range r {
		own := rest * grey(r[i], g[i], b[i])
		r[i], g[i], b[i] = level(f*r[i]+own), level(f*g[i]+own), level(f*b[i]+own)
	}
}
