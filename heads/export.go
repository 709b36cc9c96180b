package heads

import (
	"github.com/tlkit/tl/onnx"
)

// Nodes returns the network as ONNX nodes (opset 13 to 22) that read the value
// called input, (N,C,H,W) or (N,F), and the name of the value (N,Outputs) that
// holds the logits. Names begin with "head/". Dropout is left out, Standardise
// is folded into the first Dense.
func (h *Head) Nodes(input string) (nodes []onnx.Node, weights []*onnx.Tensor, logits string) {
	value := input
	norm := h.norm
	for _, l := range h.layers {
		if l.node == "" {
			continue
		}
		n := onnx.Node{Name: "head/" + l.name, Op: l.node, Inputs: []string{value}, Attrs: l.attrs()}
		params := l.params
		if l.node == "Gemm" && norm != nil {
			params, norm = norm.fold(params), nil
		}
		for _, p := range params {
			t := onnx.NewFloats("head/"+p.Name, int64s(p.Shape), p.Data)
			weights = append(weights, t)
			n.Inputs = append(n.Inputs, t.Name)
		}
		value = n.Name + "_out"
		n.Outputs = []string{value}
		nodes = append(nodes, n)
	}
	return nodes, weights, value
}

// attrs are the attributes of the layer's ONNX node.
func (l *layer) attrs() map[string]any {
	switch l.node {
	case "Conv":
		k := l.params[0].Shape
		return map[string]any{"kernel_shape": int64s(k[2:])}
	case "MaxPool":
		return map[string]any{"kernel_shape": []int64{2, 2}, "strides": []int64{2, 2}}
	case "Flatten":
		return map[string]any{"axis": int64(1)}
	case "Gemm":
		return map[string]any{"transB": int64(1)}
	}
	return nil
}

// fold returns kernel (K,F) and bias (K) of a Dense that computes from x what
// the given one computes from (x - shift) / scale: w/scale and b - Σ w·shift/scale.
func (o *standardise) fold(dense []*Param) []*Param {
	w, b := dense[0], dense[1]
	k, f := w.Shape[0], w.Shape[1]
	plane := f / len(o.shift)
	fw := &Param{Name: w.Name, Shape: w.Shape, Data: make([]float32, len(w.Data))}
	fb := &Param{Name: b.Name, Shape: b.Shape, Data: make([]float32, k)}
	for i := range k {
		sum := float64(b.Data[i])
		for j := range f {
			v := float64(w.Data[i*f+j]) / float64(o.scale[j/plane])
			fw.Data[i*f+j] = float32(v)
			sum -= v * float64(o.shift[j/plane])
		}
		fb.Data[i] = float32(sum)
	}
	return []*Param{fw, fb}
}

func int64s(s []int) []int64 {
	out := make([]int64, len(s))
	for i, v := range s {
		out[i] = int64(v)
	}
	return out
}
