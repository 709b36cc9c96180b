package op

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// GlobalMaxPool is the maximum of each channel: x (N,C,H,W) → (N,C,1,1).
type GlobalMaxPool struct{}

// Kind is "GlobalMaxPool".
func (GlobalMaxPool) Kind() string { return "GlobalMaxPool" }

// Shape is (N,C,1,1).
func (GlobalMaxPool) Shape(in ...tensor.Shape) (tensor.Shape, error) { return globalShape(in) }

// Forward takes the maximum of each plane.
func (GlobalMaxPool) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	_, plane := planes(x[0].Shape)
	forward(d, len(y.Data), plane, planeLoop{y.Data, x[0].Data, plane, maximum})
}

func maximum(x []float32) float32 { return x[argmax(x)] }

// Backward gives dy to the first maximum of each plane.
func (GlobalMaxPool) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	_, plane := planes(x[0].Shape)
	rows(d, len(dy.Data), plane, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			p := dx[0].Data[i*plane:][:plane]
			clear(p)
			p[argmax(x[0].Data[i*plane:][:plane])] = dy.Data[i]
		}
	})
}

// argmax is the place of the first maximum; a NaN counts as the maximum.
func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v != v {
			return i
		}
		if v > x[best] {
			best = i
		}
	}
	return best
}
