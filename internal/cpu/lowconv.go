package cpu

import (
	"fmt"

	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/cpu"
)

// Precision is how exactly a convolution of blocks multiplies. Maps between
// layers are float32 in any case, and so are sums, or exact.
type Precision int

// Float32 is BlockConv; BFloat16 has 8 bits of mantissa, Int8 quantised
// weights and inputs.
const (
	Float32 Precision = iota
	BFloat16
	Int8
)

// String is f32, bf16 or int8.
func (p Precision) String() string { return [...]string{"f32", "bf16", "int8"}[p] }

// lowFeatures are what the assembly of a precision needs of a processor. None
// that has AVX512_VNNI lacks the AVX512BW that quantising needs.
var lowFeatures = [...]struct {
	name string
	has  *bool
}{
	BFloat16: {"AVX512_BF16", &cpu.X86.HasAVX512BF16},
	Int8:     {"AVX512_VNNI", &cpu.X86.HasAVX512VNNI},
}

// slowBFloat16 is set on Intel's processors: VDPBF16PS does no more products a
// second there than float32's multiply-adds (ResNet50 on a Xeon with AMX: 33
// images a second against 51); their fast way is AMX, which tl does not use.
var slowBFloat16 = cpuid.CPU.VendorID == cpuid.Intel

// HasPrecision returns nil, or an error that says what is missing. What gains
// no speed is there only where TL_CPU asks for the kernels: bf16 on Intel's
// processors, and the portable kernels' precisions, the truth for tests.
func (d *Device) HasPrecision(p Precision) error {
	switch {
	case p == Float32 || d.k == kernelsPortable && !d.stopgap:
		return nil
	case d.stopgap || d.k.low[p].pack == nil:
		return fmt.Errorf("%v needs %s, which the %s kernels do not use", p, lowFeatures[p].name, d.k.name)
	case !*lowFeatures[p].has:
		return fmt.Errorf("%v needs %s, which this processor does not have", p, lowFeatures[p].name)
	}
	if p == BFloat16 && slowBFloat16 && d.unasked {
		return fmt.Errorf("%v needs products that are faster than float32's, which Intel's processors have in AMX only, and tl does not use that", p)
	}
	return nil
}

// Quantisation says what the integers 0 … 255 of an Int8 input mean:
// x = Scale · (q - Zero). Zero is 0 where x is never negative.
type Quantisation struct {
	Scale float32
	Zero  int
}

// LowConv is a convolution of one group in BFloat16 or Int8, its weights laid
// out for the kernels of one Device. H, W, OH and OW of its shape are fixed, N
// is not.
type LowConv struct {
	s         ConvShape
	precision Precision
	in        Quantisation // of Int8
	inv       float32      // 1 / in.Scale
	bias      []float32    // (panels·2·lanes), zeros beyond K
	start     []int32      // the same, of Int8: -in.Zero · Σ weights
	scale     []float32    // the same, of Int8: of the weights and of the input
	weights   []uint32     // panel[((cb·R·S + r·S+t)·16 + u)·cols + k], u the unit
	panels    []panel
}

// LowConv computes y = clamp(conv(x) + bias + add) of x and weights rounded to
// the precision: see Conv and BlockEpilogue, whose Pool it does not know.
// y must not be x.
//
// It converts x once, with its border, into a packed map; the product then
// reads that map where it is, under every tap.
func (d *Device) LowConv(c *LowConv, y, x Blocks, e BlockEpilogue) {
	if x.N == 0 {
		return
	}
	m := d.lowPack.run(d, c, x)
	d.low.run(d, c, m, y, e)
}

// LowConvScratch is what LowConv takes for s.N images.
func (d *Device) LowConvScratch(s ConvShape, p Precision) Scratch {
	var t lowPackTask
	t.cut(&LowConv{s: s, precision: p}, s.N)
	return Scratch{low: t.m.blocks * t.m.stride, offs: p.channels() / d.Lanes()}
}

// lowTask computes the product; a piece is some tiles for some of the panels
// of weights. Output pixels are tiled row by row.
type lowTask struct {
	k      *lowKernels
	c      *LowConv
	m      lowMap
	y      Blocks
	e      BlockEpilogue
	lo, hi float32
	clamp  int
	offs   []int // of the steps

	width  int // pixels in a row
	inRow  int // tiles in a row
	tiles  int
	block  int // tiles of a piece
	splits int // pieces that share a block, each with its part of the panels
}

