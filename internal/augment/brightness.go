package augment

// brighten multiplies every level of x by factor and cuts off at 255:
// ImageEnhance.Brightness of Pillow, adjust_brightness of torchvision.
func brighten(x []float32, factor float64) {
	f := float32(factor)
	for i, v := range x {
		x[i] = level(f * v)
	}
}
