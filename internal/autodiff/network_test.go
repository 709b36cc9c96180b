package autodiff

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/internal/testkit/plain"
)

// network is a small residual network, drawn at random:
//
//	conv → relu → maxpool → [grouped conv → batchnorm → + skip → relu] → gap → dense → relu → dense → cross-entropy
type network struct {
	Items, Channels, Kernels, Size, Hidden, Classes int
	Stride, Dilation, Group                         int // stride of the first convolution, dilation and groups of the second

	leaves map[string]*tensor.Tensor
}

// params are the leaves to differentiate by; the others are data.
var params = []string{"conv1.w", "conv1.b", "conv2.w", "conv2.b", "bn.scale", "bn.bias", "dense.w", "dense.b", "logits.w", "logits.b"}

// lossOf builds or computes the loss: V is a node of our graph, or float64 numbers.
func lossOf[V any](n *network, leaf func(name string) V, apply func(name string, o op.Differentiable, in ...V) V) V {
	dense := op.Gemm{Alpha: 1, Beta: 1, TransB: true}
	pads := func(p int) [4]int { return [4]int{p, p, p, p} }
	x := apply("conv1", op.Conv{Strides: [2]int{n.Stride, n.Stride}, Pads: pads(1)}, leaf("x"), leaf("conv1.w"), leaf("conv1.b"))
	x = apply("relu1", op.Relu{}, x)
	skip := apply("pool", op.MaxPool{Kernel: [2]int{2, 2}, Strides: [2]int{2, 2}}, x)
	x = apply("conv2", op.Conv{Dilations: [2]int{n.Dilation, n.Dilation}, Pads: pads(n.Dilation), Group: n.Group}, skip, leaf("conv2.w"), leaf("conv2.b"))
	x = apply("bn", op.BatchNorm{Epsilon: 1e-5}, x, leaf("bn.scale"), leaf("bn.bias"), leaf("bn.mean"), leaf("bn.variance"))
	x = apply("relu2", op.Relu{}, apply("add", op.Add{}, x, skip))
	x = apply("flatten", op.Flatten{Axis: 1}, apply("gap", op.GlobalAveragePool{}, x))
	x = apply("relu3", op.Relu{}, apply("dense", dense, x, leaf("dense.w"), leaf("dense.b")))
	x = apply("logits", dense, x, leaf("logits.w"), leaf("logits.b"))
	return apply("loss", SoftmaxCrossEntropy{}, x, leaf("labels"), leaf("rows"))
}

// newNetwork draws a network that is smooth around its numbers.
func newNetwork(seed uint64) *network {
	r := rand.New(rand.NewPCG(seed, 7))
	draw := func(lo, hi int) int { return lo + r.IntN(hi-lo+1) }
	n := &network{
		Items: draw(2, 3), Channels: draw(1, 3), Size: draw(5, 7), Hidden: draw(3, 5), Classes: draw(2, 4),
		Stride: draw(1, 2), Dilation: draw(1, 2), Group: draw(1, 2),
	}
	n.Kernels = n.Group * draw(1, 2)
	for n.fill(r); n.kink() < smooth; {
		n.fill(r)
	}
	return n
}

// fill draws weights of about the size that a layer's inputs call for.
func (n *network) fill(r *rand.Rand) {
	n.leaves = map[string]*tensor.Tensor{}
	add := func(name string, scale float64, shape ...int) *tensor.Tensor {
		t := tensor.New(shape...)
		for i := range t.Data {
			t.Data[i] = float32(scale * r.NormFloat64())
		}
		n.leaves[name] = t
		return t
	}
	c, k, group := n.Channels, n.Kernels, n.Kernels/n.Group
	add("x", 1, n.Items, c, n.Size, n.Size)
	add("conv1.w", 1/math.Sqrt(float64(9*c)), k, c, 3, 3)
	add("conv2.w", 1/math.Sqrt(float64(9*group)), k, group, 3, 3)
	for _, name := range []string{"conv1.b", "conv2.b", "bn.scale", "bn.bias", "bn.mean", "bn.variance"} {
		add(name, 0.5, k)
	}
	for i, v := range n.leaves["bn.variance"].Data {
		n.leaves["bn.variance"].Data[i] = v*v + 0.2
	}
	add("dense.w", 1, n.Hidden, k)
	add("dense.b", 0.5, n.Hidden)
	add("logits.w", 1, n.Classes, n.Hidden)
	add("logits.b", 0.5, n.Classes)
	labels, rows := add("labels", 0, n.Items), add("rows", 0, n.Items)
	for i := range labels.Data {
		labels.Data[i], rows.Data[i] = float32(r.IntN(n.Classes)), 0.5+float32(r.Float64())
	}
}

