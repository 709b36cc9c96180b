package dataset

import (
	"image"
	"sync"

	"golang.org/x/image/draw"
)

// Resize squashes a picture to size×size into dst (3,S,S), planes R, G, B,
// values 0…255 without rounding to whole levels.
//
// The arithmetic is that of golang.org/x/image/draw.BiLinear: a tent filter
// at half-pixel centres that widens when the picture shrinks (antialiased),
// as in Pillow's BILINEAR, torchvision with antialias and ONNX Resize
// (linear, half_pixel, antialias=1). Its result has 16 bits: v16/257.
//
// It panics when dst is shorter than 3·S·S.
func Resize(dst []float32, im *Image, size int) {
	b := resizers.Get().(*resizer)
	defer resizers.Put(b)
	b.load(im)
	b.dst.Rect = image.Rect(0, 0, size, size)
	b.dst.Stride = 8 * size
	b.dst.Pix = grow(b.dst.Pix, 8*size*size)
	draw.BiLinear.Scale(&b.dst, b.dst.Rect, &b.src, b.src.Rect, draw.Src, nil)
	planes(dst[:3*size*size], b.dst.Pix)
}

// resizer holds the pictures on both sides of the library call.
type resizer struct {
	src image.RGBA
	dst image.RGBA64
}

var resizers = sync.Pool{New: func() any { return new(resizer) }}

// load copies im into b.src.
func (b *resizer) load(im *Image) {
	b.src.Rect = image.Rect(0, 0, im.W, im.H)
	b.src.Stride = 4 * im.W
	b.src.Pix = grow(b.src.Pix, 4*im.W*im.H)
	for i, j := 0, 0; j < len(im.Pix); i, j = i+4, j+3 {
		p := b.src.Pix[i : i+4 : i+4]
		p[0], p[1], p[2], p[3] = im.Pix[j], im.Pix[j+1], im.Pix[j+2], 255
	}
}

// grow returns a slice of n bytes, b itself when it is long enough.
func grow(b []uint8, n int) []uint8 {
	if cap(b) < n {
		return make([]uint8, n)
	}
	return b[:n]
}

// planes turns big-endian RGBA64 pixels into three float planes 0…255.
func planes(dst []float32 /*(3,S,S)*/, pix []uint8 /*(S,S,4) of 2 bytes*/) {
	n := len(dst) / 3
	r, g, b := dst[:n], dst[n:2*n], dst[2*n:]
	for i := range n {
		p := pix[8*i : 8*i+6 : 8*i+6]
		r[i] = float32(uint16(p[0])<<8|uint16(p[1])) / 257
		g[i] = float32(uint16(p[2])<<8|uint16(p[3])) / 257
		b[i] = float32(uint16(p[4])<<8|uint16(p[5])) / 257
	}
}
