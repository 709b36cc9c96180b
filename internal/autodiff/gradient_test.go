package autodiff

import (
	"fmt"
	"testing"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
)

// graphOf builds Σ c·o(x...) with every x a parameter.
func graphOf(t *testing.T, o op.Differentiable, x ...*tensor.Tensor) *Machine {
	t.Helper()
	g := NewGraph(newDevice(t, 2))
	var nodes []*Node
	for i, v := range x {
		nodes = append(nodes, param(t, g, fmt.Sprint("x", i), v))
	}
	y := apply(t, g, o, nodes...)
	c := input(t, g, "c", normal(99, []int(y.Shape())...))
	return compile(t, g, apply(t, g, weightedTotal{}, y, c))
}

// numeric is the gradient of the machine's loss by x, by central differences.
func numeric(t *testing.T, m *Machine, x *tensor.Tensor, h float32) []float32 {
	t.Helper()
	out := make([]float32, len(x.Data))
	for i, v := range x.Data {
		x.Data[i] = v + h
		up := run(t, m)
		x.Data[i] = v - h
		down := run(t, m)
		x.Data[i] = v
		out[i] = float32((up - down) / float64((v+h)-(v-h)))
	}
	m.ZeroGrad()
	return out
}

// numericTolerance: a float32 loss of about 10 moved by h = 1/128 leaves four
// digits of its difference.
const numericTolerance = testkit.Tolerance(1e-3)

func TestGradientsByFiniteDifferences(t *testing.T) {
	step := uint64(3)
	cases := []struct {
		name string
		op   op.Differentiable
		x    []*tensor.Tensor
	}{
		{"conv", op.Conv{}, []*tensor.Tensor{normal(1, 2, 3, 6, 5), normal(2, 4, 3, 3, 3), normal(3, 4)}},
		{"conv strided padded", op.Conv{Strides: [2]int{2, 2}, Pads: [4]int{1, 1, 1, 1}}, []*tensor.Tensor{normal(1, 2, 2, 5, 6), normal(2, 3, 2, 3, 3), normal(3, 3)}},
		{"conv grouped", op.Conv{Group: 2}, []*tensor.Tensor{normal(1, 1, 4, 5, 5), normal(2, 4, 2, 3, 3), normal(3, 4)}},
		{"maxpool", op.MaxPool{Kernel: [2]int{2, 2}, Strides: [2]int{2, 2}}, []*tensor.Tensor{spread(1, 2, 2, 4, 5)}},
		{"relu", op.Relu{}, []*tensor.Tensor{spread(1, 3, 7)}},
		{"gap", op.GlobalAveragePool{}, []*tensor.Tensor{normal(1, 2, 3, 4, 4)}},
		{"gemm", op.Gemm{Alpha: 1, Beta: 1, TransB: true}, []*tensor.Tensor{normal(1, 4, 5), normal(2, 3, 5), normal(3, 3)}},
		{"gemm one column", op.Gemm{Alpha: 1, Beta: 1, TransB: true}, []*tensor.Tensor{normal(1, 4, 5), normal(2, 1, 5), normal(3, 1)}},
		{"dropout 0.2", &Dropout{P: 0.2, Seed: 5, Step: &step}, []*tensor.Tensor{normal(1, 6, 7)}},
		{"dropout 0.7", &Dropout{P: 0.7, Seed: 5, Step: &step}, []*tensor.Tensor{normal(1, 6, 7)}},
		{"flatten", op.Flatten{Axis: 1}, []*tensor.Tensor{normal(1, 2, 3, 2)}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := graphOf(t, c.op, c.x...)
			var want [][]float32
			for _, x := range c.x {
				want = append(want, numeric(t, m, x, 1./128))
			}
			run(t, m)
			for i, got := range m.Gradients() {
				testkit.Compare(t, fmt.Sprint("gradient by input ", i), got, want[i], numericTolerance)
			}
		})
	}
}

// A value used twice gets the sum of both gradients.
func TestGradientOfSharedValue(t *testing.T) {
	x := normal(1, 3, 4)
	g := NewGraph(newDevice(t, 1))
	p := param(t, g, "x", x)
	y := apply(t, g, op.Mul{}, apply(t, g, op.Relu{}, p), p)
	sum := apply(t, g, op.Add{}, y, y)
	m := compile(t, g, apply(t, g, weightedTotal{}, sum, input(t, g, "c", normal(2, 3, 4))))
	for range 3 { // a buffer that is added into would show in the second run
		m.ZeroGrad()
		want := numeric(t, m, x, 1./128)
		run(t, m)
		testkit.Compare(t, "gradient", m.Gradients()[0], want, numericTolerance)
	}
}

// Gradients are added up until they are cleared.
func TestGradientsAddUp(t *testing.T) {
	m := graphOf(t, op.Relu{}, spread(1, 5))
	run(t, m)
	once := append([]float32(nil), m.Gradients()[0]...)
	run(t, m)
	for i, g := range m.Gradients()[0] {
		if g != 2*once[i] {
			t.Fatalf("gradient %d is %g after two runs, want twice %g", i, g, once[i])
		}
	}
	m.ZeroGrad()
	run(t, m)
	testkit.Compare(t, "after ZeroGrad", m.Gradients()[0], once, testkit.Exact)
}
