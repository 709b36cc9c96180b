package engine

import (
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// stemChannels is the most channels of an input that the first convolution
// reads in ONNX's order, number by number.
const stemChannels = 4

// lowerConv convolves in blocks: dense, depthwise, or in groups of whole
// blocks.
func (x *plan) lowerConv(n *graph.Node) bool {
	o, ok := n.Op.(op.Conv)
	if !ok || !x.isMap(n.In[0]) || !x.isMap(n.Out) || n.In[1].Const == nil || o.Residual && !x.isMap(n.In[3]) {
		return false
	}
	if b := biasOf(n); len(n.In) > 2 && n.In[2] != nil && b == nil {
		return false
	}
	s := o.Geometry(n.In[0].Shape, n.In[1].Shape)
	lanes := x.d.Lanes()
	switch {
	case s.Groups == 1 && s.C <= stemChannels && x.plain[n.In[0]] != nil && !o.Residual:
		x.stem(n, o, s)
	case s.Groups == 1:
		x.dense(n, o, s)
	case s.Groups == s.C && s.K == s.C && !o.Residual:
		x.depthwise(n, s, n.In[1].Const.Data, biasOf(n), epilogue(o), n)
	case s.C/s.Groups%lanes == 0 && s.K/s.Groups%lanes == 0:
		x.inGroups(n, o, s)
	default:
		return false
	}
	return true
}

// biasOf is the constant bias of a convolution, or nil.
func biasOf(n *graph.Node) []float32 {
	if len(n.In) > 2 && n.In[2] != nil && n.In[2].Const != nil {
		return n.In[2].Const.Data
	}
	return nil
}

func epilogue(o op.Conv) cpu.BlockEpilogue {
	return cpu.BlockEpilogue{Clamp: o.Clamp, Lo: o.Lo, Hi: o.Hi}
}

// stem is the first convolution; it normalises what it reads, if that is the
// program's input.
func (x *plan) stem(n *graph.Node, o op.Conv, s cpu.ConvShape) {
	from := x.plain[n.In[0]]
	var lead cpu.Normalise
	if from.input == 0 {
		lead = x.lead
	}
	st := x.result(n, from)
	st.algorithm, st.weights = "stem", 4*int64(n.In[1].Shape.Size())
	st.scratch = func(d *cpu.Device, _ int) cpu.Scratch { return d.BlockStemScratch(s) }
	st.prepare = func() {
		c := x.d.PackBlockStem(s, n.In[1].Const.Data, biasOf(n), lead)
		e := epilogue(o)
		st.run = func(r *runner, lo, count int) {
			r.d.BlockStem(c, x.view(r, st.out, lo, count), from.images(r, lo, count), e)
		}
	}
}

// dense is a convolution of one group, with the 2×2 maximum behind it where
// there is one.
func (x *plan) dense(n *graph.Node, o op.Conv, s cpu.ConvShape) {
	pool := x.pooled(n, s)
	if o.Residual {
		pool = nil
	}
	a := x.algorithm(s, pool != nil)
	e := epilogue(o)
	in := []*place{x.asBlocked(n.In[0])}
	if o.Residual {
		in = append(in, x.asBlocked(n.In[3]))
	}
	low, work := x.precision(s, a)
	last := n
	if pool != nil && a != cpu.Direct && low == cpu.Float32 {
		e.Pool, last = true, pool
		x.merged[pool] = true
	}
	st := x.result(last, in...)
	st.name, st.kind, st.algorithm, st.flops = n.Name, n.Op.Kind(), a.String(), graph.Flops(n)
	st.weights = packedConv(s, a, x.d.Lanes())
	st.scratch = func(d *cpu.Device, n int) cpu.Scratch {
		if low != cpu.Float32 {
			return d.LowConvScratch(s.Images(n), low)
		}
		return d.BlockConvScratch(s.Images(n), a)
	}
	st.work, st.bytes = work, bytesOf(n)-4*float64(n.Out.Shape.Size()-last.Out.Shape.Size())
	st.source, st.view = n.In[0], func(r *runner, lo, count int) cpu.Blocks { return x.view(r, in[0], lo, count) }
	if o.Residual {
		st.share(st.out, in[1])
	}
	if low != cpu.Float32 {
		st.algorithm, st.weights = "direct "+low.String(), packedConv(s, cpu.Direct, x.d.Lanes())/lowPacked[low]
	}
	st.prepare = func() {
		convolve := x.convolution(n, s, a, low)
		st.run = func(r *runner, lo, count int) {
			e := e
			if o.Residual {
				e.Add = x.view(r, in[1], lo, count)
			}
			convolve(r.d, x.view(r, st.out, lo, count), x.view(r, in[0], lo, count), e)
		}
	}
}

// mostInt8 is the most products that a sum of int8 may have: 127·255 each in an
// int32.
const mostInt8 = 66000

// precision is the one to convolve in, float32 by algorithm a where a low one
// does not pay, and the work of the whole batch.
func (x *plan) precision(s cpu.ConvShape, a cpu.Algorithm) (cpu.Precision, float64) {
	n := x.imagesAtOnce(s)
	batches := float64(x.batch) / float64(n)
	work := cost(s, a, n) * batches
	p, _ := x.o.precision()
	if p == cpu.Float32 || p == cpu.Int8 && s.C*s.R*s.S > mostInt8 {
		return cpu.Float32, work
	}
	if low := lowCost(s, p, n) * batches; low < work {
		return p, low
	}
	return cpu.Float32, work
}

// lowPacked is how many weights take the room of a float32.
var lowPacked = map[cpu.Precision]int64{cpu.BFloat16: 2, cpu.Int8: 4}

// convolution lays out the weights of n.
func (x *plan) convolution(n *graph.Node, s cpu.ConvShape, a cpu.Algorithm, low cpu.Precision) func(d *cpu.Device, y, x cpu.Blocks, e cpu.BlockEpilogue) {
	w, b := n.In[1].Const.Data, biasOf(n)
	if low == cpu.Float32 {
		c := x.d.PackBlockConv(s, w, b, a)
		return func(d *cpu.Device, y, x cpu.Blocks, e cpu.BlockEpilogue) { d.BlockConv(c, y, x, e) }
	}
	var q cpu.Quantisation
	if low == cpu.Int8 {
		q = x.o.spans[n.In[0]].quantisation()
	}
	c := x.d.PackLowConv(s, w, b, low, q)
	return func(d *cpu.Device, y, x cpu.Blocks, e cpu.BlockEpilogue) { d.LowConv(c, y, x, e) }
}

// pooled is the only reader of n if it takes the maximum of every 2×2 square.
func (x *plan) pooled(n *graph.Node, s cpu.ConvShape) *graph.Node {
	readers := x.readers[n.Out]
	if len(readers) != 1 || x.output[n.Out] || s.OH%2 != 0 || s.OW%2 != 0 {
		return nil
	}
	p, ok := readers[0].Op.(op.MaxPool)
	if !ok {
		return nil
	}
	g := p.Geometry(n.Out.Shape)
	if g.R != 2 || g.S != 2 || g.StrideH != 2 || g.StrideW != 2 || g.PadTop != 0 || g.PadLeft != 0 || g.DilationH != 1 || g.DilationW != 1 || g.OH != s.OH/2 || g.OW != s.OW/2 {
		return nil
	}
	return readers[0]
}

// inGroups is one dense convolution for each group.
func (x *plan) inGroups(n *graph.Node, o op.Conv, s cpu.ConvShape) {
	groups, one := s.Groups, s
	one.C, one.K, one.Groups = s.C/groups, s.K/groups, 1
	in := []*place{x.asBlocked(n.In[0])}
	if o.Residual {
		in = append(in, x.asBlocked(n.In[3]))
	}
	a := x.algorithm(one, false)
	st := x.result(n, in...)
	st.algorithm, st.weights = a.String(), int64(groups)*packedConv(one, a, x.d.Lanes())
	st.scratch = func(d *cpu.Device, n int) cpu.Scratch { return d.BlockConvScratch(one.Images(n), a) }
	st.prepare = func() {
		convs := packGroups(x.d, n, one, groups, a)
		e := epilogue(o)
		st.run = func(r *runner, lo, count int) {
			y, in0 := x.view(r, st.out, lo, count), x.view(r, in[0], lo, count)
			for g, c := range convs {
				e := e
				if o.Residual {
					e.Add = x.view(r, in[1], lo, count).Channels(g*one.K, one.K)
				}
				r.d.BlockConv(c, y.Channels(g*one.K, one.K), in0.Channels(g*one.C, one.C), e)
			}
		}
	}
}

// packGroups lays out the weights of n, a convolution of each group like one.
func packGroups(d *cpu.Device, n *graph.Node, one cpu.ConvShape, groups int, a cpu.Algorithm) (convs []*cpu.BlockConv) {
	w, b := n.In[1].Const.Data, biasOf(n)
	size := len(w) / groups
	for g := range groups {
		var bias []float32
		if b != nil {
			bias = b[g*one.K:][:one.K]
		}
		convs = append(convs, d.PackBlockConv(one, w[g*size:][:size], bias, a))
	}
	return convs
}

// depthwise is a convolution of each channel by itself. The result is that of
// node last.
func (x *plan) depthwise(n *graph.Node, s cpu.ConvShape, w, bias []float32, e cpu.BlockEpilogue, last *graph.Node) {
	in := x.asBlocked(n.In[0])
	st := x.result(last, in)
	st.name, st.kind, st.algorithm, st.flops = n.Name, n.Op.Kind(), "depthwise", graph.Flops(n)
	st.weights = 4 * int64(len(w))
	st.scratch = func(d *cpu.Device, _ int) cpu.Scratch { return d.BlockWindowScratch(s.R, s.S) }
	if s.R*s.S == 1 && s.StrideH == 1 && s.StrideW == 1 && s.OH == s.H && s.OW == s.W {
		st.share(st.out, in)
	}
	st.prepare = func() {
		c := x.d.PackBlockDepthwise(s, w, bias)
		st.run = func(r *runner, lo, count int) {
			r.d.BlockDepthwise(c, x.view(r, st.out, lo, count), x.view(r, in, lo, count), e)
		}
	}
}

// lowerNorm turns a batch norm that no convolution took into a factor and an
// offset for each channel, with the ReLU behind it.
func (x *plan) lowerNorm(n *graph.Node) bool {
	o, ok := n.Op.(op.BatchNorm)
	if !ok || !x.isMap(n.In[0]) || x.blocked[n.In[0]] == nil {
		return false
	}
	var p [4][]float32
	for i := range p {
		if n.In[1+i].Const == nil {
			return false
		}
		p[i] = n.In[1+i].Const.Data
	}
	scale, shift := make([]float32, len(p[0])), make([]float32, len(p[0]))
	for c := range scale {
		f := float64(p[0][c]) / math.Sqrt(float64(p[3][c])+float64(o.Epsilon))
		scale[c], shift[c] = float32(f), float32(float64(p[1][c])-float64(p[2][c])*f)
	}
	var e cpu.BlockEpilogue
	last := n
	if r := x.readers[n.Out]; len(r) == 1 && !x.output[n.Out] {
		if _, relu := r[0].Op.(op.Relu); relu {
			e, last = cpu.BlockEpilogue{Clamp: true, Hi: float32(math.Inf(1))}, r[0]
			x.merged[last] = true
		}
	}
	x.depthwise(n, pointwise(n.In[0].Shape), scale, shift, e, last)
	return true
}

// pointwise is the geometry of a 1×1 convolution of each channel of maps in.
func pointwise(in tensor.Shape) cpu.ConvShape {
	return cpu.ConvShape{N: in[0], C: in[1], H: in[2], W: in[3], K: in[1], R: 1, S: 1, OH: in[2], OW: in[3],
		StrideH: 1, StrideW: 1, DilationH: 1, DilationW: 1, Groups: in[1]}
}
