package finetune

import (
	"strings"

	"github.com/tlkit/tl/backbones"
	"github.com/tlkit/tl/onnx"
)

// normalise adds the card's preprocessing: per channel (v·Scale − Mean) / Std,
// in the channel order and layout that the network wants.
func (b builder) normalise(v string, card backbones.Card) string {
	p := card.Preprocess
	if p.Order == "BGR" { // a 1×1 convolution swaps planes exactly, and any engine knows it
		v = b.node("Conv", "tl/bgr", []string{v, b.floats("tl/swap", []int64{3, 3, 1, 1}, 0, 0, 1, 0, 1, 0, 1, 0, 0)}, nil)
	}
	scale, shift := make([]float32, 3), make([]float32, 3)
	for c := range 3 {
		scale[c] = float32(p.Scale / p.Std[c])
		shift[c] = float32(-p.Mean[c] / p.Std[c])
	}
	v = b.node("Mul", "tl/scaled", []string{v, b.floats("tl/scale", []int64{3, 1, 1}, scale...)}, nil)
	v = b.node("Add", "tl/normalised", []string{v, b.floats("tl/shift", []int64{3, 1, 1}, shift...)}, nil)
	if card.Layout == "NHWC" {
		v = b.node("Transpose", "tl/nhwc", []string{v}, map[string]any{"perm": []int64{0, 2, 3, 1}})
	}
	return v
}

// pool pools v (N,C,H,W) as the card's features are: (N,C,1,1) or (N,2C,1,1).
func (b builder) pool(v string, card backbones.Card) string {
	if card.Pool == "" {
		return v
	}
	mean := b.node("GlobalAveragePool", "tl/pooled", []string{v}, nil)
	if card.Pool != backbones.PoolMeanMax {
		return mean
	}
	most := b.node("GlobalMaxPool", "tl/maximum", []string{v}, nil)
	return b.node("Concat", "tl/mean_and_maximum", []string{mean, most}, map[string]any{"axis": int64(1)})
}

// apart renames the values of m that an exported file uses itself, e.g. when
// an exported file serves as a backbone again.
func apart(m *onnx.Model) *onnx.Model {
	rename := func(name string) string {
		if name == imageInput || name == probability || strings.HasPrefix(name, "tl/") {
			return "backbone/" + name
		}
		return name
	}
	out := *m
	out.Inputs = append([]onnx.ValueInfo(nil), m.Inputs...)
	for i := range out.Inputs {
		out.Inputs[i].Name = rename(out.Inputs[i].Name)
	}
	out.Outputs = append([]onnx.ValueInfo(nil), m.Outputs...)
	for i := range out.Outputs {
		out.Outputs[i].Name = rename(out.Outputs[i].Name)
	}
	out.Nodes = make([]onnx.Node, len(m.Nodes))
	for i, n := range m.Nodes {
		n.Inputs, n.Outputs = renamed(n.Inputs, rename), renamed(n.Outputs, rename)
		out.Nodes[i] = n
	}
	out.Weights = make(map[string]*onnx.Tensor, len(m.Weights))
	for name, w := range m.Weights {
		c := *w
		c.Name = rename(name)
		out.Weights[c.Name] = &c
	}
	return &out
}

func renamed(names []string, rename func(string) string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = rename(n)
	}
	return out
}
