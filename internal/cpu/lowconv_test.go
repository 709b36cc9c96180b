package cpu

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// lowDevices are the devices that have a precision.
func lowDevices(t testing.TB, p Precision) (list []*Device) {
	for _, d := range devices(t) {
		if d.HasPrecision(p) == nil {
			list = append(list, d)
		}
	}
	return list
}

// widenBF16 is the number that bf16 keeps of v.
func widenBF16(v float32) float32 { return math.Float32frombits(bf16(v) << 16) }

// drawLowConv draws a convolution with enough channels for several packed
// pixels and panels.
func drawLowConv(t *rapid.T) ConvShape {
	s := drawConv(t)
	s.C, s.Groups = s.C/s.Groups, 1
	s.C *= rapid.SampledFrom([]int{1, 9, 17}).Draw(t, "channels")
	s.K *= rapid.SampledFrom([]int{1, 7}).Draw(t, "outputs")
	if rapid.Bool().Draw(t, "pointwise") {
		s.R, s.S, s.PadTop, s.PadLeft = 1, 1, 0, 0
		s.OH, s.OW = (s.H-1)/s.StrideH+1, (s.W-1)/s.StrideW+1
	}
	for s.N*s.K*s.OH*s.OW*s.depth() > 1<<21 {
		s.N, s.K = (s.N+1)/2, (s.K+1)/2
		if s.N == 1 && s.K < 8 {
			break
		}
	}
	return s
}

func TestBF16ConvMatchesPlainLoop(t *testing.T) {
	list := lowDevices(t, BFloat16)
	rapid.Check(t, func(t *rapid.T) {
		s, ec := drawLowConv(t), drawEpilogue(t)
		r := rand.New(rand.NewPCG(1, ec.seed))
		x, w := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth())
		e, be := ec.make(r, s)
		want := naiveConv(s, each(x, widenBF16), each(w, widenBF16), e)
		for _, d := range list {
			fail(t, checkLowConv(d, s, d.PackLowConv(s, w, e.Bias, BFloat16, Quantisation{}), x, e.Add, be, want))
		}
	})
}

func TestInt8ConvMatchesPlainLoop(t *testing.T) {
	list := lowDevices(t, Int8)
	rapid.Check(t, func(t *rapid.T) {
		s, ec := drawLowConv(t), drawEpilogue(t)
		q := Quantisation{rapid.SampledFrom([]float32{0.01, 0.02, 0.3}).Draw(t, "scale"), rapid.SampledFrom([]int{0, 7, 128, 255}).Draw(t, "zero")}
		r := rand.New(rand.NewPCG(1, ec.seed))
		x, w := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth())
		e, be := ec.make(r, s)
		want := naiveInt8(s, x, w, e, q)
		for _, d := range list {
			fail(t, checkLowConv(d, s, d.PackLowConv(s, w, e.Bias, Int8, q), x, e.Add, be, want))
		}
	})
}

// naiveInt8 is the convolution of quantised numbers: the integers' exact sum,
// their meaning in float64.
func naiveInt8(s ConvShape, x, w []float32, e Epilogue, q Quantisation) []float64 {
	scales := make([]float64, s.K)
	wq := append([]float32(nil), w...)
	for k := range scales {
		row := wq[k*s.depth():][:s.depth()]
		scales[k] = int8Scale(row)
		for i, v := range row {
			row[i] = float32(math.RoundToEven(float64(v) / scales[k]))
		}
	}
	xq := each(x, func(v float32) float32 { return float32(int(u8(v, 1/q.Scale, q.Zero)) - q.Zero) })
	y := naiveConv(s, xq, wq, Epilogue{})
	for i := range y {
		k := i / (s.OH * s.OW) % s.K
		y[i] *= scales[k] * float64(q.Scale)
		if e.Bias != nil {
			y[i] += float64(e.Bias[k])
		}
		if e.Add != nil {
			y[i] += float64(e.Add[i])
		}
		if e.Clamp {
			y[i] = min(max(y[i], float64(e.Lo)), float64(e.Hi))
		}
	}
	return y
}

func TestU8Saturates(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		v    float32
		zero int
		want uint32
	}{
		{0.5, 0, 0}, {1.5, 0, 2}, {2.5, 0, 2}, {2.5, 1, 3}, {-0.5, 1, 1}, {-1.5, 1, 0}, {254.5, 0, 254}, {255.5, 0, 255}, {1e10, 0, 255},
		{1e38, 255, 255}, {inf, 0, 255}, {-inf, 255, 0}, {-1e38, 9, 0}, {-3, 128, 125}, {127.5, 128, 255}, {float32(math.NaN()), 128, 0},
	} {
		if got := u8(c.v, 1, c.zero); got != c.want {
			t.Errorf("%g with zero point %d: got %d, want %d", c.v, c.zero, got, c.want)
		}
	}
}

