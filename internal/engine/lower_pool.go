package engine

import (
	"slices"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/op"
)

// lowerPool pools maps that are in blocks already.
func (x *plan) lowerPool(n *graph.Node) bool {
	if len(n.In) == 0 || !x.isMap(n.In[0]) || x.blocked[n.In[0]] == nil {
		return false
	}
	in := x.blocked[n.In[0]]
	switch o := n.Op.(type) {
	case op.MaxPool:
		s, shape := x.result(n, in), o.Geometry(n.In[0].Shape)
		s.scratch = func(d *cpu.Device, _ int) cpu.Scratch { return d.BlockWindowScratch(shape.R, shape.S) }
		s.prepare = func() {
			s.run = func(r *runner, lo, count int) {
				r.d.BlockMaxPool(shape, x.view(r, s.out, lo, count), x.view(r, in, lo, count))
			}
		}
	case op.AveragePool:
		s, shape := x.result(n, in), o.Geometry(n.In[0].Shape)
		s.scratch = func(d *cpu.Device, _ int) cpu.Scratch { return d.BlockWindowScratch(shape.R, shape.S) }
		s.prepare = func() {
			s.run = func(r *runner, lo, count int) {
				r.d.BlockAvgPool(shape, x.view(r, s.out, lo, count), x.view(r, in, lo, count), o.CountPad)
			}
		}
	case op.GlobalAveragePool:
		x.globalMean(n, in)
	case op.ReduceMean:
		if !overPixels(o.Axes) {
			return false
		}
		x.globalMean(n, in)
	default:
		return false
	}
	return true
}

// overPixels reports whether axes of (N,C,H,W) are H and W.
func overPixels(axes []int) bool {
	var set []int
	for _, a := range axes {
		set = append(set, (a+4)%4)
	}
	slices.Sort(set)
	return slices.Equal(slices.Compact(set), []int{2, 3})
}

// globalMean averages the pixels of each channel; the result is in ONNX's order.
func (x *plan) globalMean(n *graph.Node, in *place) {
	p := x.place(n.Out.Shape, false)
	x.plain[n.Out] = p
	s := &step{name: n.Name, kind: n.Op.Kind(), shape: n.Out.Shape, bytes: bytesOf(n), in: []*place{in}, out: p, grouped: true}
	s.scratch = func(d *cpu.Device, _ int) cpu.Scratch { return d.BlockGlobalScratch(in.shape[2], in.shape[3]) }
	s.prepare = func() {
		s.run = func(r *runner, lo, count int) {
			r.d.BlockGlobalAvgPool(p.images(r, lo, count), x.view(r, in, lo, count))
		}
	}
	x.add(s)
}
