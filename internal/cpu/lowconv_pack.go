package cpu

import (
	"fmt"
	"math"
	"unsafe"
)

// pointwise reports a 1×1 convolution.
func (s *ConvShape) pointwise() bool { return s.R*s.S == 1 }

// channels is the number of channels in a packed pixel.
func (p Precision) channels() int { return [...]int{BFloat16: 2, Int8: 4}[p] * lowUnits }

// asUnits views a as units of 4 bytes.
func asUnits(a []float32) []uint32 {
	return unsafe.Slice((*uint32)(unsafe.Pointer(unsafe.SliceData(a))), len(a))
}

// PackLowConv lays out weights w (K,C,R,S) and bias (K) or nil. Int8 weights
// are quantised symmetrically, each output channel with a scale of its own;
// q is of the inputs. Sums of 66000 and more products may overflow in Int8.
// It panics where HasPrecision has an error, and where q makes no sense.
func (d *Device) PackLowConv(s ConvShape, w, bias []float32, p Precision, q Quantisation) *LowConv {
	if err := d.HasPrecision(p); err != nil || p == Float32 || s.Groups != 1 {
		panic(fmt.Sprintf("cpu: PackLowConv: %v cannot convolve %+v: %v", p, s, err))
	}
	c := &LowConv{s: s, precision: p}
	l := d.Lanes()
	c.bias = Alloc(ceilDiv(s.K, 2*l) * 2 * l)
	copy(c.bias, bias)
	depth := ceilDiv(s.C, p.channels()) * lowUnits * s.R * s.S
	c.panels = appendPanels(nil, s.K, l, depth)
	c.weights = asUnits(Alloc(ceilDiv(s.K, l) * l * depth))
	if p == Int8 {
		if !(q.Scale > 0) || q.Zero < 0 || q.Zero > 255 {
			panic(fmt.Sprintf("cpu: PackLowConv: inputs quantised by %+v: want a scale above 0, a zero point of 0 … 255", q))
		}
		c.in, c.inv = q, 1/q.Scale
		c.start, c.scale = make([]int32, len(c.bias)), Alloc(len(c.bias))
	}
	t := &lowWeightsTask{c, w[:s.K*s.depth()], l}
	d.team.run(s.K, t)
	return c
}

// lowWeightsTask lays out weights; a piece is an output channel.
type lowWeightsTask struct {
	c     *LowConv
	w     []float32
	lanes int
}

func (t *lowWeightsTask) piece(_ *worker, k int) {
	w := t.w[k*t.c.s.depth():][:t.c.s.depth()]
	if t.c.precision == BFloat16 {
		t.place(k, 16, func(i int) uint32 { return bf16(w[i]) })
		return
	}
	scale, sum := int8Scale(w), 0 // w·x = scale·q · in.Scale·(u-in.Zero)
	t.place(k, 8, func(i int) uint32 {
		q := int8(math.RoundToEven(float64(w[i]) / scale))
		sum += int(q)
		return uint32(uint8(q))
	})
	t.c.start[k] = -int32(t.c.in.Zero * sum)
	t.c.scale[k] = float32(scale * float64(t.c.in.Scale))
}

// int8Scale is what the integer 1 means for weights that -127 … 127 stand for.
func int8Scale(w []float32) float64 {
	var most float32
	for _, v := range w {
		most = max(most, v, -v)
	}
	if most == 0 {
		return 1
	}
	return float64(most) / 127
}

// place sets the weights of output channel k, of so many bits, to f of their
// index in (C,R,S).
func (t *lowWeightsTask) place(k, bits int, f func(i int) uint32) {
	p, s := t.c.panels[k/(2*t.lanes)], &t.c.s
	cols, channels, taps := p.blocks*t.lanes, t.c.precision.channels(), s.R*s.S
	out := t.c.weights[p.at+k-p.block*t.lanes:]
	for i := range s.C * taps {
		c := i / taps
		step := c/channels*taps + i%taps
		unit, slot := c%channels*bits/32, c%channels*bits%32
		out[(step*lowUnits+unit)*cols] |= f(i) << slot
	}
}

// lowMap is a packed map (blocks of channels, N, h, w, 16 units) with the
// border that the taps see. An output is stepY and stepX of its pixels away
// from the next.
type lowMap struct {
	units        []uint32
	blocks       int
	stride       int // units from one block to the next
	n, h, w      int
	stepY, stepX int
}

// lowPackTask converts a map; a piece is some pixels of a block of channels.
type lowPackTask struct {
	pack   func(*lowPackArgs)
	c      *LowConv
	s      ConvShape
	x      Blocks
	m      lowMap
	skipY  int // pixels of x from one of m to the next
	skipX  int
	border uint32
	parts  int // pieces that share a block
	memory []float32
}

