package dataset

import "sync"

// ResizeRule names the arithmetic of Decode and Resize. It is part of the key of
// whatever is computed from pixels once and kept: change it with the arithmetic.
const ResizeRule = "tent 1"

// Resize squashes a picture to size×size into dst (3,S,S), planes R, G, B,
// values 0…255 without rounding to whole levels.
//
// The filter is a tent at half-pixel centres that widens when the picture
// shrinks (antialiased), as in golang.org/x/image/draw.BiLinear, Pillow's
// BILINEAR (within a level), torchvision with antialias and ONNX Resize 18
// (linear, half_pixel, antialias=1, exclude_outside=1: within .01 of a level;
// without exclude_outside the edges differ by up to 18). The exported graph
// computes the same weights, see tent.
//
// It panics when dst is shorter than 3·S·S.
func Resize(dst []float32, im *Image, size int) {
	across, down := newTent(im.W, size), newTent(im.H, size)
	buffer := buffers.Get().(*[]float32)
	defer buffers.Put(buffer)
	if n := 3 * im.H * size; cap(*buffer) < n {
		*buffer = make([]float32, n)
	}
	rows := (*buffer)[:3*im.H*size] // (3,H,S)
	for y := range im.H {
		across.row(rows[y*size:], im.H*size, im.Pix[3*y*im.W:3*(y+1)*im.W])
	}
	for c := range 3 {
		down.columns(dst[c*size*size:(c+1)*size*size], rows[c*im.H*size:(c+1)*im.H*size])
	}
}

// buffers are kept between calls.
var buffers = sync.Pool{New: func() any { return new([]float32) }}

// tent holds what each of n source pixels weighs in each of size target
// pixels: source i weighs in target o
//
//	max(0, 2·max(n,S) − |(2i+1)·S − (2o+1)·n|)
//
// over the sum of that over i. Both are whole numbers, exact in a float32 too.
type tent struct {
	size   int
	taps   int       // weights of a target pixel at most
	first  []int     // (S): source pixel of the first weight
	weight []float32 // (S,taps), 0 beyond the last source pixel
}

func newTent(n, size int) *tent {
	reach := 2 * max(n, size)
	t := &tent{size: size, taps: reach/size + 1, first: make([]int, size)}
	t.taps = min(t.taps, n)
	t.weight = make([]float32, size*t.taps)
	at := func(i, o int) int { return reach - abs((2*i+1)*size-(2*o+1)*n) }
	for o := range size {
		i := max(0, ((2*o+1)*n-reach)/(2*size))
		for i < n-1 && at(i, o) <= 0 {
			i++
		}
		i = min(i, n-t.taps)
		t.first[o] = i
		sum := 0
		for k := range t.taps {
			sum += max(0, at(i+k, o))
		}
		for k := range t.taps {
			t.weight[o*t.taps+k] = float32(float64(max(0, at(i+k, o))) / float64(sum))
		}
	}
	return t
}

func abs(x int) int { return max(x, -x) }

// row resizes one row of pix (W,3) into three rows of dst (S), plane apart.
func (t *tent) row(dst []float32, plane int, pix []uint8) {
	for o, first := range t.first {
		var r, g, b float32
		p := pix[3*first:]
		for _, w := range t.weight[o*t.taps : (o+1)*t.taps] {
			r += w * float32(p[0])
			g += w * float32(p[1])
			b += w * float32(p[2])
			p = p[3:]
		}
		dst[o], dst[plane+o], dst[2*plane+o] = r, g, b
	}
}

// columns resizes src (H,S) into dst (S,S).
func (t *tent) columns(dst, src []float32) {
	for o, first := range t.first {
		y := dst[o*t.size : (o+1)*t.size]
		clear(y)
		for k, w := range t.weight[o*t.taps : (o+1)*t.taps] {
			if w == 0 {
				continue
			}
			x := src[(first+k)*t.size:][:len(y)]
			for i := range y {
				y[i] += w * x[i]
			}
		}
	}
}
