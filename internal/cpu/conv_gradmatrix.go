package cpu

// The gradient by the weights as matrix products over the pixels of all images
// at once, for convolutions of many channels on maps of any size: dot products
// along the rows of a 5×5 map leave most of a vector empty.
//
//	dw[k,c,r,s] = Σ over n,p,q of dyT[(n,p,q),k] · xT[(n,h,v),c]
//
// with h, v as in ConvGradWeight; dyT and xT are dy and x with the channel
// innermost, so that a row of either is one copy.

// gradMatrixChannels is the number of channels from which matrix products are
// faster than dot products; the fewest of input and output count.
const gradMatrixChannels = 32

// asMatrix reports whether matrix products suit the shape better than dots.
func (s *ConvShape) asMatrix() bool {
	return s.Groups == 1 && min(s.C, s.K) >= gradMatrixChannels
}

// gradMatrix holds the arrays of convGradMatrix between calls.
type gradMatrix struct {
	dy, x, rows, sum []float32
	last             channelsLastTask
	gather           gatherTask
	put              putTask
}

// convGradMatrix computes dw (K,C,R,S); see ConvGradWeight.
func (d *Device) convGradMatrix(s ConvShape, dw, dy, x []float32) {
	m := &d.gradMatrix
	pixels := s.OH * s.OW
	d.channelsLast(grow(&m.dy, len(dy)), dy, s.N, s.K, pixels)
	d.channelsLast(grow(&m.x, len(x)), x, s.N, s.C, s.H*s.W)
	if s.pixelwise() {
		d.Gemm(true, false, s.K, s.C, s.N*pixels, dw, m.dy, m.x, GemmEpilogue{})
		return
	}
	grow(&m.rows, s.N*pixels*s.C)
	grow(&m.sum, s.K*s.C)
	for r := range s.R {
		for t := range s.S {
			m.gather = gatherTask{s: s, r: r, t: t, dst: m.rows, x: m.x}
			d.team.run(s.N, &m.gather)
			d.Gemm(true, false, s.K, s.C, s.N*pixels, m.sum, m.dy, m.rows, GemmEpilogue{})
			m.put = putTask{dw: dw[r*s.S+t:], sum: m.sum, step: s.R * s.S, row: s.C}
			d.team.run(s.K, &m.put)
		}
	}
	m.gather, m.put = gatherTask{}, putTask{}
}

// pixelwise reports whether each output sees the one input in its place.
func (s *ConvShape) pixelwise() bool {
	return s.R*s.S == 1 && s.StrideH == 1 && s.StrideW == 1 && s.PadTop == 0 && s.PadLeft == 0 && s.OH == s.H && s.OW == s.W
}

// gradMatrixScratch is what convGradMatrix takes.
func (d *Device) gradMatrixScratch(s ConvShape) Scratch {
	pixels := s.N * s.OH * s.OW
	all := d.GemmScratch(true, false, s.K, s.C, pixels)
	all.dy, all.x = s.K*pixels, s.N*s.C*s.H*s.W
	if !s.pixelwise() {
		all.rows, all.sum = pixels*s.C, s.K*s.C
	}
	return all
}

// channelsLast sets dst (n,pixels,channels) to x (n,channels,pixels).
func (d *Device) channelsLast(dst, x []float32, n, channels, pixels int) {
	t := &d.gradMatrix.last
	*t = channelsLastTask{dst, x, channels, pixels}
	d.team.run(n, t)
	*t = channelsLastTask{}
}

// channelsLastTask does one image in a piece.
type channelsLastTask struct {
	dst, x           []float32
	channels, pixels int
}

func (t *channelsLastTask) piece(_ *worker, i int) {
	const block = 16 // channels at once: whole cache lines of dst
	size := t.channels * t.pixels
	dst, x := t.dst[i*size:][:size], t.x[i*size:][:size]
	for c := 0; c < t.channels; c += block {
		end := min(c+block, t.channels)
		for p := range t.pixels {
			row := dst[p*t.channels+c : p*t.channels+end]
			for j := range row {
				row[j] = x[(c+j)*t.pixels+p]
			}
		}
	}
}

// gatherTask copies, for one image, the input pixel under weight (r,t) of each
// output pixel; outside of the image there are zeros.
type gatherTask struct {
	s      ConvShape
	r, t   int
	dst, x []float32 // (N,OH,OW,C), (N,H,W,C)
}

func (g *gatherTask) piece(_ *worker, n int) {
	s := &g.s
	for p := range s.OH {
		h := p*s.StrideH - s.PadTop + g.r*s.DilationH
		for q := range s.OW {
			to := g.dst[((n*s.OH+p)*s.OW+q)*s.C:][:s.C]
			v := q*s.StrideW - s.PadLeft + g.t*s.DilationW
			if h < 0 || h >= s.H || v < 0 || v >= s.W {
				clear(to)
				continue
			}
			copy(to, g.x[((n*s.H+h)*s.W+v)*s.C:])
		}
	}
}

// putTask spreads a row of sums over the weights of one output channel.
type putTask struct {
	dw, sum   []float32
	step, row int
}

func (t *putTask) piece(_ *worker, k int) {
	for c, v := range t.sum[k*t.row:][:t.row] {
		t.dw[(k*t.row+c)*t.step] = v
	}
}
