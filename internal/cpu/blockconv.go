package cpu

import (
	"fmt"
	"math"
)

// Algorithm is a way to convolve maps in channel blocks.
type Algorithm int

// Direct is the plain sum; Winograd2 … Winograd6 are F(m×m,3×3), which need
// 4, 2.25, 1.96 and 1.78 products an output instead of 9.
const (
	Direct    Algorithm = 0
	Winograd2 Algorithm = 2
	Winograd4 Algorithm = 4
	Winograd5 Algorithm = 5 // cannot Pool
	Winograd6 Algorithm = 6
)

// String is e.g. "winograd 4×4".
func (a Algorithm) String() string {
	if a == Direct {
		return "direct"
	}
	return fmt.Sprintf("winograd %d×%d", int(a), int(a))
}

// BlockEpilogue is what happens to each output of a convolution of blocks
// before it is stored: y = clamp(conv + bias + add, Lo, Hi), then, if Pool is
// set, the maximum of each 2×2 square of outputs.
type BlockEpilogue struct {
	Add    Blocks  // of y's shape, or without Data; may be y itself
	Lo, Hi float32 // used when Clamp is set; NaN passes through
	Clamp  bool
	Pool   bool // Winograd only; OH and OW are even, Add is not used
}

// limits returns Lo and Hi, or infinities, and the kernels' kind of clamp.
func (e *BlockEpilogue) limits() (lo, hi float32, clamp int) {
	inf := float32(math.Inf(1))
	switch {
	case !e.Clamp:
		return -inf, inf, 0
	case e.Hi == inf:
		return e.Lo, e.Hi, 1
	}
	return e.Lo, e.Hi, 2
}

// BlockConv is a convolution of one group, its weights laid out for the
// kernels of one Device. H, W, OH and OW of its shape are fixed, N is not.
type BlockConv struct {
	s         ConvShape
	algorithm Algorithm
	bias      []float32 // (panels·2·lanes), zeros beyond K
	weights   []float32
	size      int // of weights
	panels    []panel
}

// panel is the weights of two blocks of output channels, or of the last one.
type panel struct {
	block  int // the first
	blocks int // 1 or 2
	at     int // in weights
}

// appendPanels cuts k output channels in blocks of l lanes into panels, depth
// numbers for each channel, and appends them to list.
func appendPanels(list []panel, k, l, depth int) []panel {
	for b := 0; b < ceilDiv(k, l); b += 2 {
		list = append(list, panel{b, min(2, ceilDiv(k, l)-b), b * l * depth})
	}
	return list
}

// fetchBytes is how many bytes of weights are asked for while as many are
// multiplied: both stay in the second level cache.
const fetchBytes = 320 << 10

// start is where the weights of panel i begin, nil if there is no such panel.
func (c *BlockConv) start(i int) []float32 {
	if i >= len(c.panels) {
		return nil
	}
	return c.weights[c.panels[i].at:]
}

// CanWinograd reports whether a convolution of shape s can be done with tiles.
func (s ConvShape) CanWinograd() bool {
	return s.R == 3 && s.S == 3 && s.StrideH == 1 && s.StrideW == 1 && s.DilationH == 1 && s.DilationW == 1 && s.Groups == 1
}

// PackBlockConv lays out weights w (K,C,R,S) and bias (K) or nil for
// algorithm a. It panics where a cannot do s: see CanWinograd.
func (d *Device) PackBlockConv(s ConvShape, w, bias []float32, a Algorithm) *BlockConv {
	if s.Groups != 1 || a != Direct && !s.CanWinograd() {
		panic(fmt.Sprintf("cpu: PackBlockConv: %v cannot convolve %+v", a, s))
	}
	c := d.blockConv(s, a)
	l := d.Lanes()
	c.bias = Alloc(ceilDiv(s.K, 2*l) * 2 * l)
	copy(c.bias, bias)
	c.weights = Alloc(c.size)
	d.packing = packTask{c, w[:s.K*s.C*s.R*s.S], l}
	d.team.run(len(c.panels), &d.packing)
	d.packing = packTask{}
	return c
}

// blockConv is a convolution without its numbers.
func (d *Device) blockConv(s ConvShape, a Algorithm) *BlockConv {
	l, points := d.Lanes(), s.R*s.S
	if a != Direct {
		points = (int(a) + 2) * (int(a) + 2)
	}
	depth := ceilDiv(s.C, l) * l * points
	return &BlockConv{s: s, algorithm: a, size: ceilDiv(s.K, l) * l * depth, panels: appendPanels(nil, s.K, l, depth)}
}

// packTask lays out weights; a piece is a panel:
//
//	direct:   panel[((cb·R·S + r·S+t)·L + u)·cols + k] = w[k0+k, cb·L+u, r, t]
//	winograd: panel[(point·C + c)·cols + k] = (G·w[k0+k,c]·Gᵀ)[point]
type packTask struct {
	c     *BlockConv
	w     []float32
	lanes int
}

func (t *packTask) piece(_ *worker, i int) {
	p, s := t.c.panels[i], &t.c.s
	cols, k0 := p.blocks*t.lanes, p.block*t.lanes
	out := t.c.weights[p.at:]
	if t.c.algorithm != Direct {
		t.winograd(out, k0, cols)
		return
	}
	taps := s.R * s.S
	for k := range min(cols, s.K-k0) {
		for c := range s.C {
			for rt, v := range t.w[((k0+k)*s.C+c)*taps:][:taps] {
				step := c/t.lanes*taps + rt
				out[(step*t.lanes+c%t.lanes)*cols+k] = v
			}
		}
	}
}

// winograd transforms the filters in float64.
func (t *packTask) winograd(out []float32, k0, cols int) {
	s, m := &t.c.s, int(t.c.algorithm)
	a, g := m+2, winograds[m].g
	depth := ceilDiv(s.C, t.lanes) * t.lanes
	for c := range s.C {
		for k := range min(cols, s.K-k0) {
			w := t.w[((k0+k)*s.C+c)*9:][:9]
			var e [8][3]float64
			for i := range a {
				for j := range 3 {
					e[i][j] = g[i][0]*float64(w[j]) + g[i][1]*float64(w[3+j]) + g[i][2]*float64(w[6+j])
				}
			}
			for i := range a {
				for j := range a {
					v := e[i][0]*g[j][0] + e[i][1]*g[j][1] + e[i][2]*g[j][2]
					out[((i*a+j)*depth+c)*cols+k] = float32(v)
				}
			}
		}
	}
}

// BlockConv computes y = clamp(conv(x) + bias + add): see Conv and
// BlockEpilogue. y must not be x.
func (d *Device) BlockConv(c *BlockConv, y, x Blocks, e BlockEpilogue) {
	s := c.s
	s.N = x.N
	if s.N == 0 {
		return
	}
	if c.algorithm == Direct {
		d.direct.run(d, c, s, y, x, e)
	} else {
		d.wino.run(d, c, s, y, x, e)
	}
}

// BlockConvScratch is what BlockConv takes for s.N images.
func (d *Device) BlockConvScratch(s ConvShape, a Algorithm) Scratch {
	l := d.Lanes()
	c, y, x := d.blockConv(s, a), Blocks{N: s.N, C: s.K, H: s.OH, W: s.OW, Lanes: l}, Blocks{N: s.N, C: s.C, H: s.H, W: s.W, Lanes: l}
	if a == Direct {
		t := directTask{}
		t.cut(d, c, s, y, x)
		return t.scratch()
	}
	t := winoTask{}
	t.cut(d, c, s, y, x)
	return t.scratch()
}
