package engine

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
)

// plan is a program on its way to the machine: every node has become a step or
// part of one, and every value has a place in one or both orders.
//
// Feature maps live in channel blocks (cpu.Blocks) from the first convolution
// to where something needs them in ONNX's order (N,C,H,W). Nodes that know
// blocks are lowered in lower_*.go; all others run op.Op.Forward.
type plan struct {
	d       *cpu.Device
	g       *graph.Graph
	o       Options
	batch   int           // images of a run
	forked  int           // steps that run in streams
	alone   []*cpu.Device // of the streams
	readers map[*graph.Value][]*graph.Node
	output  map[*graph.Value]bool
	merged  map[*graph.Node]bool // done by the step of another node
	plain   map[*graph.Value]*place
	blocked map[*graph.Value]*place
	places  []*place
	steps   []*step
	order   []level     // once laid out
	extent  int         // of the arena in float32, once laid out
	region  *place      // of the streams' own memory, once laid out, or nil
	scratch cpu.Scratch // of the team's kernels, once laid out
	own     cpu.Scratch // of each stream's
	arena   []float32
	lead    cpu.Normalise // of the first input
}

// place is where a value lies in one of the two orders.
type place struct {
	shape   tensor.Shape
	blocked bool
	input   int    // which of the graph's inputs it is, -1 for none
	view    *place // whose memory it is: that of another shape, or overwritten in place
	group   int    // images that it has room for
	stream  bool   // each stream has one of its own
	first   int    // steps between which it is in use, inclusive
	last    int
	room    int         // that it takes in the arena, in float32
	offset  int         // in the arena, in float32
	data    []float32   // (group, …)
	parts   [][]float32 // of each stream
}

// at is the memory of p for runner r, and the place of image lo in it.
func (p *place) at(r *runner, lo int) (data []float32, i int) {
	if p = p.root(); p.stream {
		return p.parts[r.number-1], (lo - r.lo) % p.group
	}
	return p.data, lo % p.group
}

// root is the place that owns the memory.
func (p *place) root() *place {
	for p.view != nil {
		p = p.view
	}
	return p
}

// step is one call of the machine.
type step struct {
	name, kind string
	algorithm  string                                 // "" where there is only one way
	shape      tensor.Shape                           // of the output
	flops      float64                                // multiplications and additions of the plain loop
	bytes      float64                                // read and written at least once
	work       float64                                // the cost model's estimate, in float32 multiplications and additions
	weights    int64                                  // bytes laid out anew
	scratch    func(d *cpu.Device, n int) cpu.Scratch // of the kernels for n images at once; nil for none

	source *graph.Value                          // of a dense convolution: what it reads
	view   func(r *runner, lo, n int) cpu.Blocks // of source

	in      []*place
	out     *place
	over    []*place // inputs that the result may be written over
	grouped bool     // can run for a part of the batch
	group   int      // images at once
	prepare func()   // packs weights and sets run; the arena exists
	run     func(r *runner, lo, n int)
}

// newPlan lowers every node of g.
func newPlan(d *cpu.Device, p Program, g *graph.Graph, o Options) *plan {
	x := &plan{
		d: d, g: g, o: o, batch: 1, readers: map[*graph.Value][]*graph.Node{}, output: map[*graph.Value]bool{},
		merged: map[*graph.Node]bool{}, plain: map[*graph.Value]*place{}, blocked: map[*graph.Value]*place{}, lead: p.Normalise,
	}
	if len(g.Inputs) > 0 && len(g.Inputs[0].Shape) > 0 {
		x.batch = g.Inputs[0].Shape[0]
	}
	for i, v := range g.Inputs {
		x.plain[v] = x.place(v.Shape, false)
		x.plain[v].input = i
	}
	for _, n := range g.Nodes {
		for _, v := range n.In {
			x.readers[v] = append(x.readers[v], n)
		}
	}
	for _, v := range g.Outputs {
		x.output[v] = true
	}
	for _, n := range g.Nodes {
		if !x.merged[n] {
			x.lower(n)
		}
	}
	for _, v := range g.Outputs {
		x.asPlain(v)
	}
	return x
}

// lower makes a step of n, in blocks where that is possible.
func (x *plan) lower(n *graph.Node) {
	if !x.o.Raw && x.lowerBlocked(n) {
		return
	}
	x.lowerPlain(n)
}

// lowerBlocked tries the operators that know blocks.
func (x *plan) lowerBlocked(n *graph.Node) bool {
	return x.lowerConv(n) || x.lowerNorm(n) || x.lowerPool(n) || x.lowerFlat(n) || x.lowerConcat(n)
}

