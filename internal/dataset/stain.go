package dataset

import (
	"image"
	"math"
	"math/rand/v2"
)

// rgb is a colour, 0…255 a channel.
type rgb [3]float64

// mix goes from a to b as t goes from 0 to 1.
func (a rgb) mix(b rgb, t float64) rgb {
	for i := range a {
		a[i] += t * (b[i] - a[i])
	}
	return a
}

// tints are the colours that red cells take in Giemsa-stained smears under a
// phone camera: seen in the NIH set, mean (187,158,165) over its patients.
var tints = []rgb{{216, 152, 146}, {206, 166, 146}, {158, 164, 196}, {186, 172, 196}, {186, 142, 158}, {168, 146, 194}, {200, 152, 162}}

// stain is what the cells of one smear share.
type stain struct {
	tint     rgb     // of the cell
	purple   rgb     // of chromatin
	strength float64 // of parasites, 0…1
	diameter float64 // pixels, median
	pallor   float64 // how much lighter the middle is
	noise    float64 // levels
}

func newStain(r *rand.Rand) *stain {
	s := &stain{
		tint:     tints[r.IntN(len(tints))].mix(tints[r.IntN(len(tints))], r.Float64()),
		purple:   rgb{140, 10, 100}.mix(rgb{80, 25, 140}, r.Float64()),
		strength: .7 + .25*r.Float64(),
		diameter: 128 * math.Exp(.12*r.NormFloat64()),
		pallor:   .2 * r.Float64() * r.Float64(),
		noise:    1.5 + 2*r.Float64(),
	}
	for i := range s.tint {
		s.tint[i] += 5 * r.NormFloat64()
	}
	return s
}

// canvas is a cell being drawn.
type canvas struct {
	r      *rand.Rand
	s      *stain
	w, h   int
	cx, cy float64       // centre, pixels
	radius float64       // mean, pixels
	edge   [1440]float64 // distance of the membrane from the centre by direction, pixels
	pix    []rgb         // (H,W)
	depth  []float64     // (H,W) distance from the centre, 1 = membrane
}

// draw paints one cell on black, cut out tightly.
func (s *stain) draw(r *rand.Rand, infected bool) *image.RGBA {
	c := newCanvas(s, r)
	c.cytoplasm()
	for range c.specks(infected) {
		c.speck()
	}
	if r.Float64() < .12 {
		c.highlight()
	}
	if infected {
		faint := 1.0
		if r.Float64() < .08 {
			faint = .5
		}
		for n := 1 + min(int(r.ExpFloat64()*.7), 3); n > 0; n-- {
			c.parasite(faint)
		}
	}
	return c.cut()
}

// newCanvas chooses size and outline.
func newCanvas(s *stain, r *rand.Rand) *canvas {
	d := min(max(s.diameter*math.Exp(.1*r.NormFloat64()), 62), 180)
	c := &canvas{r: r, s: s, radius: d / 2}
	rough := 1.0
	if r.Float64() < .1 {
		rough = 4 // torn or crenated
	}
	c.membrane(rough)
	side := int(d*1.1) + 8
	c.w, c.h, c.cx, c.cy = min(side, 200), min(side, 200), float64(min(side, 200))/2, float64(min(side, 200))/2
	c.pix, c.depth = make([]rgb, c.w*c.h), make([]float64, c.w*c.h)
	for i := range c.depth {
		dx, dy := float64(i%c.w)-c.cx, float64(i/c.w)-c.cy
		c.depth[i] = math.Hypot(dx, dy) / c.outline(math.Atan2(dy, dx))
	}
	return c
}

// membrane chooses the outline: a circle with seven random waves.
func (c *canvas) membrane(rough float64) {
	for i := range c.edge {
		c.edge[i] = 1
	}
	for k := range 7 {
		size, phase := rough*.035*c.r.NormFloat64()/float64(k+1), 2*math.Pi*c.r.Float64()
		for i := range c.edge {
			c.edge[i] += size * math.Cos(float64(k+2)*2*math.Pi*float64(i)/float64(len(c.edge))+phase)
		}
	}
	for i := range c.edge {
		c.edge[i] = c.radius * max(c.edge[i], .3)
	}
}

