package cpu

// The gradient by the weights as a matrix product over the pixels of all images
// at once, for convolutions of many channels on maps of any size: dot products
// along the rows of a 5×5 map leave most of a vector empty.
//
//	dw[k,(c,r,t)] = Σ over l = (n,p,q) of dy[n,k,p,q] · x[n,c,h,v]
//
// with h, v as in ConvGradWeight. Both operands are laid out once, in panels
// of as many channels as a tile has rows or columns: a step of the product then
// reads one run of numbers of each. The pixels under a tap are copied from x's
// panels in runs along the output rows, for all rows of dw that a piece does.

// gradMatrixChannels is the number of channels from which matrix products are
// faster than dot products; the fewest of input and output count.
const gradMatrixChannels = 32

// asMatrix reports whether matrix products suit the shape better than dots.
func (s *ConvShape) asMatrix() bool {
	return s.Groups == 1 && min(s.C, s.K) >= gradMatrixChannels
}

// gradMatrixTask computes dw (K,C,R,S); a piece is some tiles of columns, each
// one tap of a panel of input channels, for some of the panels of dy.
type gradMatrixTask struct {
	k      *kernels
	s      ConvShape
	dw     []float32
	dy, x  []float32 // in panels
	panels int       // of dy
	tiles  int       // of columns: panels of x times taps
	block  int       // tiles of a piece
	splits int       // pieces that share a block, each with its part of the panels
	laying channelPanelTask
}

const (
	// gradDepth is how many pixels are summed up in registers: those of a tile
	// fill the first level cache, and those of a block stay in the second.
	gradDepth = 512
	// gradBlock is the most tiles that a panel of dy is multiplied with while it
	// is in the first level cache.
	gradBlock = 4
)

// convGradMatrix computes dw (K,C,R,S); see ConvGradWeight.
func (d *Device) convGradMatrix(s ConvShape, dw, dy, x []float32) {
	t := &d.gradMatrix
	t.k, t.s, t.dw = d.k, s, dw
	columns := t.plan()
	t.channelPanels(d, grow(&t.dy, len(dy)), dy, s.K, t.panels, 0, s.OH*s.OW)
	t.channelPanels(d, grow(&t.x, s.N*s.H*s.W*columns*d.k.cols), x, s.C, columns, d.k.cols, s.H*s.W)
	d.team.run(ceilDiv(t.tiles, t.block)*t.splits, t)
	t.dw = nil
}

// plan cuts the work of the task's shape into pieces, for any number of threads
// alike. It returns the number of panels of x.
func (t *gradMatrixTask) plan() (columns int) {
	const pieces = 32
	t.panels = ceilDiv(t.s.K, t.k.rows)
	columns = ceilDiv(t.s.C, t.k.cols)
	t.tiles = columns * t.s.R * t.s.S
	t.block = max(1, min(gradBlock, t.tiles/pieces))
	t.splits = min(ceilDiv(pieces, ceilDiv(t.tiles, t.block)), t.panels)
	return columns
}

// gradMatrixScratch is what convGradMatrix takes.
func (d *Device) gradMatrixScratch(s ConvShape) Scratch {
	t := gradMatrixTask{k: d.k, s: s}
	columns := t.plan()
	pixels, most := s.N*s.OH*s.OW, ceilDiv(t.panels, t.splits) // panels of dy in a piece
	return Scratch{
		dy: s.K * pixels, x: s.N * s.H * s.W * columns * d.k.cols,
		panel: t.block * min(gradDepth, pixels) * d.k.cols, plane: t.block * min(s.K, most*ceilDiv(s.K, t.panels)) * d.k.cols,
	}
}