// place makes a new place.
func (x *plan) place(shape tensor.Shape, blocked bool) *place {
	p := &place{shape: shape, blocked: blocked, input: -1}
	x.places = append(x.places, p)
	return p
}

// add appends a step.
func (x *plan) add(s *step) {
	x.steps = append(x.steps, s)
}

// result is a new blocked place for the output of n, and n's step.
func (x *plan) result(n *graph.Node, in ...*place) *step {
	p := x.place(n.Out.Shape, true)
	x.blocked[n.Out] = p
	s := &step{name: n.Name, kind: n.Op.Kind(), shape: n.Out.Shape, flops: graph.Flops(n), bytes: bytesOf(n), in: in, out: p, grouped: true}
	x.add(s)
	return s
}

// isMap reports whether v is feature maps of the program's batch that blocks
// can hold.
func (x *plan) isMap(v *graph.Value) bool {
	return v != nil && v.Const == nil && len(v.Shape) == 4 && v.Shape[0] == x.batch && v.Shape.Size() > 0
}

// asBlocked is v in blocks, turned by a step of its own if need be.
func (x *plan) asBlocked(v *graph.Value) *place {
	if p := x.blocked[v]; p != nil {
		return p
	}
	from := x.source(v)
	p := x.place(v.Shape, true)
	x.blocked[v] = p
	s := &step{name: v.Name, kind: "ToBlocks", shape: v.Shape, in: []*place{from}, out: p, grouped: true}
	s.prepare = func() {
		s.run = func(r *runner, lo, n int) { r.d.ToBlocks(x.view(r, p, lo, n), from.images(r, lo, n)) }
	}
	x.add(s)
	return p
}

// asPlain is v in ONNX's order, turned by a step of its own if need be.
func (x *plan) asPlain(v *graph.Value) *place {
	if p := x.plain[v]; p != nil {
		return x.source(v)
	}
	from, p := x.blocked[v], x.place(v.Shape, false)
	if from == nil {
		panic(fmt.Sprintf("engine: value %q is read before it is made", v.Name))
	}
	x.plain[v] = p
	s := &step{name: v.Name, kind: "FromBlocks", shape: v.Shape, in: []*place{from}, out: p, grouped: true}
	s.prepare = func() {
		s.run = func(r *runner, lo, n int) { r.d.FromBlocks(p.images(r, lo, n), x.view(r, from, lo, n)) }
	}
	x.add(s)
	return p
}

// source is the plain place of v. If v is the input that the program wants
// normalised, it is a normalised copy.
func (x *plan) source(v *graph.Value) *place {
	from := x.plain[v]
	if from.input != 0 || x.lead.None() {
		return from
	}
	p := x.place(v.Shape, false)
	x.plain[v] = p
	s := &step{name: v.Name, kind: "Normalise", shape: v.Shape, in: []*place{from}, out: p, grouped: true}
	s.prepare = func() {
		c := v.Shape[1]
		plane := v.Shape[2:].Size()
		s.run = func(r *runner, lo, n int) {
			r.d.Normalise(p.images(r, lo, n), from.images(r, lo, n), n, c, plane, x.lead)
		}
	}
	x.add(s)
	return p
}

// images is n images from lo on, in ONNX's order.
func (p *place) images(r *runner, lo, n int) []float32 {
	size := p.shape.Size() / p.shape[0]
	data, i := p.at(r, lo)
	return data[i*size:][:n*size]
}

// view is n images from lo on, in blocks.
func (x *plan) view(r *runner, p *place, lo, n int) cpu.Blocks {
	data, i := p.at(r, lo)
	b := x.d.Blocks(data, p.root().group, p.shape[1], p.shape[2], p.shape[3])
	return b.Images(i, n)
}

// size is the number of float32 an image takes, or the whole value where its
// first axis is not the batch.
func (x *plan) size(p *place) int {
	switch {
	case p.blocked:
		return x.d.BlocksSize(1, p.shape[1], p.shape[2], p.shape[3])
	case x.byImage(p.shape):
		return p.shape.Size() / x.batch
	}
	return p.shape.Size()
}

// byImage reports whether the first axis of a value is the batch.
func (x *plan) byImage(s tensor.Shape) bool { return len(s) > 0 && s[0] == x.batch && x.batch > 0 }

// roomOf is the number of float32 that a place takes.
func (x *plan) roomOf(p *place) int {
	if p.blocked || x.byImage(p.shape) {
		return x.size(p) * p.group
	}
	return x.size(p)
}
