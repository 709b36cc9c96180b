package cpu

import "math"

// Normalise is what happens to the planes of an input before the first
// convolution sees them: channel c is plane From[c] times Scale[c] plus
// Shift[c]. The zero value changes nothing.
type Normalise struct {
	Scale, Shift []float32 // (C) both, or both nil: numbers as they are
	From         []int     // (C) or nil: planes in their order
}

// None reports whether n changes nothing.
func (n Normalise) None() bool { return n.Scale == nil && n.From == nil }

// plane is where channel c of an image comes from.
func (n Normalise) plane(c int) int {
	if n.From == nil {
		return c
	}
	return n.From[c]
}

// row sets y to the numbers of a row of channel c.
func (n Normalise) row(y, x []float32, c int) {
	if n.Scale == nil {
		copy(y, x)
		return
	}
	scale, shift := n.Scale[c], n.Shift[c]
	for i, v := range x[:len(y)] {
		y[i] = float32(v*scale) + shift
	}
}

// BlockStem is the first convolution of a network: it reads planes (N,C,H,W)
// of few channels, normalises them on the way, and writes maps in blocks.
type BlockStem struct {
	s       ConvShape
	in      Normalise
	bias    []float32 // (panels·2·lanes)
	weights []float32 // panel[(c·R·S + r·S+t)·cols + k]
	panels  []panel
}

// PackBlockStem lays out weights w (K,C,R,S) and bias (K) or nil.
func (d *Device) PackBlockStem(s ConvShape, w, bias []float32, in Normalise) *BlockStem {
	c := &BlockStem{s: s, in: in}
	l, depth := d.Lanes(), s.C*s.R*s.S
	c.bias = Alloc(ceilDiv(s.K, 2*l) * 2 * l)
	copy(c.bias, bias)
	c.weights = Alloc(ceilDiv(s.K, l) * l * depth)
	c.panels = appendPanels(nil, s.K, l, depth)
	for _, p := range c.panels {
		k0, cols := p.block*l, p.blocks*l
		for k := range min(cols, s.K-k0) {
			for i, v := range w[(k0+k)*depth:][:depth] {
				c.weights[p.at+i*cols+k] = v
			}
		}
	}
	return c
}

// BlockStem computes y = clamp(conv(normalise(x)) + bias), zero outside the
// normalised x.
func (d *Device) BlockStem(c *BlockStem, y Blocks, x []float32, e BlockEpilogue) {
	t := &d.stem
	t.k, t.c, t.s, t.y, t.e = d.k, c, c.s, y, e
	t.s.N = y.N
	t.x = x[:y.N*c.s.C*c.s.H*c.s.W]
	t.lo, t.hi, t.clamp = e.limits()
	t.cut()
	d.team.run(y.N*ceilDiv(c.s.OH, t.rows), t)
	t.c, t.x, t.y, t.e = nil, nil, Blocks{}, BlockEpilogue{}
}

// BlockStemScratch is what BlockStem takes.
func (d *Device) BlockStemScratch(s ConvShape) Scratch {
	t := stemTask{s: s}
	t.cut()
	return Scratch{panel: s.C*t.high(t.rows)*t.width + d.Lanes(), offs: s.depth()}
}

// stemTask computes one stem; a piece is some rows of an image.
type stemTask struct {
	k      *kernels
	c      *BlockStem
	s      ConvShape
	y      Blocks
	x      []float32
	e      BlockEpilogue
	lo, hi float32
	clamp  int
	width  int // of the input under a row of output
	rows   int // of output in a piece
}

// cut chooses the pieces.
func (t *stemTask) cut() {
	s := &t.s
	t.width = (s.OW-1)*s.StrideW + (s.S-1)*s.DilationW + 1
	t.rows = max(1, min(8, s.OH))
}

// high is how many rows of input lie under rows of output.
func (t *stemTask) high(rows int) int { return (rows-1)*t.s.StrideH + (t.s.R-1)*t.s.DilationH + 1 }

