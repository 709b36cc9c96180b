package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// GlobalAveragePool is the mean of each channel: x (N,C,H,W) → (N,C,1,1).
type GlobalAveragePool struct{}

// Kind is "GlobalAveragePool".
func (GlobalAveragePool) Kind() string { return "GlobalAveragePool" }

// Shape is (N,C,1,1).
func (GlobalAveragePool) Shape(in ...tensor.Shape) (tensor.Shape, error) { return globalShape(in) }

// Forward averages each plane.
func (GlobalAveragePool) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	_, plane := planes(x[0].Shape)
	forward(d, len(y.Data), plane, planeLoop{y.Data, x[0].Data, plane, mean})
}

// mean sums in float64.
func mean(x []float32) float32 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v)
	}
	return float32(sum / float64(len(x)))
}

// planeLoop runs over the planes of x: y[i] = f(plane i).
type planeLoop struct {
	y, x  []float32
	plane int
	f     func(plane []float32) float32
}

// Run does planes lo … hi-1.
func (l planeLoop) Run(lo, hi int) {
	for i := lo; i < hi; i++ {
		l.y[i] = l.f(l.x[i*l.plane:][:l.plane])
	}
}

// Backward spreads dy evenly over each plane.
func (GlobalAveragePool) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	_, plane := planes(x[0].Shape)
	rows(d, len(dy.Data), plane, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			g := dy.Data[i] / float32(plane)
			dx := dx[0].Data[i*plane:][:plane]
			for j := range dx {
				dx[j] = g
			}
		}
	})
}

// globalShape is (N,C,1,…) for x (N,C,…).
func globalShape(in []tensor.Shape) (tensor.Shape, error) {
	if err := wants(in, 1, 1); err != nil {
		return nil, err
	}
	if len(in[0]) < 3 {
		return nil, fmt.Errorf("input %v wants at least 3 axes (N,C,H,…)", in[0])
	}
	y := in[0].Clone()
	for i, d := range y {
		if d < 1 {
			return nil, fmt.Errorf("input %v has an empty axis", in[0])
		}
		if i > 1 {
			y[i] = 1
		}
	}
	return y, nil
}
