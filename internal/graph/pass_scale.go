package graph

import (
	"math"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// foldScale computes y = factor·conv(x) + offset, per channel, inside the
// convolution: weight' = factor·weight, bias' = factor·bias + offset. The
// factor and offset come from a BatchNormalization or from arithmetic with
// constants. Products are made in float64.
func foldScale(e *editor, n *Node) bool {
	x, a, ok := affineOf(n)
	if !ok {
		return false
	}
	conv, c := only[op.Conv](e, x)
	if conv == nil || c.Residual || c.Clamp || conv.In[1].Const == nil || len(conv.In) > 2 && conv.In[2] != nil && conv.In[2].Const == nil {
		return false
	}
	w, bias := a.apply(conv)
	n.Name = conv.Name
	return e.set(n, c, conv.In[0], w, bias)
}

// affine is y = factor·x + offset, one pair for each channel.
type affine struct{ factor, offset []float64 }

// affineOf reads a node as an affine map of the channels of its activation x (N,C,H,W).
func affineOf(n *Node) (x *Value, a affine, ok bool) {
	switch o := n.Op.(type) {
	case op.BatchNorm:
		return batchNormAffine(n, o)
	case op.Add, op.Sub, op.Mul, op.Div:
		if len(n.In) == 2 && n.In[1].Const != nil {
			return arithmeticAffine(n, n.In[0], n.In[1], false)
		}
		if len(n.In) == 2 && n.In[0].Const != nil {
			return arithmeticAffine(n, n.In[1], n.In[0], true)
		}
	}
	return nil, a, false
}

// batchNormAffine is factor = scale/√(variance+ε), offset = bias - mean·factor.
func batchNormAffine(n *Node, o op.BatchNorm) (x *Value, a affine, ok bool) {
	for _, v := range n.In[1:] {
		if v == nil || v.Const == nil {
			return nil, a, false
		}
	}
	scale, bias, mean, variance := n.In[1].Const.Data, n.In[2].Const.Data, n.In[3].Const.Data, n.In[4].Const.Data
	for i := range scale {
		f := float64(scale[i]) / math.Sqrt(float64(variance[i])+float64(o.Epsilon))
		a.factor = append(a.factor, f)
		a.offset = append(a.offset, float64(bias[i])-float64(mean[i])*f)
	}
	return n.In[0], a, true
}

// arithmeticAffine reads x ∘ c, or c ∘ x where swapped, with a constant c that
// is one number or one for each channel.
func arithmeticAffine(n *Node, x, c *Value, swapped bool) (*Value, affine, bool) {
	var a affine
	if len(x.Shape) != 4 || !x.Shape.Equal(n.Out.Shape) {
		return nil, a, false
	}
	channels := x.Shape[1]
	numbers := perChannel(c, channels)
	if numbers == nil {
		return nil, a, false
	}
	for _, v := range numbers {
		f, o := 1.0, 0.0
		switch n.Op.(type) {
		case op.Add:
			o = v
		case op.Sub:
			if o = -v; swapped {
				f, o = -1, v
			}
		case op.Mul:
			f = v
		case op.Div:
			if f = 1 / v; swapped {
				return nil, a, false
			}
		}
		a.factor, a.offset = append(a.factor, f), append(a.offset, o)
	}
	return x, a, true
}

// perChannel reads a constant that broadcasts over (N,C,H,W) as C numbers; nil
// when it varies along another axis.
func perChannel(c *Value, channels int) []float64 {
	if len(c.Shape) > 4 || c.Shape.Size() != 1 && (c.Shape.Size() != channels || len(c.Shape) < 3 || c.Shape[len(c.Shape)-3] != channels) {
		return nil
	}
	out := make([]float64, channels)
	for i := range out {
		out[i] = float64(c.Const.Data[i%len(c.Const.Data)])
	}
	return out
}

// apply gives a convolution's new weight (K,C/G,R,S) and bias (K).
func (a affine) apply(conv *Node) (w, bias *Value) {
	old := conv.In[1]
	t := tensor.New(old.Shape...)
	b := tensor.New(old.Shape[0])
	row := old.Shape[1:].Size()
	for k, f := range a.factor {
		for i, v := range old.Const.Data[k*row:][:row] {
			t.Data[k*row+i] = float32(f * float64(v))
		}
		sum := a.offset[k]
		if len(conv.In) > 2 && conv.In[2] != nil {
			sum += f * float64(conv.In[2].Const.Data[k])
		}
		b.Data[k] = float32(sum)
	}
	return &Value{Name: old.Name, Shape: t.Shape, Const: t}, &Value{Name: old.Name + " bias", Shape: b.Shape, Const: b}
}
