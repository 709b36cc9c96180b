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

// Dropout is linear under a fixed mask. The other operators are differentiated
// in float64: internal/op's tests, and TestNetworkGradients.
func TestDropoutGradient(t *testing.T) {
	step := uint64(3)
	for _, p := range []float64{0, 0.2, 0.7} {
		x := normal(1, 6, 7)
		m := graphOf(t, &Dropout{P: p, Seed: 5, Step: &step}, x)
		want := numeric(t, m, x, 1./128)
		run(t, m)
		testkit.Compare(t, fmt.Sprint("gradient at p ", p), m.Gradients()[0], want, numericTolerance)
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
	x := tensor.Of([]float32{1, 2, -3, 4, 5}, 5)
	m := graphOf(t, op.Relu{}, x)
	run(t, m)
	once := append([]float32(nil), m.Gradients()[0]...)
	for n := float32(2); n < 5; n++ {
		run(t, m)
		for i, g := range m.Gradients()[0] {
			if g != n*once[i] {
				t.Fatalf("gradient %d is %g after %g runs, want %g each", i, g, n, once[i])
			}
		}
	}
	m.ZeroGrad()
	if m.Gradients()[0] != nil {
		t.Error("gradients after ZeroGrad")
	}
	run(t, m)
	testkit.Compare(t, "after ZeroGrad", m.Gradients()[0], once, testkit.Exact)
}
