package dataset

import (
	"image"
	"image/color"
	"sync"

	"golang.org/x/image/draw"
)

// Resize squashes a picture to size×size into dst (3,S,S), planes R, G, B,
// values 0…255 without rounding to whole levels.
//
// The arithmetic is that of golang.org/x/image/draw.BiLinear: a tent filter
// at half-pixel centres that widens when the picture shrinks (antialiased),
// as in Pillow's BILINEAR (within a level), torchvision with antialias and
// ONNX Resize 18 (linear, half_pixel, antialias=1, exclude_outside=1: within
// .02 of a level; without exclude_outside the edges differ by up to 18). The
// library gives 16 bits a channel, so a value is a whole number over 257.
//
// It panics when dst is shorter than 3·S·S.
func Resize(dst []float32, im *Image, size int) {
	src := sources.Get().(*image.RGBA)
	defer sources.Put(src)
	load(src, im)
	p := &planes{dst[:3*size*size], size}
	draw.BiLinear.Scale(p, p.Bounds(), src, src.Rect, draw.Src, nil)
}

// sources are kept between calls: the library is fast from RGBA only.
var sources = sync.Pool{New: func() any { return new(image.RGBA) }}

// load makes dst a copy of im.
func load(dst *image.RGBA, im *Image) {
	dst.Rect, dst.Stride = image.Rect(0, 0, im.W, im.H), 4*im.W
	if n := 4 * im.W * im.H; cap(dst.Pix) < n {
		dst.Pix = make([]uint8, n)
	} else {
		dst.Pix = dst.Pix[:n]
	}
	for i, j := 0, 0; j < len(im.Pix); i, j = i+4, j+3 {
		p := dst.Pix[i : i+4 : i+4]
		p[0], p[1], p[2], p[3] = im.Pix[j], im.Pix[j+1], im.Pix[j+2], 255
	}
}

// planes is three planes of floats that the library draws into. It is a
// draw.RGBA64Image; only Bounds and SetRGBA64 are ever called.
type planes struct {
	pix  []float32 // (3,S,S) RGB, 0…255
	size int       // S
}

// SetRGBA64 stores an opaque colour.
func (p *planes) SetRGBA64(x, y int, c color.RGBA64) {
	i, n := y*p.size+x, p.size*p.size
	p.pix[i], p.pix[n+i], p.pix[2*n+i] = float32(c.R)/257, float32(c.G)/257, float32(c.B)/257
}

// RGBA64At returns the colour at a place.
func (p *planes) RGBA64At(x, y int) color.RGBA64 {
	i, n := y*p.size+x, p.size*p.size
	v := func(k int) uint16 { return uint16(p.pix[k*n+i]*257 + .5) }
	return color.RGBA64{R: v(0), G: v(1), B: v(2), A: 0xffff}
}

// Bounds is the square of side S.
func (p *planes) Bounds() image.Rectangle { return image.Rect(0, 0, p.size, p.size) }

// ColorModel is that of 16 bits a channel.
func (p *planes) ColorModel() color.Model { return color.RGBA64Model }

// At is RGBA64At.
func (p *planes) At(x, y int) color.Color { return p.RGBA64At(x, y) }

// Set is SetRGBA64.
func (p *planes) Set(x, y int, c color.Color) {
	p.SetRGBA64(x, y, color.RGBA64Model.Convert(c).(color.RGBA64))
}
