package op_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
)

// differences is the bound on the relative L2 error between Backward and
// central differences of a float32 forward pass over a step of 1e-2.
const differences testkit.Tolerance = 2e-3

const step = 1e-2

// fixture draws shapes with rapid and numbers from a seeded generator.
type fixture struct {
	*rapid.T
	r *rand.Rand
}

func newFixture(t *rapid.T) fixture {
	return fixture{t, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))}
}

func (f fixture) int(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(f.T, name) }

func (f fixture) pair(name string, lo, hi int) [2]int {
	return [2]int{f.int(name+"H", lo, hi), f.int(name+"W", lo, hi)}
}

func (f fixture) pads(hi [2]int) [4]int {
	return [4]int{f.int("top", 0, hi[0]), f.int("left", 0, hi[1]), f.int("bottom", 0, hi[0]), f.int("right", 0, hi[1])}
}

// normal returns normally distributed numbers.
func (f fixture) normal(shape ...int) *tensor.Tensor {
	t := tensor.New(shape...)
	for i := range t.Data {
		t.Data[i] = float32(f.r.NormFloat64())
	}
	return t
}

// apart returns shuffled numbers that lie at least 5 steps from each other and
// from every multiple of 1/2, so that no difference crosses a kink or a tie.
func (f fixture) apart(shape ...int) *tensor.Tensor {
	t := tensor.New(shape...)
	for i, j := range f.r.Perm(len(t.Data)) {
		t.Data[i] = (float32(j) - float32(len(t.Data)/2) + 0.5) * 5 * step
	}
	for i, v := range t.Data { // move away from multiples of 1/2
		if d := 2*v - float32(math.Round(float64(2*v))); math.Abs(float64(d)) < 2.5*step {
			t.Data[i] += 2 * step * float32(math.Copysign(1, float64(d)))
		}
	}
	return t
}

// check compares Backward with differences of Σ dy·y, by some elements of each
// input; skip names inputs that are no variables.
func (f fixture) check(o op.Differentiable, x []*tensor.Tensor, skip ...int) {
	d := device(f)
	defer d.Close()
	y := tensor.New(shapeOf(f, o, x)...)
	dy := f.normal(y.Shape...)
	dx := make([]*tensor.Tensor, len(x))
	for i, t := range x {
		if t != nil {
			dx[i] = f.normal(t.Shape...) // must be overwritten
		}
	}
	for _, i := range skip {
		dx[i] = nil
	}
	o.Forward(d, y, x...)
	o.Backward(d, dx, dy, y, x...)
	for i, t := range dx {
		if t == nil {
			continue
		}
		var got, want []float32
		for range min(12, len(t.Data)) {
			j := f.r.IntN(len(t.Data))
			got = append(got, t.Data[j])
			want = append(want, difference(d, o, dy, y, x, i, j))
		}
		compare(f, o, i, got, want)
	}
}

// compare allows for the rounding of y besides the tolerance: a gradient that
// is nearly 0 has no relative error to speak of.
func compare(f fixture, o op.Op, input int, got, want []float32) {
	var diff, norm float64
	for i := range got {
		diff += math.Pow(float64(got[i]-want[i]), 2)
		norm += math.Pow(float64(want[i]), 2)
	}
	if math.IsNaN(diff) || math.Sqrt(diff) > float64(differences)*(math.Sqrt(norm)+0.05) {
		f.Errorf("%s %+v: gradient by input %d is %v, differences give %v", o.Kind(), o, input, got, want)
	}
}

// difference is the central difference of Σ dy·y by element j of input i,
// added up in float64.
func difference(d *cpu.Device, o op.Op, dy, y *tensor.Tensor, x []*tensor.Tensor, i, j int) float32 {
	at := x[i].Data[j]
	sum := func(v float32) (s float64) {
		x[i].Data[j] = v
		o.Forward(d, y, x...)
		for k, g := range dy.Data {
			s += float64(g) * float64(y.Data[k])
		}
		return s
	}
	up, down := at+step, at-step
	slope := (sum(up) - sum(down)) / (float64(up) - float64(down))
	sum(at)
	return float32(slope)
}

type fataler interface{ Fatalf(string, ...any) }

func device(t fataler) *cpu.Device {
	d, err := cpu.New(2)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return d
}