// smooth is how far every ReLU is from its bend and every two numbers that a
// pool may compare from each other; the differences move them by far less.
const smooth, networkStep = 2e-5, 1e-6

// exact is the leaves in float64.
func (n *network) exact() map[string]*plain.Array {
	out := map[string]*plain.Array{}
	for name, t := range n.leaves {
		out[name] = plain.Of(t)
	}
	return out
}

// loss is the loss in float64; see, if not nil, sees what goes into each operator.
func (n *network) loss(leaves map[string]*plain.Array, see func(o op.Op, in *plain.Array)) float64 {
	leaf := func(name string) *plain.Array { return leaves[name] }
	return lossOf(n, leaf, func(_ string, o op.Differentiable, in ...*plain.Array) *plain.Array {
		if see != nil {
			see(o, in[0])
		}
		if _, ok := o.(SoftmaxCrossEntropy); ok {
			return crossEntropy(in[0], in[1], in[2])
		}
		return plain.Forward(o, in...)
	}).Data[0]
}

// crossEntropy is the loop of SoftmaxCrossEntropy's comment.
func crossEntropy(z, label, w *plain.Array) *plain.Array {
	c := z.Shape[1]
	var sum, weight float64
	for i, rw := range w.Data {
		total := 0.0
		for _, v := range z.Data[i*c:][:c] {
			total += math.Exp(v)
		}
		sum += rw * (math.Log(total) - z.Data[i*c+int(label.Data[i])])
		weight += rw
	}
	return &plain.Array{Data: []float64{sum / weight}}
}

// kink is the smallest distance from where a ReLU or a pool switches. What a
// ReLU has cut to 0 may tie: its slope is 0 either way.
func (n *network) kink() float64 {
	nearest := math.Inf(1)
	n.loss(n.exact(), func(o op.Op, in *plain.Array) {
		switch o.(type) {
		case op.Relu:
			for _, v := range in.Data {
				nearest = min(nearest, math.Abs(v))
			}
		case op.MaxPool:
			plane := in.Shape[2] * in.Shape[3]
			for p := range len(in.Data) / plane {
				sorted := slices.Sorted(slices.Values(in.Data[p*plane:][:plane]))
				for i, v := range sorted[1:] {
					if v > 0 {
						nearest = min(nearest, v-sorted[i])
					}
				}
			}
		}
	})
	return nearest
}

// machine builds the network in Gorgonia's graph.
func (n *network) machine(t *testing.T) *Machine {
	t.Helper()
	g := NewGraph(newDevice(t, 2))
	nodes := map[string]*Node{}
	for _, name := range params {
		nodes[name] = param(t, g, name, n.leaves[name])
	}
	leaf := func(name string) *Node {
		if nodes[name] == nil {
			nodes[name] = input(t, g, name, n.leaves[name])
		}
		return nodes[name]
	}
	return compile(t, g, lossOf(n, leaf, func(name string, o op.Differentiable, in ...*Node) *Node {
		node, err := g.Apply(name, o, in...)
		if err != nil {
			t.Fatal(err)
		}
		return node
	}))
}

// Every gradient of whole networks against central differences of the loss in
// float64, by up to 24 numbers of each parameter.
func TestNetworkGradients(t *testing.T) {
	for seed := range uint64(12) {
		n := newNetwork(seed)
		m := n.machine(t)
		leaves := n.exact()
		if got, want := run(t, m), n.loss(leaves, nil); math.Abs(got-want) > 1e-6*math.Max(1, want) {
			t.Errorf("network %d: loss %g, want %g", seed, got, want)
		}
		r := rand.New(rand.NewPCG(seed, 8))
		for i, grad := range m.Gradients() {
			x := leaves[params[i]].Data
			var got, want []float32
			for _, j := range r.Perm(len(x))[:min(24, len(x))] {
				at := x[j]
				x[j] = at + networkStep
				up := n.loss(leaves, nil)
				x[j] = at - networkStep
				down := n.loss(leaves, nil)
				x[j] = at
				got, want = append(got, grad[j]), append(want, float32((up-down)/(2*networkStep)))
			}
			testkit.Compare(t, fmt.Sprintf("network %d, gradient by %s", seed, params[i]), got, want, testkit.Float)
		}
	}
}
