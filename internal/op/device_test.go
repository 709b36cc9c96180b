package op_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
)

// sample is an operator with inputs large enough to be cut into pieces.
type sample struct {
	o  op.Op
	in [][]int
}

var image = []int{3, 8, 57, 61}

var samples = []sample{
	{op.Add{}, [][]int{image, image}}, {op.Add{}, [][]int{image, {8, 1, 1}}}, {op.Sub{}, [][]int{image, {61}}},
	{op.Mul{}, [][]int{image, {3, 8, 1, 1}}}, {op.Div{}, [][]int{image, {57, 1}}}, {op.Sum{}, [][]int{image, image, {1}}},
	{op.Relu{}, [][]int{image}}, {op.LeakyRelu{Alpha: 0.1}, [][]int{image}}, {op.Clip{Min: -1, Max: 1}, [][]int{image}},
	{op.Sigmoid{}, [][]int{image}}, {op.Tanh{}, [][]int{image}}, {op.HardSigmoid{Alpha: 0.2, Beta: 0.5}, [][]int{image}}, {op.HardSwish{}, [][]int{image}},
	{op.Elu{Alpha: 1.5}, [][]int{image}}, {op.Exp{}, [][]int{image}}, {op.Neg{}, [][]int{image}}, {op.Softplus{}, [][]int{image}}, {op.Sqrt{}, [][]int{image}},
	{op.PRelu{}, [][]int{image, {8, 1, 1}}},
	{op.BatchNorm{Epsilon: 1e-5}, [][]int{image, {8}, {8}, {8}, {8}}},
	{op.Conv{Strides: [2]int{2, 1}, Pads: [4]int{1, 0, 1, 2}, Group: 2}, [][]int{image, {6, 4, 3, 3}, {6}}},
	{op.MaxPool{Kernel: [2]int{3, 3}, Strides: [2]int{2, 2}, Ceil: true}, [][]int{image}},
	{op.AveragePool{Kernel: [2]int{3, 2}, Pads: [4]int{1, 1, 1, 1}}, [][]int{image}},
	{op.GlobalAveragePool{}, [][]int{image}}, {op.GlobalMaxPool{}, [][]int{image}}, {op.LRN{Size: 5, Alpha: 1e-2, Beta: 0.75, Bias: 1}, [][]int{image}},
	{op.ReduceMean{Axes: []int{1, 3}}, [][]int{image}}, {op.Softmax{Axis: 1}, [][]int{image}}, {op.LogSoftmax{Axis: 2, Flat: true}, [][]int{image}},
	{op.Gemm{Alpha: 1, Beta: 1, TransB: true}, [][]int{{130, 300}, {190, 300}, {190}}}, {op.MatMul{}, [][]int{{3, 130, 70}, {70, 90}}}, {op.MatMul{}, [][]int{{3, 130, 70}, {70}}},
	{op.Transpose{Perm: []int{0, 2, 3, 1}}, [][]int{image}}, {op.Pad{Pads: []int{0, 0, 1, 2, 0, 0, 3, 4}}, [][]int{image}}, {op.Concat{Axis: 1}, [][]int{image, image}},
	{op.Flatten{Axis: 1}, [][]int{image}}, {op.Reshape{To: []int{0, -1}}, [][]int{image}},
}

func (s sample) inputs() []*tensor.Tensor {
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]*tensor.Tensor, len(s.in))
	for i, shape := range s.in {
		x[i] = tensor.New(shape...)
		for j := range x[i].Data {
			x[i].Data[j] = float32(math.Abs(r.NormFloat64())) + 0.1
		}
	}
	return x
}

// results returns output and gradients, one after another.
func (s sample) results(t *testing.T, threads int) (all []float32) {
	d, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	x := s.inputs()
	y := tensor.New(shapeOf(t, s.o, x)...)
	s.o.Forward(d, y, x...)
	all = append(all, y.Data...)
	if o, ok := s.o.(op.Differentiable); ok {
		dx := like(x)
		o.Backward(d, dx, y, y, x...)
		for _, t := range dx {
			all = append(all, t.Data...)
		}
	}
	return all
}

// The number of threads changes nothing, to the last bit.
func TestThreads(t *testing.T) {
	for _, s := range samples {
		want := s.results(t, 1)
		for _, threads := range []int{2, 3} {
			testkit.Compare(t, s.o.Kind(), s.results(t, threads), want, testkit.Exact)
		}
	}
}

// After the first call Forward allocates nothing.
func TestAllocations(t *testing.T) {
	d := device(t)
	defer d.Close()
	for _, s := range samples {
		x := s.inputs()
		y := tensor.New(shapeOf(t, s.o, x)...)
		o := s.o
		if p, ok := o.(op.Packer); ok {
			o = p.Pack(d, x...)
		}
		if n := testing.AllocsPerRun(10, func() { o.Forward(d, y, x...) }); n > 0 {
			t.Errorf("%s allocates %g times a call", o.Kind(), n)
		}
	}
}

// The result of elementwise operators may lie over an input of its shape, and
// a convolution's over its residual: the engine plans its memory so.
func TestInPlace(t *testing.T) {
	d := device(t)
	defer d.Close()
	places := map[string]int{
		"Add": 0, "Sub": 0, "Mul": 0, "Div": 0, "Relu": 0, "LeakyRelu": 0, "Clip": 0, "Sigmoid": 0, "Tanh": 0,
		"HardSigmoid": 0, "HardSwish": 0, "Elu": 0, "Exp": 0, "Neg": 0, "Softplus": 0, "Sqrt": 0, "PRelu": 0, "BatchNormalization": 0, "Conv": 3,
	}
	for _, s := range append(samples,
		sample{op.Add{}, [][]int{{8, 1, 1}, image}}, sample{op.Sub{}, [][]int{image, image}},
		sample{op.Conv{Residual: true, Clamp: true, Hi: 1}, [][]int{{2, 3, 9, 9}, {4, 3, 2, 2}, {4}, {2, 4, 8, 8}}}) {
		x := s.inputs()
		shape := shapeOf(t, s.o, x)
		want := tensor.New(shape...)
		s.o.Forward(d, want, x...)
		for i := range x {
			first, ok := places[s.o.Kind()]
			if !ok || !x[i].Shape.Equal(shape) || i < first {
				continue
			}
			x := s.inputs()
			s.o.Forward(d, x[i], x...)
			testkit.Compare(t, s.o.Kind(), x[i].Data, want.Data, testkit.Exact)
		}
	}
}
