package autodiff

import (
	"fmt"
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// BCEWithLogits is the binary cross-entropy of logits z (N,1) with labels
// y (N), 0 or 1, and row weights w (N), as one scalar:
//
//	Σ w·(max(z,0) - z·y + log(1 + exp(-|z|))) / Σ w
//
// It is finite for every finite z. A row of weight 0 is not looked at: that is
// how a last batch is padded. Weights are class weights otherwise. Of a batch
// in parts, Total is the Σ w of the whole one: losses and gradients of the
// parts then add up to those of the whole. nil is the part's own.
type BCEWithLogits struct{ Total *float64 }

// Kind is not an ONNX operator: losses are never exported.
func (BCEWithLogits) Kind() string { return "BCEWithLogits" }

// Shape wants (N,1), (N), (N) and returns a scalar's.
func (BCEWithLogits) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if err := lossShapes(in); err != nil {
		return nil, err
	}
	if in[0][1] != 1 {
		return nil, fmt.Errorf("logits are %v, want (N,1)", in[0])
	}
	return tensor.Shape{}, nil
}

// Forward sums in float64, in row order.
func (o BCEWithLogits) Forward(_ *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	z, label, w := x[0].Data, x[1].Data, x[2].Data
	var sum float64
	for i := range w {
		if w[i] == 0 {
			continue
		}
		v := float64(z[i])
		l := math.Max(v, 0) - v*float64(label[i]) + math.Log1p(math.Exp(-math.Abs(v)))
		sum += float64(w[i]) * l
	}
	y.Data[0] = float32(mean(sum, whole(o.Total, w)))
}

// Backward is dz = dy·w·(sigmoid(z) - y) / Σ w.
func (o BCEWithLogits) Backward(_ *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	z, label, w := x[0].Data, x[1].Data, x[2].Data
	scale := mean(float64(dy.Data[0]), whole(o.Total, w))
	for i := range w {
		dx[0].Data[i] = 0
		if w[i] != 0 {
			dx[0].Data[i] = float32(scale * float64(w[i]) * (Sigmoid(float64(z[i])) - float64(label[i])))
		}
	}
}

// Sigmoid is 1/(1+exp(-z)) without overflow.
func Sigmoid(z float64) float64 {
	if z >= 0 {
		return 1 / (1 + math.Exp(-z))
	}
	e := math.Exp(z)
	return e / (1 + e)
}

// lossShapes checks logits (N,C), labels (N), row weights (N).
func lossShapes(in []tensor.Shape) error {
	if len(in) != 3 || len(in[0]) != 2 {
		return fmt.Errorf("inputs are %v, want logits (N,C), labels (N), row weights (N)", in)
	}
	n := tensor.Shape{in[0][0]}
	if !in[1].Equal(n) || !in[2].Equal(n) {
		return fmt.Errorf("logits are %v, labels %v, row weights %v; want one label and weight a row", in[0], in[1], in[2])
	}
	return nil
}

// whole is the sum of weights that a loss is divided by.
func whole(of *float64, w []float32) float64 {
	if of != nil {
		return *of
	}
	return total(w)
}

// total is Σ w.
func total[T float32 | float64](w []T) (sum float64) {
	for _, v := range w {
		sum += float64(v)
	}
	return sum
}

// mean is sum/weight, and 0 of nothing.
func mean(sum, weight float64) float64 {
	if weight == 0 {
		return 0
	}
	return sum / weight
}
