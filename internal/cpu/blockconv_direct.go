package cpu

// A direct convolution of blocks is a product of pixels by channels: the
// output pixels of all images stand in one row, cut into tiles of as many
// pixels as the kernels take. A 1×1 convolution reads its input where it is;
// others gather the pixels under a few tiles into a panel, tap by tap; where
// all pixels together are few, once for all pieces.

// directTask computes one convolution; a piece is some tiles for some of the
// panels of weights.
type directTask struct {
	k       *kernels
	c       *BlockConv
	s       ConvShape
	y, x    Blocks
	e       BlockEpilogue
	lo, hi  float32
	clamp   int
	inPlace bool      // the input serves as its own panel
	once    bool      // all pixels are gathered before
	shared  []float32 // the panel of all pixels, or nil
	pass    int       // of a shared panel: 1 gathers, 2 multiplies

	pixels int
	tiles  int
	block  int // tiles of a piece
	blocks int
	splits int // pieces that share a block, each with its part of the panels
}

// directBytes is how much input a piece looks at: it stays in the second level
// cache beside a panel of weights.
const directBytes = 256 << 10

// enough is into how many pieces a layer is cut where that costs nothing:
// threads that finish early find more work. What a piece computes does not
// depend on how many there are.
func (d *Device) enough() int {
	if d.Threads() == 1 {
		return 1
	}
	return 8 * d.Threads()
}

func (t *directTask) run(d *Device, c *BlockConv, s ConvShape, y, x Blocks, e BlockEpilogue) {
	t.e = e
	t.lo, t.hi, t.clamp = e.limits()
	t.cut(d, c, s, y, x)
	if t.shared = nil; t.once {
		t.shared = grow(&d.scratch, t.depth()*t.pixels)
		t.pass = 1
		d.team.run(x.count()*s.R, t)
	}
	t.pass = 2
	d.team.run(t.blocks*t.splits, t)
	t.c, t.y, t.x, t.e, t.shared = nil, Blocks{}, Blocks{}, BlockEpilogue{}, nil
}

// depth is the number of products in an output, those of full blocks.
func (t *directTask) depth() int { return t.x.count() * t.x.Lanes * t.s.R * t.s.S }

// cut chooses where the input is read from, and the pieces.
func (t *directTask) cut(d *Device, c *BlockConv, s ConvShape, y, x Blocks) {
	t.k, t.c, t.s, t.y, t.x = d.k, c, s, y, x
	t.inPlace = s.R*s.S == 1 && s.StrideH == 1 && s.StrideW == 1 && s.OH == s.H && s.OW == s.W &&
		s.PadTop == 0 && s.PadLeft == 0
	t.pixels = s.N * s.OH * s.OW
	t.tiles = ceilDiv(t.pixels, d.k.rows)
	depth := t.depth()
	t.once = !t.inPlace && 4*depth*t.pixels <= sharedBytes
	most := max(1, directBytes/(4*depth*d.k.rows))
	t.block = min(most, max(1, t.tiles/d.enough()))
	t.blocks = ceilDiv(t.tiles, t.block)
	t.splits = min(len(c.panels), max(1, d.enough()/t.blocks))
	if t.once || t.inPlace && depth*t.pixels <= c.size {
		t.wide(d)
	}
}

// scratch is what the task takes, once cut.
func (t *directTask) scratch() Scratch {
	s := Scratch{offs: t.x.count()*t.s.R*t.s.S + 1}
	switch {
	case t.once:
		s.shared = t.depth() * t.pixels
	case !t.inPlace:
		s.panel = t.depth() * min(t.block*t.k.rows, t.pixels)
	}
	return s
}

// sharedBytes is the size up to which the pixels under all tiles are gathered
// once.
const sharedBytes = 1 << 20

// wide cuts the panels rather than the pixels, if there are enough: the weights
// are read that much less often.
func (t *directTask) wide(d *Device) {
	t.splits = min(len(t.c.panels), d.enough())
	t.blocks = 1
	if few := d.enough() / 2; t.splits < few {
		t.blocks = ceilDiv(few, t.splits)
	}
	t.block = ceilDiv(t.tiles, t.blocks)
	t.blocks = ceilDiv(t.tiles, t.block)
}

