package op

import (
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// LogSoftmax is the logarithm of Softmax, with the same fields.
type LogSoftmax struct {
	Axis int
	Flat bool
}

func parseLogSoftmax(r *reader) (Op, []int) {
	axis, flat := r.softmaxAxis()
	return LogSoftmax{axis, flat}, r.all(1)
}

// Kind is "LogSoftmax".
func (LogSoftmax) Kind() string { return "LogSoftmax" }

// Shape is x's.
func (s LogSoftmax) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	return softmaxShape(in, s.Axis, s.Flat)
}

// Forward is x - log Σ exp(x).
func (s LogSoftmax) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	Softmax(s).normalise(d, y, x[0], logSoftmaxLine)
}

func logSoftmaxLine(y, x []float32, at, n, step int) {
	top, sum := logSum(x, at, n, step)
	top += math.Log(sum)
	for i := at; i < at+n*step; i += step {
		y[i] = float32(float64(x[i]) - top)
	}
}

// Backward is dy - exp(y)·Σ dy.
func (s LogSoftmax) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	Softmax(s).lines(d, x[0].Shape, func(at, n, step int) {
		sum := 0.0
		for i := at; i < at+n*step; i += step {
			sum += float64(dy.Data[i])
		}
		for i := at; i < at+n*step; i += step {
			dx[0].Data[i] = float32(float64(dy.Data[i]) - math.Exp(float64(y.Data[i]))*sum)
		}
	})
}
