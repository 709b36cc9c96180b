package engine

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// CPU returns the engine of this machine's processor. Zero threads is all
// cores. TL_CPU chooses the kernels: portable, avx2 or avx512.
func CPU(threads int) (Engine, error) {
	d, err := cpu.New(threads)
	if err != nil {
		return nil, err
	}
	return NewCPU(d), nil
}

// NewCPU returns an engine that computes on d. Closing the engine closes d.
func NewCPU(d *cpu.Device) Engine { return &cpuEngine{d} }

type cpuEngine struct{ d *cpu.Device }

// Name is the device's, e.g. "cpu (avx512, 2 threads)".
func (e *cpuEngine) Name() string { return e.d.Name() }

// Arithmetic is the device's set of kernels.
func (e *cpuEngine) Arithmetic() string { return "cpu " + e.d.Kernels() }

// Close stops the device's threads.
func (e *cpuEngine) Close() { e.d.Close() }

// Compile optimises the graph unless o.Raw, gives every activation its place
// in one arena, and packs the weights. It refuses a program that needs more
// than o.MaxMemory before it takes that memory.
func (e *cpuEngine) Compile(p Program, o Options) (Exec, error) {
	g := p.Graph
	if o.Precision != "" && o.Precision != "f32" {
		return nil, fmt.Errorf("%s: %s computes f32 only, not %s", g.Name, e.Name(), o.Precision)
	}
	if err := fits(g, o.MaxMemory, leastMemory(g)); err != nil {
		return nil, err
	}
	if !o.Raw {
		var err error
		if g, err = graph.Optimise(g); err != nil {
			return nil, fmt.Errorf("%s: %w", g.Name, err)
		}
	}
	l := layOut(g)
	memory := 4*int64(l.size) + packedMemory(g)
	if err := fits(g, o.MaxMemory, memory); err != nil {
		return nil, err
	}
	return e.assemble(g, l, memory), nil
}

// assemble takes the memory and builds the steps.
func (e *cpuEngine) assemble(g *graph.Graph, l *layout, memory int64) Exec {
	x := &cpuExec{d: e.d, file: g.Name, memory: memory}
	arena := aligned(l.size)
	tensors := map[*graph.Value]*tensor.Tensor{nil: nil}
	for _, v := range g.Inputs {
		t := &tensor.Tensor{Shape: v.Shape}
		tensors[v] = t
		x.inputs = append(x.inputs, input{name: v.Name, shape: v.Shape, at: []*tensor.Tensor{t}})
	}
	for _, n := range g.Nodes {
		s := step{name: n.Name, op: n.Op, flops: flops(n), y: &tensor.Tensor{Shape: n.Out.Shape}}
		tensors[n.Out] = s.y
		if b := l.buffers[n.Out]; b != nil {
			s.y.Data = arena[b.offset:][:n.Out.Shape.Size():n.Out.Shape.Size()]
		} else {
			i := l.external[n.Out]
			x.inputs[i].at = append(x.inputs[i].at, s.y)
		}
		if isView(n) {
			continue
		}
		s.x = make([]*tensor.Tensor, len(n.In))
		for i, v := range n.In {
			if s.x[i] = tensors[v]; v != nil && v.Const != nil {
				s.x[i] = v.Const
			}
		}
		s.pack(e.d, n)
		x.steps = append(x.steps, s)
	}
	for _, v := range g.Outputs {
		x.outputs = append(x.outputs, tensors[v])
	}
	return x
}

// pack prepares the constant inputs. A convolution keeps its own copy of the
// weight then, and the original is let go.
func (s *step) pack(d *cpu.Device, n *graph.Node) {
	p, ok := s.op.(op.Packer)
	if !ok {
		return
	}
	consts := make([]*tensor.Tensor, len(s.x))
	for i, v := range n.In {
		if v != nil {
			consts[i] = v.Const
		}
	}
	s.op = p.Pack(d, consts...)
	if n.Op.Kind() == "Conv" && n.In[1].Const != nil {
		s.x[1] = &tensor.Tensor{Shape: n.In[1].Shape}
	}
}

// flops is the number of multiplications and additions of a matrix product or
// convolution, 0 for others.
func flops(n *graph.Node) float64 {
	if kind := n.Op.Kind(); kind != "Conv" && kind != "Gemm" && kind != "MatMul" {
		return 0
	}
	if w := n.In[1].Shape; n.Op.Kind() == "Conv" {
		return 2 * float64(n.Out.Shape.Size()) * float64(w[1:].Size())
	}
	columns := n.Out.Shape[len(n.Out.Shape)-1]
	return 2 * float64(n.Out.Shape.Size()) * float64(n.In[1].Shape.Size()) / float64(columns)
}