func (t *directTask) piece(w *worker, i int) {
	l := t.x.Lanes
	if t.pass == 1 {
		t.gatherRow(w, i)
		return
	}
	split, block := i%t.splits, i/t.splits
	t0, t1 := block*t.block, min((block+1)*t.block, t.tiles)
	p0, p1 := t0*t.k.rows, min(t1*t.k.rows, t.pixels)
	steps := t.x.count() * t.s.R * t.s.S
	offs := scratch(w, &w.offs, steps+1)
	x, stride := t.x.Data, t.x.Stride
	switch {
	case t.inPlace:
		x = x[p0*l:]
	case t.shared != nil:
		x, stride = t.shared[p0*l:], t.pixels*l
	default:
		stride = (p1 - p0) * l
		x = scratch(w, &w.panel, steps*stride)
		t.gather(w, x, p0, p1)
	}
	for i := range offs { // one more than steps: kernels look ahead
		offs[i] = i * stride
	}
	first, last := part(len(t.c.panels), t.splits, split), part(len(t.c.panels), t.splits, split+1)
	for i, p := range t.c.panels[first:last] {
		after := t.c.start(first + i + 1)
		if first+i+1 == last {
			after = t.c.start(part(len(t.c.panels), t.splits, (split+1)%t.splits))
		}
		t.multiply(w, p, x, offs, after, p0, p1)
	}
	w.block = blockArgs{}
}

// multiply sets pixels p0 … p1-1 of a panel. It sums up as many steps at once
// as leave room in the cache for the weights of the next ones, which it asks
// for meanwhile; after is what comes behind the panel.
func (t *directTask) multiply(w *worker, p panel, x []float32, offs []int, after []float32, p0, p1 int) {
	l, steps := t.x.Lanes, len(offs)-1
	each := l * p.blocks * l // weights of a step
	sums := ceilDiv(4*steps*each, fetchBytes)
	a := &w.block
	*a = blockArgs{xi: l, yj: t.y.Stride, addj: t.e.Add.Stride}
	if t.e.Add.Data != nil {
		a.add = t.e.Add.Data[p.block*t.e.Add.Stride+p0*l:]
	}
	y := t.y.Data[p.block*t.y.Stride+p0*l:]
	for i := range sums {
		from, to := part(steps, sums, i), part(steps, sums, i+1)
		a.steps, a.offs, a.x, a.y = to-from, offs[from:], x, y
		a.w, a.next, a.bias = t.c.weights[p.at+from*each:], t.c.weights[p.at+to*each:], noBias[:2*l]
		if i == 0 {
			a.bias = t.c.bias[p.block*l:]
		}
		if i == sums-1 {
			a.next, a.clamp, a.lo, a.hi = after, t.clamp, t.lo, t.hi
		}
		a.run(t.k.blockKernels(p), p1-p0, l)
		a.add, a.addj = y, t.y.Stride // what there is so far
	}
}

// blockKernels are those for a panel.
func (k *kernels) blockKernels(p panel) []func(*blockArgs) {
	if p.blocks == 1 {
		return k.narrow
	}
	return k.block
}

// gatherRow fills the shared panel for the taps of one row and block.
func (t *directTask) gatherRow(w *worker, i int) {
	size := t.pixels * t.x.Lanes
	for c := range t.s.S {
		t.gatherTap(w, t.shared[(i*t.s.S+c)*size:][:size], i/t.s.R, i%t.s.R, c, 0, t.pixels)
	}
}

// gather fills a panel (steps, pixels p0 … p1-1, L): step cb·R·S + r·S+t is
// the input pixel under tap (r,t) of block cb, zero outside the image.
func (t *directTask) gather(w *worker, dst []float32, p0, p1 int) {
	s, l := &t.s, t.x.Lanes
	for cb := range t.x.count() {
		for r := range s.R {
			for c := range s.S {
				t.gatherTap(w, dst[:(p1-p0)*l], cb, r, c, p0, p1)
				dst = dst[(p1-p0)*l:]
			}
		}
	}
}

// gatherTap fills one step, row by row of the output.
func (t *directTask) gatherTap(w *worker, dst []float32, cb, r, c, p0, p1 int) {
	s, l := &t.s, t.x.Lanes
	for p := p0; p < p1; {
		ox := p % s.OW
		oy := p / s.OW % s.OH
		n := min(s.OW-ox, p1-p)
		row := dst[:n*l]
		dst, p = dst[n*l:], p+n
		y := oy*s.StrideH - s.PadTop + r*s.DilationH
		if y < 0 || y >= s.H {
			clear(row)
			continue
		}
		image := (p - n) / (s.OW * s.OH)
		x0 := c*s.DilationW - s.PadLeft // of output column 0
		lo := min(max(ceilDiv(-x0, s.StrideW)-ox, 0), n)
		hi := min(max(ceilDiv(s.W-x0, s.StrideW)-ox, lo), n)
		clear(row[:lo*l])
		clear(row[hi*l:])
		if lo < hi {
			from := cb*t.x.Stride + ((image*s.H+y)*s.W+x0+(ox+lo)*s.StrideW)*l
			w.tap = tapArgs{y: row[lo*l:], x: t.x.Data[from:], n: hi - lo, xi: s.StrideW * l}
			t.k.gather(&w.tap)
			w.tap = tapArgs{} // so that no map stays alive
		}
	}
}