func (t *stemTask) piece(w *worker, i int) {
	s, l := &t.s, t.y.Lanes
	pieces := ceilDiv(s.OH, t.rows)
	n, y0 := i/pieces, i%pieces*t.rows
	rows := min(t.rows, s.OH-y0)
	high := t.high(rows)
	x := scratch(w, &w.panel, s.C*high*t.width+l)
	for c := range s.C {
		t.copyRows(x[c*high*t.width:][:high*t.width], n, c, y0*s.StrideH-s.PadTop)
	}
	offs := scratch(w, &w.offs, s.depth())
	for k := range offs {
		c, r, v := k/(s.R*s.S), k/s.S%s.R, k%s.S
		offs[k] = (c*high+r*s.DilationH)*t.width + v*s.DilationW
	}
	a := &w.block
	*a = blockArgs{offs: offs, steps: len(offs), xi: s.StrideW, yj: t.y.Stride, clamp: t.clamp, lo: t.lo, hi: t.hi}
	for _, p := range t.c.panels {
		a.w, a.bias = t.c.weights[p.at:], t.c.bias[p.block*l:]
		kernels := t.k.scalar
		if p.blocks == 1 {
			kernels = t.k.scalarNarrow
		}
		for r := range rows {
			a.x = x[r*s.StrideH*t.width:]
			a.y = t.y.Data[p.block*t.y.Stride+(n*s.OH+y0+r)*s.OW*l:]
			a.run(kernels, s.OW, l)
		}
	}
	*a = blockArgs{}
}

// copyRows sets dst to rows of plane c of image n from top on, normalised,
// with zeros around the image.
func (t *stemTask) copyRows(dst []float32, n, c, top int) {
	s := &t.s
	plane := t.x[(n*s.C+t.c.in.plane(c))*s.H*s.W:][:s.H*s.W]
	for y := top; len(dst) > 0; y++ {
		row := dst[:t.width]
		dst = dst[t.width:]
		if y < 0 || y >= s.H {
			clear(row)
			continue
		}
		lo := min(s.PadLeft, t.width)
		hi := min(lo+s.W, t.width)
		clear(row[:lo])
		clear(row[hi:])
		t.c.in.row(row[lo:hi], plane[y*s.W:], c)
	}
}

// BlockDepthwise is a convolution of each channel with a filter of its own.
type BlockDepthwise struct {
	s       ConvShape
	weights []float32 // (blocks, R·S, L)
	bias    []float32 // (blocks, L)
}

// PackBlockDepthwise lays out weights w (C,1,R,S) and bias (C) or nil.
func (d *Device) PackBlockDepthwise(s ConvShape, w, bias []float32) *BlockDepthwise {
	l, taps := d.Lanes(), s.R*s.S
	c := &BlockDepthwise{s, Alloc(ceilDiv(s.C, l) * l * taps), Alloc(ceilDiv(s.C, l) * l)}
	copy(c.bias, bias)
	for i := range s.C {
		for t, v := range w[i*taps:][:taps] {
			c.weights[(i/l*taps+t)*l+i%l] = v
		}
	}
	return c
}

// BlockDepthwise computes y = clamp(bias + Σ over r,s of w[c,r,s]·x[n,c,…]), as
// Conv does with C groups. It knows no Add and no Pool.
func (d *Device) BlockDepthwise(c *BlockDepthwise, y, x Blocks, e BlockEpilogue) {
	lo, hi, _ := e.limits()
	d.windows.run(d, windowTask{
		y: y, x: x, s: c.s.window(), kernel: d.k.tapMul, weights: c.weights, bias: c.bias, lo: lo, hi: hi,
	})
}

// window is the part of s that says which pixels lie under an output.
func (s *ConvShape) window() PoolShape {
	return PoolShape{H: s.H, W: s.W, R: s.R, S: s.S, OH: s.OH, OW: s.OW, StrideH: s.StrideH, StrideW: s.StrideW,
		PadTop: s.PadTop, PadLeft: s.PadLeft, DilationH: s.DilationH, DilationW: s.DilationW}
}

// BlockMaxPool computes MaxPool.
func (d *Device) BlockMaxPool(s PoolShape, y, x Blocks) {
	d.windows.run(d, windowTask{y: y, x: x, s: s, kernel: d.k.tapMax, lo: float32(math.Inf(-1))})
}

// BlockAvgPool computes AvgPool.
func (d *Device) BlockAvgPool(s PoolShape, y, x Blocks, countPad bool) {
	d.windows.run(d, windowTask{y: y, x: x, s: s, kernel: d.k.tapSum, mean: true, countPad: countPad})
}
