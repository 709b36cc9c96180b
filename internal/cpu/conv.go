package cpu

import (
	"fmt"
	"math"
)

// ConvShape is the geometry of a two-dimensional convolution. The padding
// below and to the right follows from OH and OW.
type ConvShape struct {
	N, C, H, W           int // input (N,C,H,W)
	K, R, S              int // weights (K,C/Groups,R,S)
	OH, OW               int // output (N,K,OH,OW)
	StrideH, StrideW     int
	PadTop, PadLeft      int
	DilationH, DilationW int
	Groups               int
}

// Epilogue is what happens to each output before it is stored:
// y = clamp(conv + bias + add, Lo, Hi).
type Epilogue struct {
	Bias   []float32 // (K) or nil
	Add    []float32 // (N,K,OH,OW) or nil; may be y itself
	Lo, Hi float32   // used when Clamp is set; NaN passes through
	Clamp  bool
}

// limits returns Lo and Hi, or infinities.
func (e Epilogue) limits() (lo, hi float32) {
	if e.Clamp {
		return e.Lo, e.Hi
	}
	return float32(math.Inf(-1)), float32(math.Inf(1))
}

// ConvWeights are weights laid out for a Device's kernels by PackConv.
type ConvWeights struct {
	panels []float32
	rows   int // of the largest tile they are laid out for
}

// Bytes is the memory held.
func (w *ConvWeights) Bytes() int64 { return 4 * int64(len(w.panels)) }

// PackConv lays out weights w (K,C/Groups,R,S) for Conv. Batch, height and
// width in s are hints; Conv may be called with others.
func (d *Device) PackConv(s ConvShape, w []float32) *ConvWeights {
	p := &ConvWeights{make([]float32, s.K*s.depth()), d.k.rows}
	d.pack(panelTask{panels: p.panels, w: w, s: s})
	return p
}

// ConvOnce is Conv with weights w (K,C/Groups,R,S) that are laid out for this
// call only, as those that learn are; 3×3 windows go by Winograd's minimal
// filtering where that is faster. It allocates nothing after the first call.
func (d *Device) ConvOnce(s ConvShape, y, x, w []float32, e Epilogue) {
	if e.Bias != nil {
		e.Bias = e.Bias[:s.K]
	}
	if e.Add != nil {
		e.Add = e.Add[:s.N*s.K*s.OH*s.OW]
	}
	d.convOnce(y[:s.N*s.K*s.OH*s.OW], x[:s.N*s.C*s.H*s.W], panelTask{w: w[:s.K*s.depth()], s: s}, e)
}

// convOnce convolves x with the weights that t reads.
func (d *Device) convOnce(y, x []float32, t panelTask, e Epilogue) {
	if a := t.s.tiling(); a != Direct && e.Add == nil {
		d.convTiled(a, y, x, t, e)
		return
	}
	t.panels = grow(&d.panels, t.s.K*t.s.depth())
	d.pack(t)
	d.convolve(t.s, y, x, t.panels, e)
}

// Conv computes, for x (N,C,H,W) and y (N,K,OH,OW), with zero outside x,
//
//	y[n,k,p,q] = clamp(bias[k] + add[n,k,p,q] + Σ over c,r,s of
//	    w[k,c,r,s] · x[n, g·C/G+c, p·StrideH-PadTop+r·DilationH, q·StrideW-PadLeft+s·DilationW])
//
// where g = k / (K/G) is the group of output channel k. y must not be x.
func (d *Device) Conv(s ConvShape, y, x []float32, w *ConvWeights, e Epilogue) {
	if w.rows != d.k.rows || len(w.panels) != s.K*s.depth() {
		panic(fmt.Sprintf("cpu: Conv: weights packed for another device or shape, want (%d,%d,%d,%d)", s.K, s.C/s.Groups, s.R, s.S))
	}
	if e.Bias != nil {
		e.Bias = e.Bias[:s.K]
	}
	if e.Add != nil {
		e.Add = e.Add[:s.N*s.K*s.OH*s.OW]
	}
	d.convolve(s, y[:s.N*s.K*s.OH*s.OW], x[:s.N*s.C*s.H*s.W], w.panels, e)
}

// convolve is Conv with packed weights, by the way that suits the shape.
func (d *Device) convolve(s ConvShape, y, x, w []float32, e Epilogue) {
	if s.N*s.K*s.OH*s.OW == 0 {
		return
	}
	s = s.flat()
	if s.stripwise(d.k) {
		d.strips.run(d, s, y, x, w, e)
	} else {
		d.conv.run(d, s, y, x, w, e)
	}
}