// each is f of the numbers of x.
func each[T any](x []T, f func(T) T) []T {
	y := make([]T, len(x))
	for i, v := range x {
		y[i] = f(v)
	}
	return y
}

// checkLowConv compares c of x with want: into other memory and in place, and
// on one thread and three. What lies around x is NaN.
func checkLowConv(d *Device, s ConvShape, c *LowConv, x, add []float32, e BlockEpilogue, want []float64) error {
	in := nanBlocks(d, x, s)
	y := emptyBlocks(d, s.N, s.K, s.OH, s.OW)
	if add != nil {
		e.Add = blocksOf(d, add, s.N, s.K, s.OH, s.OW, 2)
	}
	d.LowConv(c, y, in, e)
	name := fmt.Sprint(d.Name(), " ", c.precision)
	got := plain(d, y)
	err := errors.Join(near(name, got, want, s.depth()), untouched(y))
	for _, threads := range []int{1, 3} {
		o := newDevice(threads, d.k)
		o.LowConv(c, y, in, e)
		err = errors.Join(err, same(fmt.Sprint(name, " on ", threads), plain(d, y), got))
		o.Close()
	}
	if add != nil {
		d.LowConv(c, e.Add, in, e)
		err = errors.Join(err, same(name+" in place", plain(d, e.Add), got))
	}
	return err
}

// nanBlocks is x in blocks. What is no number of x is NaN: lanes without a
// channel, and the room around the blocks.
func nanBlocks(d *Device, x []float32, s ConvShape) Blocks {
	b := blocksOf(d, each(x, func(float32) float32 { return 1 }), s.N, s.C, s.H, s.W, 1)
	isX := append([]float32(nil), b.Data...)
	d.ToBlocks(b, x)
	for i, v := range isX {
		if v != 1 {
			b.Data[i] = float32(math.NaN())
		}
	}
	return b
}

func same(what string, got, want []float32) error {
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			return fmt.Errorf("%s: [%d] is %g, want the same bits as %g", what, i, got[i], want[i])
		}
	}
	return nil
}

// oddNumbers are what rounding may get wrong, then random ones.
func oddNumbers(r *rand.Rand, n int) []float32 {
	inf := float32(math.Inf(1))
	x := []float32{float32(math.NaN()), -float32(math.NaN()), inf, -inf, 0, float32(math.Copysign(0, -1)), 1e-40, -1e-40,
		math.MaxFloat32, -math.MaxFloat32, 3.3895e38, math.SmallestNonzeroFloat32, 1.1754944e-38, 1.1754942e-38,
		0.5, 1.5, 2.5, -0.5, -1.5, 254.5, 255.5, 1e10, -1e10, math.Float32frombits(0x7f800001), math.Float32frombits(0xff80ffff)}
	for i := range uint32(1 << 10) { // ties, and beside them
		x = append(x, math.Float32frombits(0x3f800000+i<<15-1), math.Float32frombits(0x3f800000+i<<15), math.Float32frombits(0x3f800000+i<<15+1))
	}
	for len(x) < n {
		x = append(x, math.Float32frombits(r.Uint32()), float32(r.NormFloat64()*100))
	}
	return x[:n]
}

// BFloat16 of the plain functions is checked against what the words say.
func TestBF16Rounds(t *testing.T) {
	for _, v := range oddNumbers(rand.New(rand.NewPCG(1, 2)), 1<<16) {
		got := float64(widenBF16(v))
		lo := math.Float32frombits(math.Float32bits(v) &^ 0xffff) // toward zero
		hi := float64(math.Float32frombits(math.Float32bits(lo) + 1<<16))
		if math.IsInf(hi, 0) {
			hi = math.Copysign(1<<127*2, hi)
		}
		want := float64(lo)
		switch below, above := math.Abs(float64(v)-float64(lo)), math.Abs(hi-float64(v)); {
		case v != v:
			if got == got {
				t.Errorf("NaN %#x becomes %g", math.Float32bits(v), got)
			}
			continue
		case math.Abs(float64(v)) < 0x1p-126:
			want = math.Copysign(0, float64(v))
		case above < below || above == below && math.Float32bits(lo)>>16&1 == 1:
			want = float64(float32(hi))
		}
		if math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%g becomes %g, want %g", v, got, want)
		}
	}
}

func TestPackedMapsAreTheSame(t *testing.T) {
	for _, p := range []Precision{BFloat16, Int8} {
		list := lowDevices(t, p)
		rapid.Check(t, func(t *rapid.T) {
			s := drawLowConv(t)
			s.K = 1
			q := Quantisation{Scale: 0.37, Zero: rapid.SampledFrom([]int{0, 1, 128, 255}).Draw(t, "zero")}
			r := rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed")))
			x := oddNumbers(r, s.N*s.C*s.H*s.W)
			for _, d := range list {
				c := d.PackLowConv(s, make([]float32, s.depth()), nil, p, q)
				m := d.lowPack.run(d, c, nanBlocks(d, x, s))
				fail(t, checkPacked(d.Name(), c, m, s, x))
			}
		})
	}
}