// outline is the membrane's distance from the centre in direction a
// (-π…2π), pixels.
func (c *canvas) outline(a float64) float64 {
	n := len(c.edge)
	return c.edge[(int(a/(2*math.Pi)*float64(n))+n)%n]
}

// cytoplasm fills the cell: tint, pallor, darker rim, light from one side,
// smooth mottling and a camera's noise.
func (c *canvas) cytoplasm() {
	tint := c.s.tint
	for i := range tint {
		tint[i] += 3 * c.r.NormFloat64()
	}
	rim := .05 + .1*c.r.Float64()
	pallor, width := c.s.pallor*(.5+c.r.Float64()), .25+.3*c.r.Float64()
	light, lx, ly := .03*c.r.NormFloat64(), c.r.NormFloat64(), c.r.NormFloat64()
	mottle := c.mottling()
	for i := range c.pix {
		t := c.depth[i]
		if t > 1 {
			continue
		}
		x, y := float64(i%c.w), float64(i/c.w)
		f := 1 + pallor*math.Exp(-t*t/width/width) - rim*t*t*t*t*t*t + .012*mottle(x, y)
		f += light * ((x-c.cx)*lx + (y-c.cy)*ly) / c.radius
		for k := range c.pix[i] {
			c.pix[i][k] = tint[k]*f + c.s.noise*c.r.NormFloat64()
		}
	}
}

// mottling is a smooth random field with values about ±1.
func (c *canvas) mottling() func(x, y float64) float64 {
	var wave [6][3]float64
	for k := range wave {
		sin, cos := math.Sincos(2 * math.Pi * c.r.Float64())
		pitch := .05 + .15*c.r.Float64()
		wave[k] = [3]float64{pitch * cos, pitch * sin, 2 * math.Pi * c.r.Float64()}
	}
	return func(x, y float64) (sum float64) {
		for _, w := range wave {
			sum += math.Sin(w[0]*x + w[1]*y + w[2])
		}
		return sum / 2
	}
}

// place returns a point inside the cell at a depth between lo and hi.
func (c *canvas) place(lo, hi float64) (x, y float64) {
	a := 2 * math.Pi * c.r.Float64()
	d := math.Sqrt(lo*lo+(hi*hi-lo*lo)*c.r.Float64()) * c.outline(a)
	return c.cx + d*math.Cos(a), c.cy + d*math.Sin(a)
}

// blend lays colour over the pixels within reach of (x,y), as strongly as
// alpha says at an offset (dx,dy) in pixels.
func (c *canvas) blend(x, y, reach float64, colour rgb, alpha func(dx, dy float64) float64) {
	for py := max(0, int(y-reach)); py <= min(c.h-1, int(y+reach)); py++ {
		for px := max(0, int(x-reach)); px <= min(c.w-1, int(x+reach)); px++ {
			if i := py*c.w + px; c.depth[i] <= 1 {
				c.pix[i] = c.pix[i].mix(colour, min(max(alpha(float64(px)-x, float64(py)-y), 0), 1))
			}
		}
	}
}

// blob is a soft dot of radius r pixels, stretched along a direction.
func (c *canvas) blob(x, y, r float64, colour rgb, strength float64) {
	stretch, a := .65+.5*c.r.Float64(), math.Pi*c.r.Float64()
	sin, cos := math.Sincos(a)
	c.blend(x, y, 2.5*r, colour, func(dx, dy float64) float64 {
		u, v := (cos*dx+sin*dy)*stretch, (cos*dy-sin*dx)/stretch
		return strength / (1 + math.Exp(6*(math.Sqrt(u*u+v*v)/r-1)))
	})
}

// parasite adds a ring with its chromatin dot, a lone dot, a dot at the
// membrane or a grown, irregular trophozoite.
func (c *canvas) parasite(faint float64) {
	strength := min(c.s.strength*faint*(.75+.4*c.r.Float64()), .95)
	colour := c.s.purple
	for i := range colour {
		colour[i] += 8 * c.r.NormFloat64()
	}
	switch kind := c.r.Float64(); {
	case kind < .4:
		x, y := c.place(0, .75)
		c.ring(x, y, colour, strength)
	case kind < .6:
		x, y := c.place(0, .8)
		c.blob(x, y, c.radius*(.11+.06*c.r.Float64()), colour, strength)
	case kind < .8:
		x, y := c.place(.82, .95)
		c.blob(x, y, c.radius*(.12+.08*c.r.Float64()), colour, strength)
	default:
		x, y := c.place(0, .6)
		for range 3 + c.r.IntN(3) {
			r := c.radius * (.1 + .1*c.r.Float64())
			c.blob(x+r*c.r.NormFloat64(), y+r*c.r.NormFloat64(), r, colour, strength*(.5+.5*c.r.Float64()))
		}
	}
}