func shapeOf(t fataler, o op.Op, x []*tensor.Tensor) tensor.Shape {
	s := make([]tensor.Shape, len(x))
	for i := range x {
		if x[i] != nil {
			s[i] = x[i].Shape
		}
	}
	y, err := o.Shape(s...)
	if err != nil {
		t.Fatalf("%s %+v of %v: %v", o.Kind(), o, s, err)
	}
	return y
}

func TestConvGradient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFixture(t)
		c := op.Conv{Strides: f.pair("stride", 1, 3), Dilations: f.pair("dilation", 1, 3), Group: f.int("group", 1, 3)}
		kernel := f.pair("kernel", 1, 3)
		c.Pads = f.pads(kernel)
		c.AutoPad = rapid.SampledFrom([]string{"", "NOTSET", "SAME_UPPER", "SAME_LOWER"}).Draw(t, "auto")
		cg, kg := f.int("c", 1, 3), f.int("k", 1, 3)
		x := []*tensor.Tensor{
			f.normal(f.int("n", 1, 2), cg*c.Group, f.int("h", 7, 9), f.int("w", 7, 9)),
			f.normal(kg*c.Group, cg, kernel[0], kernel[1]),
			f.normal(kg * c.Group),
		}
		if f.int("bias", 0, 3) == 0 {
			x[2] = nil
		}
		f.check(c, x)
		f.check(c, x, 0)
		f.check(c, x, 1)
	})
}

func TestGemmGradient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFixture(t)
		m, k, n := f.int("m", 1, 5), f.int("k", 1, 5), f.int("n", 1, 5)
		g := op.Gemm{Alpha: 1, Beta: 1, TransA: rapid.Bool().Draw(t, "transA"), TransB: rapid.Bool().Draw(t, "transB")}
		if rapid.Bool().Draw(t, "scaled") {
			g.Alpha, g.Beta = 0.5, -2
		}
		a, b := f.normal(m, k), f.normal(k, n)
		if g.TransA {
			a = f.normal(k, m)
		}
		if g.TransB {
			b = f.normal(n, k)
		}
		c := [][]int{nil, {n}, {1, n}, {m, 1}, {m, n}, {1}, {}}[f.int("c", 0, 6)]
		x := []*tensor.Tensor{a, b, nil}
		if c != nil {
			x[2] = f.normal(c...)
		}
		f.check(g, x)
	})
}

func TestMatMulGradient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFixture(t)
		m, k, n, p := f.int("m", 1, 4), f.int("k", 1, 4), f.int("n", 1, 4), f.int("p", 1, 3)
		shapes := [][2][]int{
			{{m, k}, {k, n}}, {{p, m, k}, {k, n}}, {{m, k}, {p, k, n}}, {{2, 1, m, k}, {p, k, n}},
			{{p, m, k}, {p, k, n}}, {{k}, {p, k, n}}, {{p, m, k}, {k}}, {{k}, {k}}, {{1, p, m, k}, {2, 1, k, n}},
		}[f.int("shapes", 0, 8)]
		f.check(op.MatMul{}, []*tensor.Tensor{f.normal(shapes[0]...), f.normal(shapes[1]...)})
	})
}

func TestBroadcastGradient(t *testing.T) {
	ops := []op.Differentiable{op.Add{}, op.Sub{}, op.Mul{}, op.Sum{}}
	rapid.Check(t, func(t *rapid.T) {
		f := newFixture(t)
		shape := f.shape(0, 4)
		x := []*tensor.Tensor{f.normal(f.narrowed(shape)...), f.normal(f.narrowed(shape)...)}
		f.check(ops[f.int("op", 0, len(ops)-1)], x)
		f.check(op.Sum{}, append(x, f.normal(f.narrowed(shape)...)))
	})
}

// shape draws axes of 1 to 4 elements.
func (f fixture) shape(least, most int) []int {
	s := make([]int, f.int("rank", least, most))
	for i := range s {
		s[i] = f.int("axis", 1, 4)
	}
	return s
}

// narrowed sets some axes to 1 and drops some leading ones.
func (f fixture) narrowed(shape []int) []int {
	s := append([]int{}, shape[f.int("drop", 0, len(shape)):]...)
	for i := range s {
		if rapid.Bool().Draw(f.T, "one") {
			s[i] = 1
		}
	}
	return s
}