// checkPacked compares a packed map with the numbers of x (N,C,H,W) that the
// taps see, converted one by one.
func checkPacked(name string, c *LowConv, m lowMap, s ConvShape, x []float32) error {
	channels := c.precision.channels()
	bits := 32 * lowUnits / channels
	for i := range s.N * s.C * s.OH * s.OW * s.R * s.S {
		tap, p, ch, n := i%(s.R*s.S), i/(s.R*s.S)%(s.OH*s.OW), i/(s.R*s.S*s.OH*s.OW)%s.C, i/(s.R*s.S*s.OH*s.OW*s.C)
		r, k, oy, ox := tap/s.S, tap%s.S, p/s.OW, p%s.OW
		h, v := oy*s.StrideH-s.PadTop+r*s.DilationH, ox*s.StrideW-s.PadLeft+k*s.DilationW
		var number float32
		if h >= 0 && h < s.H && v >= 0 && v < s.W {
			number = x[((n*s.C+ch)*s.H+h)*s.W+v]
		}
		want := bf16(number)
		if c.precision == Int8 {
			want = u8(number, c.inv, c.in.Zero)
		}
		at := ch / channels * m.stride
		if s.pointwise() {
			at += (n*s.OH*s.OW + p) * lowUnits
		} else {
			at += ((n*m.h+oy*m.stepY+r*s.DilationH)*m.w + ox*m.stepX + k*s.DilationW) * lowUnits
		}
		slot := ch % channels * bits
		got := m.units[at+slot/32] >> (slot % 32) & (1<<bits - 1)
		if got != want {
			return fmt.Errorf("%s %v: channel %d of image %d, pixel (%d,%d), tap (%d,%d): %g became %#x, want %#x",
				name, c.precision, ch, n, oy, ox, r, k, number, got, want)
		}
	}
	return nil
}

func TestLowConvAllocatesNothing(t *testing.T) {
	for _, p := range []Precision{BFloat16, Int8} {
		for _, d := range lowDevices(t, p) {
			s := tiled(2, 40, 40, 6, 5)
			c := d.PackLowConv(s, make([]float32, s.K*s.depth()), nil, p, Quantisation{Scale: 1})
			x, y := emptyBlocks(d, s.N, s.C, s.H, s.W), emptyBlocks(d, s.N, s.K, s.OH, s.OW)
			if n := testing.AllocsPerRun(10, func() { d.LowConv(c, y, x, BlockEpilogue{}) }); n != 0 {
				t.Errorf("%s, %v: %g allocations a run", d.Name(), p, n)
			}
		}
	}
}

func TestHasPrecision(t *testing.T) {
	for _, d := range devices(t) {
		for _, p := range []Precision{Float32, BFloat16, Int8} {
			err, never := d.HasPrecision(p), d.Kernels() == "avx2" || d.Kernels() == "neon"
			if (p == Float32 || d.k == kernelsPortable) && err != nil || never && p != Float32 && err == nil {
				t.Errorf("%s, %v: %v", d.Kernels(), p, err)
			}
			t.Log(d.Kernels(), p, err)
		}
	}
}

// The portable kernels offer low precision where they are asked for, and not
// where a machine has no others; slow bf16 is refused likewise.
func TestPrecisionIsNoStopgap(t *testing.T) {
	for name, want := range map[string]bool{"portable": true, "": false} {
		t.Setenv("TL_CPU", name)
		d, err := New(1)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []Precision{BFloat16, Int8} {
			err := d.HasPrecision(p)
			if d.k == kernelsPortable && (err == nil) != want || d.Alone().stopgap != d.stopgap {
				t.Errorf("TL_CPU=%s, %v: %v", name, p, err)
			}
		}
		d.Close()
	}
	list := available()
	if d := newDevice(1, list[0]); d.HasPrecision(BFloat16) == nil && d.k != kernelsPortable {
		defer func(slow bool) { slowBFloat16 = slow }(slowBFloat16)
		for _, slow := range []bool{false, true} {
			slowBFloat16 = slow
			for _, unasked := range []bool{false, true} {
				d.unasked = unasked
				if err := d.HasPrecision(BFloat16); (err != nil) != (slow && unasked) || d.HasPrecision(Int8) != nil {
					t.Errorf("slow %v, asked for by nobody %v: bf16 %v", slow, unasked, err)
				}
			}
		}
	}
	d := newDevice(1, kernelsPortable)
	d.stopgap = true
	want := "bf16 needs AVX512_BF16, which the portable kernels do not use"
	if err := d.HasPrecision(BFloat16); err == nil || err.Error() != want || d.HasPrecision(Float32) != nil {
		t.Errorf("error %v, want %q", err, want)
	}
}