// lowBytes is how much of the packed map a piece looks at: it stays in the
// second level cache beside a panel of weights.
const lowBytes = 256 << 10

func (t *lowTask) run(d *Device, c *LowConv, m lowMap, y Blocks, e BlockEpilogue) {
	t.k, t.c, t.m, t.y, t.e = &d.k.low[c.precision], c, m, y, e
	t.lo, t.hi, t.clamp = e.limits()
	t.steps()
	rows := y.N * c.s.OH
	t.width = c.s.OW
	if c.s.pointwise() {
		t.width, rows = rows*c.s.OW, 1
	}
	t.inRow = ceilDiv(t.width, d.k.rows)
	t.tiles = rows * t.inRow
	under := 4 * lowUnits * m.blocks * ceilDiv(t.width, t.inRow) * m.stepY * m.stepX
	most := min(max(1, lowBytes/under), t.tiles)
	t.splits = min(len(c.panels), ceilDiv(d.enough(), ceilDiv(t.tiles, most)))
	blocks := max(ceilDiv(t.tiles, most), min(t.tiles, d.enough()/t.splits))
	t.block = ceilDiv(t.tiles, blocks)
	d.team.run(ceilDiv(t.tiles, t.block)*t.splits, t)
	t.c, t.m, t.y, t.e = nil, lowMap{}, Blocks{}, BlockEpilogue{}
}

// steps lists where the packed pixel under each tap begins.
func (t *lowTask) steps() {
	s := &t.c.s
	offs := grow(&t.offs, t.m.blocks*s.R*s.S+1) // the kernels look ahead
	for i := range offs[:len(offs)-1] {
		cb, r, c := i/(s.R*s.S), i/s.S%s.R, i%s.S
		offs[i] = cb*t.m.stride + (r*s.DilationH*t.m.w+c*s.DilationW)*lowUnits
	}
	offs[len(offs)-1] = 0
}

func (t *lowTask) piece(w *worker, i int) {
	split, block := i%t.splits, i/t.splits
	first, last := part(len(t.c.panels), t.splits, split), part(len(t.c.panels), t.splits, split+1)
	a := &w.low
	*a = lowArgs{blockArgs: blockArgs{
		offs: t.offs, steps: t.m.blocks * t.c.s.R * t.c.s.S, xi: t.m.stepX * lowUnits,
		yj: t.y.Stride, addj: t.e.Add.Stride, clamp: t.clamp, lo: t.lo, hi: t.hi,
	}}
	t0, t1 := block*t.block, min((block+1)*t.block, t.tiles)
	for _, p := range t.c.panels[first:last] {
		for j := t0; j < t1; {
			n := min(t.inRow-j%t.inRow, t1-j)
			t.some(a, p, j, n)
			j += n
		}
	}
	*a = lowArgs{}
}

// some computes n tiles of a row from tile j on, of the panel's channels.
func (t *lowTask) some(a *lowArgs, p panel, j, n int) {
	l, s := t.y.Lanes, &t.c.s
	row := j / t.inRow
	lo, hi := part(t.width, t.inRow, j%t.inRow), part(t.width, t.inRow, j%t.inRow+n)
	a.units = t.m.units[((row/s.OH*t.m.h+row%s.OH*t.m.stepY)*t.m.w+lo*t.m.stepX)*lowUnits:]
	a.weights, a.bias = t.c.weights[p.at:], t.c.bias[p.block*l:]
	if t.c.precision == Int8 {
		a.start, a.scale = t.c.start[p.block*l:], t.c.scale[p.block*l:]
	}
	at := (row*t.width + lo) * l
	a.y = t.y.Data[p.block*t.y.Stride+at:]
	if t.e.Add.Data != nil {
		a.add = t.e.Add.Data[p.block*t.e.Add.Stride+at:]
	}
	kernels := t.k.block
	if p.blocks == 1 {
		kernels = t.k.narrow
	}
	a.run(kernels, hi-lo, l)
}