func TestElementwiseGradient(t *testing.T) {
	ops := []op.Differentiable{
		op.Relu{}, op.LeakyRelu{Alpha: 0.1}, op.Clip{Min: -1, Max: 1.5}, op.Sigmoid{}, op.Tanh{},
		op.HardSigmoid{Alpha: 0.2, Beta: 0.5}, op.HardSwish{}, op.Identity{}, op.Dropout{},
		op.Softmax{Axis: 0}, op.Softmax{Axis: -1}, op.Softmax{Axis: 1, Flat: true}, op.Softmax{Axis: 0, Flat: true},
		op.LogSoftmax{Axis: 0}, op.LogSoftmax{Axis: 1, Flat: true},
	}
	for _, o := range ops {
		t.Run(o.Kind(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				f := newFixture(t)
				f.check(o, []*tensor.Tensor{f.apart(f.shape(1, 4)...)})
			})
		})
	}
}

func TestPoolGradient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFixture(t)
		kernel, stride, dilation := f.pair("kernel", 1, 3), f.pair("stride", 1, 3), f.pair("dilation", 1, 2)
		pads := f.pads([2]int{kernel[0] - 1, kernel[1] - 1})
		auto := rapid.SampledFrom([]string{"", "SAME_UPPER", "SAME_LOWER", "VALID"}).Draw(t, "auto")
		ceil := rapid.Bool().Draw(t, "ceil")
		x := []*tensor.Tensor{f.apart(f.int("n", 1, 2), f.int("c", 1, 2), f.int("h", 5, 7), f.int("w", 5, 7))}
		f.check(op.MaxPool{Kernel: kernel, Strides: stride, Dilations: dilation, Pads: pads, AutoPad: auto, Ceil: ceil}, x)
		f.check(op.AveragePool{Kernel: kernel, Strides: stride, Dilations: dilation, Pads: pads, AutoPad: auto, Ceil: ceil,
			CountPad: rapid.Bool().Draw(t, "count")}, x)
		f.check(op.GlobalAveragePool{}, x)
		f.check(op.GlobalMaxPool{}, x)
	})
}

func TestBatchNormGradient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFixture(t)
		shape := f.shape(2, 4)
		c := shape[1]
		variance := f.normal(c)
		for i, v := range variance.Data {
			variance.Data[i] = v*v + 0.1
		}
		x := []*tensor.Tensor{f.normal(shape...), f.normal(c), f.normal(c), f.normal(c), variance}
		f.check(op.BatchNorm{Epsilon: 1e-5}, x, 3, 4)
	})
}

func TestMovementGradient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFixture(t)
		shape := f.shape(1, 4)
		rank := len(shape)
		x := []*tensor.Tensor{f.normal(shape...)}
		f.check(op.Flatten{Axis: f.int("axis", -rank, rank)}, x)
		f.check(op.Reshape{To: []int{-1}}, x)
		f.check(op.Transpose{Perm: f.r.Perm(rank)}, x)
		f.check(op.Transpose{}, x)
		f.check(op.Unsqueeze{Axes: []int{0, -1}}, x)
		f.check(op.Squeeze{}, x)
		reduced := append([]int(nil), f.r.Perm(rank)[:f.int("reduced", 0, rank)]...)
		f.check(op.ReduceMean{Axes: reduced, DropDims: rapid.Bool().Draw(t, "drop"), Noop: rapid.Bool().Draw(t, "noop")}, x)
		pads := make([]int, 2*rank)
		for i := range pads {
			pads[i] = f.int("pad", 0, shape[i%rank]-1)
		}
		f.check(op.Pad{Pads: pads, Mode: rapid.SampledFrom([]string{"", "constant", "reflect", "edge", "wrap"}).Draw(t, "mode"), Value: 3}, x)
		axis := f.int("axis", -rank, rank-1)
		other := append([]int(nil), shape...)
		other[(axis+rank)%rank] = f.int("other", 1, 3)
		f.check(op.Concat{Axis: axis}, []*tensor.Tensor{x[0], f.normal(other...), x[0]}[:2])
	})
}
