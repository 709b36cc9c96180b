package autodiff

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// newDevice returns a device that is closed with the test.
func newDevice(t testing.TB, threads int) *cpu.Device {
	t.Helper()
	d, err := cpu.New(threads)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// normal returns an array of normal numbers, the same each time for a seed.
func normal(seed uint64, shape ...int) *tensor.Tensor {
	r := rand.New(rand.NewPCG(seed, 1))
	x := tensor.New(shape...)
	for i := range x.Data {
		x.Data[i] = float32(r.NormFloat64())
	}
	return x
}

// spread returns distinct numbers at least 0.02 apart, shuffled, none nearer
// to 0 than 0.01, so that a small step crosses no kink of ReLU or MaxPool.
func spread(seed uint64, shape ...int) *tensor.Tensor {
	x := tensor.New(shape...)
	for i, j := range rand.New(rand.NewPCG(seed, 2)).Perm(len(x.Data)) {
		x.Data[i] = 0.02*float32(j-len(x.Data)/2) + 0.01
	}
	return x
}

// weightedTotal is the scalar Σ c·x, summed in float64: a loss for operators
// that have none.
type weightedTotal struct{}

func (weightedTotal) Kind() string { return "weightedTotal" }

func (weightedTotal) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if len(in) != 2 || !in[0].Equal(in[1]) {
		return nil, fmt.Errorf("inputs are %v, want two of one shape", in)
	}
	return tensor.Shape{}, nil
}

func (weightedTotal) Forward(_ *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	sum := 0.0
	for i, v := range x[0].Data {
		sum += float64(v) * float64(x[1].Data[i])
	}
	y.Data[0] = float32(sum)
}

func (weightedTotal) Backward(_ *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	for i := range dx[0].Data {
		dx[0].Data[i] = dy.Data[0] * x[1].Data[i]
	}
}

// apply is Graph.Apply for tests.
func apply(t testing.TB, g *Graph, o op.Differentiable, in ...*Node) *Node {
	t.Helper()
	n, err := g.Apply(o.Kind(), o, in...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// param is Graph.Param for tests.
func param(t testing.TB, g *Graph, name string, x *tensor.Tensor) *Node {
	t.Helper()
	n, err := g.Param(name, x)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// input is Graph.Input for tests.
func input(t testing.TB, g *Graph, name string, x *tensor.Tensor) *Node {
	t.Helper()
	n, err := g.Input(name, x)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// compile is Graph.Compile for tests.
func compile(t testing.TB, g *Graph, loss *Node) *Machine {
	t.Helper()
	m, err := g.Compile(loss)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// run is Machine.Run for tests.
func run(t testing.TB, m *Machine) float64 {
	t.Helper()
	loss, err := m.Run()
	if err != nil {
		t.Fatal(err)
	}
	return loss
}
