package heads

import (
	"fmt"
	"slices"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// layer is one step of the network. A layer without an operator only has a
// meaning in the summary and the export: the next operator does its work.
type layer struct {
	name, kind string
	op         op.Differentiable
	params     []*Param     // inputs of op after x
	dropout    float64      // > 0: a Dropout, an operator in training only
	out        tensor.Shape // without the batch
	node       string       // ONNX operator type; "" is not exported
}

// buildHead is [GlobalAveragePool] [standardise] Flatten [Dense ReLU] [Dropout] Dense.
func (h *Head) buildHead() {
	s := h.spec
	if s.Head == HeadGAP && len(s.Input) == 3 {
		h.add(&layer{name: "gap", kind: "GlobalAveragePool", op: op.GlobalAveragePool{}, out: tensor.Shape{s.Input[0], 1, 1}, node: "GlobalAveragePool"})
	}
	if s.Standardise {
		h.norm = newStandardise(h.shape()[0])
		h.add(&layer{name: "standardise", kind: "Standardise", op: h.norm, out: h.shape()})
	}
	h.flatten()
	if s.Hidden > 0 {
		h.dense("hidden", s.Hidden)
		h.relu("hidden_relu")
	}
	h.drop("dropout")
	h.dense("logits", s.outputs())
}

// buildBaseline is the lecture's CNN: 2 × [Conv 16 3×3 valid, ReLU, MaxPool 2,
// Dropout], Flatten, Dense 128, ReLU, Dense. 1,086,417 parameters at 3×100×100.
func (h *Head) buildBaseline() {
	for _, i := range []string{"1", "2"} {
		h.conv("conv"+i, 16, 3)
		h.relu("relu" + i)
		h.pool("pool" + i)
		h.drop("dropout" + i)
	}
	h.flatten()
	h.dense("dense", 128)
	h.relu("dense_relu")
	h.dense("logits", h.spec.outputs())
}

func (h *Head) add(l *layer) { h.layers = append(h.layers, l) }

// shape is the present output's, without the batch.
func (h *Head) shape() tensor.Shape {
	if len(h.layers) == 0 {
		return h.spec.Input
	}
	return h.layers[len(h.layers)-1].out
}

// conv adds a convolution without padding; its kernel is (k,C,size,size).
func (h *Head) conv(name string, k, size int) {
	s := h.shape()
	w := h.kernel(name, s[0]*size*size, k*size*size, k, s[0], size, size)
	h.add(&layer{
		name: name, kind: fmt.Sprintf("Conv %d %dx%d", k, size, size), op: op.Conv{},
		params: []*Param{w, bias(name, k)}, out: tensor.Shape{k, s[1] - size + 1, s[2] - size + 1}, node: "Conv",
	})
}

// flatten adds Flatten: nothing moves, because dense takes any shape.
func (h *Head) flatten() {
	h.add(&layer{name: "flatten", kind: "Flatten", out: tensor.Shape{h.shape().Size()}, node: "Flatten"})
}

// dense adds a fully connected layer; its kernel is (units, inputs).
func (h *Head) dense(name string, units int) {
	in := h.shape().Size()
	w := h.kernel(name, in, units, units, in)
	h.add(&layer{
		name: name, kind: fmt.Sprintf("Dense %d", units), op: dense{},
		params: []*Param{w, bias(name, units)}, out: tensor.Shape{units}, node: "Gemm",
	})
}

func (h *Head) relu(name string) {
	h.add(&layer{name: name, kind: "ReLU", op: op.Relu{}, out: h.shape(), node: "Relu"})
}

func (h *Head) drop(name string) {
	if p := h.spec.Dropout; p > 0 {
		h.add(&layer{name: name, kind: fmt.Sprintf("Dropout %g", p), dropout: p, out: h.shape()})
	}
}

// pool adds a 2×2 maximum; an odd last row or column is dropped.
func (h *Head) pool(name string) {
	s := h.shape()
	o := op.MaxPool{Kernel: [2]int{2, 2}, Strides: [2]int{2, 2}}
	h.add(&layer{name: name, kind: "MaxPool 2x2", op: o, out: tensor.Shape{s[0], s[1] / 2, s[2] / 2}, node: "MaxPool"})
}

// program returns the layers in the order in which they run. ReLU changes
// place with a MaxPool after it and so works on a quarter of the numbers: the
// maximum of ReLUs is the ReLU of the maximum, and the gradients are the same.
func (h *Head) program() []*layer {
	p := slices.Clone(h.layers)
	for i := 1; i < len(p); i++ {
		if p[i].node == "MaxPool" && p[i-1].node == "Relu" {
			p[i-1], p[i] = p[i], p[i-1]
		}
	}
	return p
}