// run returns x packed, in memory that the next run uses again. For a 1×1
// convolution these are the pixels under the outputs, and else all.
func (t *lowPackTask) run(d *Device, c *LowConv, x Blocks) lowMap {
	t.pack, t.x = d.k.low[c.precision].pack, x
	t.cut(c, x.N)
	m, pixels := &t.m, t.m.n*t.m.h*t.m.w
	t.reserve(m.blocks * m.stride)
	m.units = asUnits(t.memory)[:m.blocks*m.stride]
	t.border = uint32(c.in.Zero) * 0x01010101
	t.parts = max(1, min(ceilDiv(d.enough(), m.blocks), pixels/64))
	d.team.run(m.blocks*t.parts, t)
	t.c, t.x = nil, Blocks{}
	return *m
}

// reserve takes memory for that many units.
func (t *lowPackTask) reserve(units int) {
	if len(t.memory) < units {
		t.memory = Alloc(units)
	}
}

// cut says what the map of n images looks like, without its memory.
func (t *lowPackTask) cut(c *LowConv, n int) {
	t.c, t.s = c, c.s
	t.s.N = n
	t.flatten()
	s := &t.s
	m := &t.m
	*m = lowMap{blocks: ceilDiv(s.C, c.precision.channels()), n: s.N, stepY: s.StrideH, stepX: s.StrideW}
	m.h, m.w = (s.OH-1)*s.StrideH+(s.R-1)*s.DilationH+1, (s.OW-1)*s.StrideW+(s.S-1)*s.DilationW+1
	t.skipY, t.skipX = 1, 1
	if s.pointwise() {
		m.h, m.w, m.stepY, m.stepX, t.skipY, t.skipX = s.OH, s.OW, 1, 1, s.StrideH, s.StrideW
	}
	pixels := m.n * m.h * m.w
	m.stride = (pixels | 1) * lowUnits // odd, so that blocks do not meet in the caches
}

// flatten makes one row of all pixels where the outputs see just these.
func (t *lowPackTask) flatten() {
	s := &t.s
	if s.pixelwise() {
		s.W *= s.N * s.H
		s.N, s.H, s.OH, s.OW = 1, 1, 1, s.W
	}
}

func (t *lowPackTask) piece(w *worker, i int) {
	cb, m := i/t.parts, &t.m
	pixels := m.n * m.h * m.w
	p0, p1 := part(pixels, t.parts, i%t.parts), part(pixels, t.parts, i%t.parts+1)
	a := &w.pack
	*a = lowPackArgs{offs: t.blocks(w, cb), mask: t.mask(cb), xi: t.skipX * t.x.Lanes, zero: t.c.in.Zero, inv: t.c.inv}
	for p := p0; p < p1; {
		n := min(m.w-p%m.w, p1-p)
		t.row(a, m.units[cb*m.stride+p*lowUnits:][:n*lowUnits], p, n)
		p += n
	}
	*a = lowPackArgs{}
}

// blocks lists where the blocks of x begin that packed block cb consists of.
// In place of those that x lacks stands the last one.
func (t *lowPackTask) blocks(w *worker, cb int) []int {
	each := t.c.precision.channels() / t.x.Lanes
	offs := scratch(w, &w.offs, each)
	for j := range offs {
		offs[j] = min(cb*each+j, t.x.count()-1) * t.x.Stride
	}
	return offs
}

// mask has a bit for each channel of packed block cb that x has.
func (t *lowPackTask) mask(cb int) uint64 {
	channels := t.c.precision.channels()
	return 1<<min(t.s.C-cb*channels, channels) - 1
}

// row sets dst to n packed pixels of a row from pixel p on.
func (t *lowPackTask) row(a *lowPackArgs, dst []uint32, p, n int) {
	s, m := &t.s, &t.m
	col, row, image := p%m.w, p/m.w%m.h, p/(m.w*m.h)
	y := row*t.skipY - s.PadTop
	if y < 0 || y >= s.H {
		t.fill(dst)
		return
	}
	lo := min(max(ceilDiv(s.PadLeft, t.skipX)-col, 0), n)
	hi := min(max(ceilDiv(s.W+s.PadLeft, t.skipX)-col, lo), n)
	t.fill(dst[:lo*lowUnits])
	t.fill(dst[hi*lowUnits:])
	if lo < hi {
		a.y, a.n = dst[lo*lowUnits:], hi-lo
		a.x = t.x.Data[((image*s.H+y)*s.W+(col+lo)*t.skipX-s.PadLeft)*t.x.Lanes:]
		t.pack(a)
	}
}

// fill sets pixels to what stands for zero.
func (t *lowPackTask) fill(dst []uint32) {
	for i := range dst {
		dst[i] = t.border
	}
}
