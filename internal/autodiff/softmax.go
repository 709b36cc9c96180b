package autodiff

import (
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// SoftmaxCrossEntropy is the cross-entropy of logits z (N,C) with labels
// y (N), a class from 0 to C-1 each, and row weights w (N), as one scalar:
//
//	Σ w·(log Σ_c exp(z_c) - z_y) / Σ w
//
// It is finite for every finite z. Rows of weight 0 are not looked at. Total is
// as in BCEWithLogits.
// With class weights it is torch.nn.CrossEntropyLoss(weight=...).
type SoftmaxCrossEntropy struct{ Total *float64 }

// Kind is not an ONNX operator: losses are never exported.
func (SoftmaxCrossEntropy) Kind() string { return "SoftmaxCrossEntropy" }

// Shape wants (N,C), (N), (N) and returns a scalar's.
func (SoftmaxCrossEntropy) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	return tensor.Shape{}, lossShapes(in)
}

// Forward sums in float64, in row order.
func (o SoftmaxCrossEntropy) Forward(_ *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	z, label, w := x[0].Data, x[1].Data, x[2].Data
	c := x[0].Shape[1]
	var sum float64
	for i := range w {
		if w[i] == 0 {
			continue
		}
		row := z[i*c : (i+1)*c]
		sum += float64(w[i]) * (logSumExp(row) - float64(row[int(label[i])]))
	}
	y.Data[0] = float32(mean(sum, whole(o.Total, w)))
}

// Backward is dz_c = dy·w·(softmax(z)_c - [c = y]) / Σ w.
func (o SoftmaxCrossEntropy) Backward(_ *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	z, label, w := x[0].Data, x[1].Data, x[2].Data
	c := x[0].Shape[1]
	scale := mean(float64(dy.Data[0]), whole(o.Total, w))
	for i := range w {
		row, d := z[i*c:(i+1)*c], dx[0].Data[i*c:(i+1)*c]
		clear(d)
		if w[i] == 0 {
			continue
		}
		lse, s := logSumExp(row), scale*float64(w[i])
		for j := range row {
			d[j] = float32(s * math.Exp(float64(row[j])-lse))
		}
		own := int(label[i])
		d[own] = float32(s * math.Expm1(float64(row[own])-lse))
	}
}

// logSumExp is log Σ exp(z) without overflow.
func logSumExp(z []float32) float64 {
	top := math.Inf(-1)
	for _, v := range z {
		top = math.Max(top, float64(v))
	}
	var sum float64
	for _, v := range z {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}