// ring is an early trophozoite: a thin ring, open or closed, and one or two dots on it.
func (c *canvas) ring(x, y float64, colour rgb, strength float64) {
	r := c.radius * (.15 + .12*c.r.Float64())
	width, open := r*(.25+.15*c.r.Float64()), math.Pi*(2*c.r.Float64()-1)
	c.blend(x, y, 1.6*r, colour, func(dx, dy float64) float64 {
		d := (math.Hypot(dx, dy) - r) / width
		return .9 * strength * math.Exp(-d*d) * (.65 + .35*math.Cos(math.Atan2(dy, dx)-open))
	})
	for range 1 + c.r.IntN(2) {
		a := open + .6*c.r.NormFloat64()
		c.blob(x+r*math.Cos(a), y+r*math.Sin(a), r*(.4+.2*c.r.Float64()), colour, strength)
	}
}

// specks says how many stain specks a cell carries; healthy ones a little more.
func (c *canvas) specks(infected bool) int {
	share := .35
	if infected {
		share = .25
	}
	if c.r.Float64() > share {
		return 0
	}
	return 1 + c.r.IntN(3)
}

// speck is dust, a platelet's edge or a grain of stain: mostly paler, smaller
// or redder than a parasite, now and then just like one.
func (c *canvas) speck() {
	colour := c.s.purple.mix(c.s.tint, .35*c.r.Float64()).mix(rgb{150, 60, 60}, .6*c.r.Float64())
	size, strength := .02+.035*c.r.Float64(), .2+.25*c.r.Float64()
	if c.r.Float64() < .05 {
		colour, size, strength = c.s.purple, .11, c.s.strength*.9
	}
	x, y := c.place(0, 1)
	c.blob(x, y, max(c.radius*size, 1), colour, strength)
}

// highlight is a bright vacuole or a reflection.
func (c *canvas) highlight() {
	x, y := c.place(0, .7)
	c.blob(x, y, c.radius*(.08+.15*c.r.Float64()), rgb{240, 225, 205}, .3+.5*c.r.Float64())
}

// cut returns the cell on black, slightly blurred as by a lens, in the
// smallest rectangle around it.
func (c *canvas) cut() *image.RGBA {
	box := image.Rectangle{}
	for i, t := range c.depth {
		if t <= 1 {
			box = box.Union(image.Rect(i%c.w, i/c.w, i%c.w+1, i/c.w+1))
		}
	}
	im := image.NewRGBA(image.Rect(0, 0, box.Dx(), box.Dy()))
	for y := range box.Dy() {
		for x := range box.Dx() {
			p := im.Pix[im.PixOffset(x, y):]
			p[3] = 255
			if c.depth[(y+box.Min.Y)*c.w+x+box.Min.X] > 1 {
				continue
			}
			v := c.soft(x+box.Min.X, y+box.Min.Y)
			for k := range v {
				p[k] = uint8(min(max(v[k], 1), 255))
			}
		}
	}
	return im
}

// soft is the mean of a pixel and its neighbours inside the cell, weighted 4:1.
func (c *canvas) soft(x, y int) (v rgb) {
	weight := 0.0
	for dy := -1; dy <= 1; dy++ {
		for dx := -1; dx <= 1; dx++ {
			px, py := x+dx, y+dy
			if px < 0 || py < 0 || px >= c.w || py >= c.h || c.depth[py*c.w+px] > 1 {
				continue
			}
			f := 1.0
			if dx == 0 && dy == 0 {
				f = 4
			}
			weight += f
			for k := range v {
				v[k] += f * c.pix[py*c.w+px][k]
			}
		}
	}
	for k := range v {
		v[k] /= weight
	}
	return v
}