func (t *gradMatrixTask) piece(w *worker, i int) {
	s, cols := &t.s, t.k.cols
	split, first := i%t.splits, i/t.splits*t.block
	last := min(first+t.block, t.tiles)
	p0, p1 := part(t.panels, t.splits, split), part(t.panels, t.splits, split+1)
	k0, k1 := part(s.K, t.panels, p0), part(s.K, t.panels, p1)
	pixels := s.N * s.OH * s.OW
	size := min(gradDepth, pixels) * cols
	under := scratch(w, &w.panel, (last-first)*size)
	sums := scratch(w, &w.plane, (last-first)*(k1-k0)*cols)
	a := &w.tile
	a.bias, a.al, a.bl, a.ai, a.ci = nil, 0, cols, 1, cols
	a.unclamped()
	for l := 0; l < pixels; l += gradDepth {
		a.k = min(gradDepth, pixels-l)
		for j := first; j < last; j++ {
			t.gather(under[(j-first)*size:][:a.k*cols], j, l)
		}
		for p := p0; p < p1; p++ {
			from, to := part(s.K, t.panels, p), part(s.K, t.panels, p+1)
			h := to - from
			a.a, a.al = t.dy[from*pixels+l*h:][:a.k*h], h
			for j := range last - first {
				a.b = under[j*size:]
				a.c, a.add = sums[(j*(k1-k0)+from-k0)*cols:], nil
				if l > 0 {
					a.add = a.c
				}
				t.k.tiles[h](a)
			}
		}
	}
	for j := first; j < last; j++ {
		t.put(sums[(j-first)*(k1-k0)*cols:], j, k0, k1)
	}
}

// gather copies the pixels of x under tile j's tap for the output pixels from l
// on, as many as dst holds; outside of the image there are zeros.
func (t *gradMatrixTask) gather(dst []float32, j, l int) {
	s, cols := &t.s, t.k.cols
	tap := j % (s.R * s.S)
	x := t.x[j/(s.R*s.S)*s.N*s.H*s.W*cols:]
	lo, hi := validColumns(s.W, s.StrideW, s.PadLeft-tap%s.S*s.DilationW)
	for len(dst) > 0 {
		q := l % s.OW
		n := min(s.OW-q, len(dst)/cols)
		run := dst[:n*cols]
		dst = dst[n*cols:]
		h := l/s.OW%s.OH*s.StrideH - s.PadTop + tap/s.S*s.DilationH
		from, to := min(max(lo-q, 0), n), min(max(hi-q, 0), n)
		if h < 0 || h >= s.H || from >= to {
			clear(run)
		} else {
			clear(run[:from*cols])
			clear(run[to*cols:])
			v := (q+from)*s.StrideW - s.PadLeft + tap%s.S*s.DilationW
			copyPixels(run[from*cols:to*cols], x[((l/(s.OW*s.OH)*s.H+h)*s.W+v)*cols:], cols, s.StrideW)
		}
		l += n
	}
}

// copyPixels copies pixels of so many channels, each step-th of src.
func copyPixels(dst, src []float32, channels, step int) {
	if step == 1 {
		copy(dst, src)
		return
	}
	for i := 0; i < len(dst); i += channels {
		copy(dst[i:i+channels], src[i*step:])
	}
}

// put stores tile j's sums for the output channels k0 … k1-1.
func (t *gradMatrixTask) put(sums []float32, j, k0, k1 int) {
	s, cols, taps := &t.s, t.k.cols, t.s.R*t.s.S
	c := j / taps * cols
	for k := k0; k < k1; k++ {
		dw := t.dw[(k*s.C+c)*taps+j%taps:]
		for i, v := range sums[(k-k0)*cols:][:min(cols, s.C-c)] {
			dw[i*taps] = v
		}
	}
}

// channelPanels lays out x (N,channels,pixels) as that many panels of nearly as
// many channels each, or of width channels if that is not 0, the last one filled
// up with zeros. A panel of h channels from c0 on holds
//
//	panel[(n·pixels+p)·h + i] = x[n,c0+i,p]
func (t *gradMatrixTask) channelPanels(d *Device, dst, x []float32, channels, panels, width, pixels int) {
	t.laying = channelPanelTask{dst, x, t.s.N, channels, panels, width, pixels}
	d.team.run(t.s.N*panels, &t.laying)
	t.laying = channelPanelTask{}
}

// channelPanelTask lays out one image's part of a panel in a piece.
type channelPanelTask struct {
	dst, x                                  []float32
	images, channels, panels, width, pixels int
}

func (t *channelPanelTask) piece(_ *worker, i int) {
	n, p := i/t.panels, i%t.panels
	c0, c1 := part(t.channels, t.panels, p), part(t.channels, t.panels, p+1)
	h, at := c1-c0, c0
	if t.width > 0 {
		c0, c1 = p*t.width, min((p+1)*t.width, t.channels)
		h, at = t.width, c0
	}
	dst := t.dst[(at*t.images+n*h)*t.pixels:][:h*t.pixels]
	interleave(dst, t.x[(n*t.channels+c0)*t.pixels:], c1-c0, h, t.pixels)
}
