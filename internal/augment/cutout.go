package augment

import "math"

// cutout gives a square of x (3,S,S), of share·S pixels a side around a centre
// told in shares of the side, the image's mean colour: DeVries and Taylor
// (2017), Improved regularization of convolutional neural networks with cutout,
// where 0 is the mean of normalised pixels. Like theirs it may reach over the edge.
func cutout(x []float32, size int, share, centreX, centreY float64) {
	side := int(math.Round(share * float64(size)))
	span := func(centre float64) (from, to int) {
		from = int(centre*float64(size)) - side/2
		return max(from, 0), min(from+side, size)
	}
	left, right := span(centreX)
	top, bottom := span(centreY)
	if left >= right {
		return
	}
	for c := range 3 {
		plane := x[c*size*size:][:size*size]
		sum := 0.0
		for _, v := range plane {
			sum += float64(v)
		}
		mean := float32(sum / float64(len(plane)))
		for y := top; y < bottom; y++ {
			for i := left; i < right; i++ {
				plane[y*size+i] = mean
			}
		}
	}
}
