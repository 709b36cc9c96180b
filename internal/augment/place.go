package augment

import "math"

// place sets dst to src (3,S,S) enlarged by scale about its centre and moved by
// right and down pixels, in one bilinear interpolation between pixel centres.
// What lies outside repeats the edge: cells lie on their background there.
// dst must not be src.
func place(dst, src []float32, size int, right, down, scale float64) {
	columns, rows := taps(size, right, scale), taps(size, down, scale)
	for c := range 3 {
		plane := src[c*size*size:][:size*size]
		for y, v := range rows {
			upper, lower := plane[v.first*size:][:size], plane[v.second*size:][:size]
			row := dst[(c*size+y)*size:][:size]
			for x, u := range columns {
				a := upper[u.first] + u.share*(upper[u.second]-upper[u.first])
				b := lower[u.first] + u.share*(lower[u.second]-lower[u.first])
				row[x] = a + v.share*(b-a)
			}
		}
	}
}

// tap is where a target pixel lies between two source pixels.
type tap struct {
	first, second int
	share         float32 // of second
}

// taps returns where each of size target pixels comes from along one axis.
func taps(size int, shift, scale float64) []tap {
	out := make([]tap, size)
	middle := float64(size-1) / 2
	for i := range out {
		at := (float64(i)-middle-shift)/scale + middle
		at = min(max(at, 0), float64(size-1))
		first := int(math.Floor(at))
		out[i] = tap{first, min(first+1, size-1), float32(at - float64(first))}
	}
	return out
}
