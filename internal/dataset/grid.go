package dataset

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"slices"

	xdraw "golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// GridOptions says how a sample grid looks. The zero value shows 24 pictures
// of each class in 12 columns of 96 pixels.
type GridOptions struct {
	PerClass int    // pictures of each class; 0 = 24, with Vary 4
	Columns  int    // 0 = 12
	Cell     int    // side of a picture, pixels; 0 = 96
	Seed     uint64 // chooses other pictures

	// Vary sets dst to variant n = 1, 2, … of a picture, both (3,size,size) levels
	// of R, G and B. With it a row shows one picture and its variants.
	Vary func(dst, src []float32, size int, sha string, n int)
}

func (o GridOptions) withDefaults() GridOptions {
	if o.Vary != nil && o.PerClass <= 0 {
		o.PerClass = 4
	}
	for _, f := range []struct {
		field *int
		value int
	}{{&o.PerClass, 24}, {&o.Columns, 12}, {&o.Cell, 96}} {
		if *f.field <= 0 {
			*f.field = f.value
		}
	}
	return o
}

// Pixels between pictures and height of a caption.
const (
	gridGap     = 4
	gridCaption = 24
)

// Grid writes a PNG with samples of each class under a caption. Pictures keep
// their shape; the choice depends on the seed and their bytes only.
func Grid(w io.Writer, d *Dataset, o GridOptions) error {
	o = o.withDefaults()
	perClass := make([][]tile, len(d.Classes))
	height := gridGap
	widest := 0
	for c := range d.Classes {
		perClass[c] = o.tiles(d.sample(c, o))
		rows := (len(perClass[c]) + o.Columns - 1) / o.Columns
		height += gridCaption + rows*(o.Cell+gridGap)
		widest = max(widest, min(o.Columns, len(perClass[c])))
	}
	width := max(gridGap+widest*(o.Cell+gridGap), 420)
	im := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(im, im.Bounds(), image.NewUniform(color.RGBA{38, 40, 46, 255}), image.Point{}, draw.Src)
	y := gridGap
	for c, tiles := range perClass {
		caption(im, gridGap+2, y+gridCaption-8, d.classCaption(c))
		y += gridCaption
		for k, t := range tiles {
			at := image.Pt(gridGap+k%o.Columns*(o.Cell+gridGap), y+k/o.Columns*(o.Cell+gridGap))
			if err := d.draw(im, image.Rectangle{at, at.Add(image.Pt(o.Cell, o.Cell))}, t, o); err != nil {
				return err
			}
		}
		y += (len(tiles) + o.Columns - 1) / o.Columns * (o.Cell + gridGap)
	}
	return png.Encode(w, im)
}

// sample chooses pictures of a class by a hash of seed and bytes.
func (d *Dataset) sample(class int, o GridOptions) []int {
	var units []*unit
	at := map[*unit]int{}
	for i := range d.Items {
		if d.Items[i].Class == class {
			u := &unit{items: []*Item{&d.Items[i]}}
			u.hash(o.Seed)
			units, at[u] = append(units, u), i
		}
	}
	slices.SortStableFunc(units, func(a, b *unit) int { return slices.Compare(a.key[:], b.key[:]) })
	var out []int
	for _, u := range units[:min(o.PerClass, len(units))] {
		out = append(out, at[u])
	}
	return out
}

// classCaption is e.g. "Parasitized (positive): 4000 pictures, 123 patients".
func (d *Dataset) classCaption(c int) string {
	n, _, groups := d.tally(func(it *Item) bool { return it.Class == c })
	s := d.Classes[c]
	if c == d.Positive {
		s += " (positive)"
	}
	s += ": " + count(n, "picture", "pictures")
	if groups > 0 {
		s += fmt.Sprintf(", %s", count(groups, "patient", "patients"))
	}
	return s
}

func caption(im draw.Image, x, y int, text string) {
	dr := font.Drawer{Dst: im, Src: image.White, Face: basicfont.Face7x13, Dot: fixed.P(x, y)}
	dr.DrawString(text)
}

// thumbnail draws picture i into r, on black, keeping its shape.
func (d *Dataset) thumbnail(dst *image.RGBA, r image.Rectangle, i int) error {
	im, err := d.Load(i)
	if err != nil {
		return err
	}
	src := new(image.RGBA)
	load(src, im)
	w, h := r.Dx(), r.Dy()
	if im.W > im.H {
		h = max(1, h*im.H/im.W)
	} else {
		w = max(1, w*im.W/im.H)
	}
	draw.Draw(dst, r, image.Black, image.Point{}, draw.Src)
	at := r.Min.Add(image.Pt((r.Dx()-w)/2, (r.Dy()-h)/2))
	xdraw.BiLinear.Scale(dst, image.Rectangle{at, at.Add(image.Pt(w, h))}, src, src.Rect, draw.Src, nil)
	return nil
}

// Picture is picture i in a square of cell pixels, on black, keeping its shape.
func (d *Dataset) Picture(i, cell int) (*image.RGBA, error) {
	out := image.NewRGBA(image.Rect(0, 0, cell, cell))
	return out, d.thumbnail(out, out.Rect, i)
}

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

// tile is one picture of the grid: an item as it is, or one of its variants.
type tile struct{ item, variant int }

// tiles are what the grid shows of some items: with Vary a row of each.
func (o GridOptions) tiles(items []int) []tile {
	var out []tile
	for _, i := range items {
		out = append(out, tile{i, 0})
		for n := 1; o.Vary != nil && n < o.Columns; n++ {
			out = append(out, tile{i, n})
		}
	}
	return out
}

// draw draws a tile into r. Beside variants a picture is square, as networks see it.
func (d *Dataset) draw(dst *image.RGBA, r image.Rectangle, t tile, o GridOptions) error {
	if o.Vary == nil {
		return d.thumbnail(dst, r, t.item)
	}
	im, err := d.Load(t.item)
	if err != nil {
		return err
	}
	pixels := make([]float32, 3*o.Cell*o.Cell)
	Resize(pixels, im, o.Cell)
	if t.variant > 0 {
		o.Vary(pixels, pixels, o.Cell, d.Items[t.item].SHA256, t.variant)
	}
	plane := o.Cell * o.Cell
	for i := range plane {
		level := func(c int) uint8 { return uint8(pixels[c*plane+i] + 0.5) }
		dst.SetRGBA(r.Min.X+i%o.Cell, r.Min.Y+i/o.Cell, color.RGBA{level(0), level(1), level(2), 255})
	}
	return nil
}
