package autodiff

import (
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"
)

// base is what all our Gorgonia operators share: a number that keeps equal
// ones apart, a type, a shape, and an output buffer of their own.
type base struct {
	g     *Graph
	id    uint64
	name  string    // for error messages and Gorgonia's own
	typ   []hm.Type // of the inputs, then of the output
	shape tensor.Shape
	out   *buffer
}

// Arity is the number of inputs.
func (b *base) Arity() int { return len(b.typ) - 1 }

// Type is concrete: Gorgonia has nothing to infer.
func (b *base) Type() hm.Type { return hm.NewFnType(b.typ...) }

// InferShape returns the shape known since construction.
func (b *base) InferShape(...gorgonia.DimSizer) (gt.Shape, error) { return gt.Shape(b.shape), nil }

// ReturnsPtr says that the output is a buffer, not a copy.
func (b *base) ReturnsPtr() bool { return true }

// CallsExtern is false: otherwise the machine would allocate the output itself, anew each step.
func (b *base) CallsExtern() bool { return false }

// OverwritesInput is -1: no input is overwritten.
func (b *base) OverwritesInput() int { return -1 }

// WriteHash writes the operator's number, unique in its graph.
func (b *base) WriteHash(h hash.Hash) {
	h.Write(binary.LittleEndian.AppendUint64([]byte("tl"), b.id))
}

// Hashcode is the hash of WriteHash.
func (b *base) Hashcode() uint32 {
	h := fnv.New32a()
	b.WriteHash(h)
	return h.Sum32()
}

// String names the operator in Gorgonia's messages.
func (b *base) String() string { return b.name }

// guard turns a panic of a kernel into an error and keeps the first error of a
// run, because Gorgonia's own wrapping hides it. Use it deferred.
func (b *base) guard(err *error) {
	switch p := recover().(type) {
	case nil:
	case *cpu.Panic:
		*err = fmt.Errorf("panic: %v", p.Value)
	default:
		*err = fmt.Errorf("panic: %v", p)
	}
	if *err != nil {
		*err = fmt.Errorf("%s: %w", b.name, *err)
		if b.g.failed == nil {
			b.g.failed = *err
		}
	}
}

// forward is an op.Differentiable as a gorgonia.SDOp.
type forward struct {
	base
	op   op.Differentiable
	need []bool           // by child: does a parameter stand behind it?
	slot []int            // by child: which input of op it is
	in   []*tensor.Tensor // inputs of op; nil where omitted; Data is set at each run
}

func newForward(g *Graph, name string, o op.Differentiable, in []*Node) (*forward, gorgonia.Nodes, error) {
	f := &forward{op: o, in: make([]*tensor.Tensor, len(in))}
	shapes := make([]tensor.Shape, len(in))
	var children gorgonia.Nodes
	for i, n := range in {
		if n == nil {
			continue
		}
		shapes[i] = tensor.Shape(n.Shape())
		f.in[i] = &tensor.Tensor{Shape: shapes[i]}
		f.slot = append(f.slot, i)
		f.need = append(f.need, g.needs[n])
		children = append(children, n)
	}
	shape, err := o.Shape(shapes...)
	if err != nil {
		return nil, nil, fmt.Errorf("%s (%s): %w", name, o.Kind(), err)
	}
	f.base = newBase(g, name, newBuffer(shape), children)
	return f, children, nil
}

// newBase numbers an operator over children that fills out.
func newBase(g *Graph, name string, out *buffer, children gorgonia.Nodes) base {
	b := base{g: g, id: g.number(), name: name, shape: out.t.Shape, out: out}
	for _, n := range children {
		b.typ = append(b.typ, n.Type())
	}
	b.typ = append(b.typ, typeOf(b.shape))
	return b
}

// Do computes the output into the operator's own buffer.
func (f *forward) Do(v ...gorgonia.Value) (out gorgonia.Value, err error) {
	defer f.guard(&err)
	if err := view(f.in, f.slot, v); err != nil {
		return nil, err
	}
	f.out.ready()
	f.op.Forward(f.g.dev, f.out.t, f.in...)
	return f.out.value(), nil
}

// DiffWRT offers gradients only for inputs that a parameter stands behind.
func (f *forward) DiffWRT(int) []bool { return f.need }

// SymDiff adds one fused backward operator, which returns the first needed
// gradient, and one operator per further gradient that takes it from there.
// Graph construction holds the lock already.
func (f *forward) SymDiff(inputs gorgonia.Nodes, output, grad *Node) (gorgonia.Nodes, error) {
	b := &backward{f: f, dx: make([]*tensor.Tensor, len(f.in)), grads: make([]*buffer, len(inputs))}
	first := -1
	for i := range inputs {
		if f.need[i] {
			b.grads[i] = newBuffer(f.in[f.slot[i]].Shape)
			b.dx[f.slot[i]] = b.grads[i].t
			if first < 0 {
				first = i
			}
		}
	}
	if first < 0 {
		return make(gorgonia.Nodes, len(inputs)), nil
	}
	children := append(gorgonia.Nodes{grad, output}, inputs...)
	b.base = newBase(f.g, "gradient of "+f.name, b.grads[first], children)
	return b.nodes(first, children)
}

// backward computes all needed gradients of a forward operator at once.
type backward struct {
	base
	f     *forward
	dy, y tensor.Tensor
	dx    []*tensor.Tensor // by input of the op; nil where no gradient is needed
	grads []*buffer        // by child; nil where no gradient is needed
}

// nodes adds b and its takers to the graph and returns the gradient by child.
func (b *backward) nodes(first int, children gorgonia.Nodes) (gorgonia.Nodes, error) {
	out := make(gorgonia.Nodes, len(b.grads))
	var err error
	if out[first], err = gorgonia.ApplyOp(b, children...); err != nil {
		return nil, err
	}
	for i := first + 1; i < len(b.grads); i++ {
		if b.grads[i] == nil {
			continue
		}
		t := &take{newBase(b.g, b.name, b.grads[i], gorgonia.Nodes{out[first]})}
		if out[i], err = gorgonia.ApplyOp(t, out[first]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Do runs the operator's Backward from (dy, y, x...).
func (b *backward) Do(v ...gorgonia.Value) (out gorgonia.Value, err error) {
	defer b.guard(&err)
	f := b.f
	b.dy.Shape, b.y.Shape = f.shape, f.shape
	if err := view([]*tensor.Tensor{&b.dy, &b.y}, []int{0, 1}, v[:2]); err != nil {
		return nil, err
	}
	if err := view(f.in, f.slot, v[2:]); err != nil {
		return nil, err
	}
	for _, g := range b.grads {
		if g != nil {
			g.ready()
		}
	}
	f.op.Backward(b.g.dev, b.dx, &b.dy, &b.y, f.in...)
	return b.out.value(), nil
}

// take returns a gradient that the backward operator before it has computed.
type take struct{ base }

// Do returns the buffer that the backward operator filled.
func (t *take) Do(...gorgonia.Value) (gorgonia.Value, error) { return t.out.value(), nil }

// hold copies a value that Gorgonia computed into a buffer that outlives the run.
type hold struct{ base }

// Do copies.
func (h *hold) Do(v ...gorgonia.Value) (out gorgonia.Value, err error) {
	defer h.guard(&err)
	x := tensor.Tensor{Shape: h.shape}
	if err := view([]*tensor.Tensor{&x}, []int{0}, v); err != nil {
		return nil, err
	}
	h.out.ready()
	copy(h.out.t.Data, x.Data)
	return h.out.value(), nil
}