// ConvScratch is what Conv takes.
func (d *Device) ConvScratch(s ConvShape) Scratch {
	s = s.flat()
	if s.stripwise(d.k) {
		t := stripTask{}
		t.cut(d.k, s)
		return t.plane.scratch()
	}
	t := convTask{}
	t.cut(d.k, s)
	return t.scratch()
}

// ConvOnceScratch is what ConvOnce takes where nothing is added.
func (d *Device) ConvOnceScratch(s ConvShape) Scratch {
	if a := s.tiling(); a != Direct {
		return d.tiledScratch(a, s)
	}
	return d.ConvScratch(s).Or(Scratch{once: s.K * s.depth()})
}

// Images is s for n images.
func (s ConvShape) Images(n int) ConvShape {
	s.N = n
	return s
}

// depth is the number of products in one output: C/Groups·R·S.
func (s *ConvShape) depth() int { return s.C / s.Groups * s.R * s.S }

// flat turns a convolution that maps pixel to pixel into one of a single row.
func (s ConvShape) flat() ConvShape {
	if s.pixelwise() {
		s.W *= s.H
		s.OW, s.H, s.OH = s.W, 1, 1
	}
	return s
}

// pack lays out weights w (K,C/G,R,S) as panels: the channels of a group are
// cut into nearly equal panels of at most rows, and a panel holds, for each
// (r,s,c), its h channels side by side:
//
//	panel[((r·S+t)·C/G+c)·h + i] = w[k0+i,c,r,t]
func (d *Device) pack(t panelTask) {
	t.n = ceilDiv(t.s.K/t.s.Groups, d.k.rows)
	d.panelling = t
	d.team.run(t.s.Groups*t.n, &d.panelling)
	d.panelling = panelTask{}
}

// panelTask lays out one panel in a piece. With turned, s is a phase of the
// gradient by the input: w is (C,K/G,…) of the forward convolution, whose roles
// of C and K are exchanged, and r, t count the phase's taps backwards.
type panelTask struct {
	panels, w []float32
	s         ConvShape
	n         int // panels of a group
	turned    bool
	from      phaseTaps // if turned
}

// phaseTaps is the taps of a phase in a window of r by s taps.
type phaseTaps struct {
	rows, cols phase
	r, s       int
}

// place says where the weights of group g's output channels from k0 on lie in
// w: those of channel c and k0+i at first + c·perC + i·perI + the tap's place.
func (t *panelTask) place(g, k0 int) (first, perC, perI int) {
	s := &t.s
	cg, kg, taps := s.C/s.Groups, s.K/s.Groups, s.R*s.S
	if t.turned {
		taps = t.from.r * t.from.s
		return (g*cg*kg + k0) * taps, kg * taps, taps
	}
	return (g*kg + k0) * cg * taps, taps, cg * taps
}

// tap is the place in the window of a tap, counted along the rows.
func (t *panelTask) tap(tap int) int {
	if !t.turned {
		return tap
	}
	f, r, c := &t.from, tap/t.s.S, tap%t.s.S
	return (f.rows.tap+(f.rows.taps-1-r)*f.rows.step)*f.s + f.cols.tap + (f.cols.taps-1-c)*f.cols.step
}

func (t *panelTask) piece(_ *worker, piece int) {
	s := &t.s
	cg, kg, depth := s.C/s.Groups, s.K/s.Groups, s.depth()
	g, p := piece/t.n, piece%t.n
	k0, k1 := part(kg, t.n, p), part(kg, t.n, p+1)
	h := k1 - k0
	panel := t.panels[(g*kg+k0)*depth:][:h*depth]
	first, perC, perI := t.place(g, k0)
	for tap := range s.R * s.S {
		at := first + t.tap(tap)
		for c := range cg {
			to := panel[(tap*cg+c)*h:][:h]
			for i := range to {
				to[i] = t.w[at+c*perC+i*perI]
			}
		}
	}
}

// pixelwise reports whether each output sees the one input in its place.
func (s *ConvShape) pixelwise() bool {
	return s.R*s.S == 1 && s.StrideH == 1 && s.StrideW == 1 && s.PadTop == 0 && s.PadLeft == 0 && s.OH == s.H && s.OW == s.W
}
