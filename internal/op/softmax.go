package op

import (
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Softmax is exp(x) / Σ exp(x) along Axis or, with Flat (opset < 13), over
// Axis and all axes after it together.
type Softmax struct {
	Axis int
	Flat bool
}

func parseSoftmax(r *reader) (Op, []int) {
	axis, flat := r.softmaxAxis()
	return Softmax{axis, flat}, r.all(1)
}

// softmaxAxis reads axis with the default and the meaning of the opset.
func (r *reader) softmaxAxis() (axis int, flat bool) {
	if r.opset < 13 {
		return r.int("axis", 1), true
	}
	return r.int("axis", -1), false
}

// Kind is "Softmax".
func (Softmax) Kind() string { return "Softmax" }

// Shape is x's.
func (s Softmax) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	return softmaxShape(in, s.Axis, s.Flat)
}

// Forward subtracts the maximum first and sums in float64.
func (s Softmax) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	s.normalise(d, y, x[0], softmaxLine)
}

func softmaxLine(y, x []float32, at, n, step int) {
	top, sum := logSum(x, at, n, step)
	for i := at; i < at+n*step; i += step {
		y[i] = float32(math.Exp(float64(x[i])-top) / sum)
	}
}

// Backward is y·(dy - Σ dy·y).
func (s Softmax) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, y *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	s.lines(d, x[0].Shape, func(at, n, step int) {
		dot := 0.0
		for i := at; i < at+n*step; i += step {
			dot += float64(dy.Data[i]) * float64(y.Data[i])
		}
		for i := at; i < at+n*step; i += step {
			dx[0].Data[i] = float32(float64(y.Data[i]) * (float64(dy.Data[i]) - dot))
		}
	})
}

// normalise calls f for each line that is normalised: n elements from at, step apart.
func (s Softmax) normalise(d *cpu.Device, y, x *tensor.Tensor, f func(y, x []float32, at, n, step int)) {
	count, n, step := s.split(x.Shape)
	forward(d, count, n, softmaxLoop{n, step, y.Data, x.Data, f})
}

// softmaxLoop runs over lines of n elements, step apart.
type softmaxLoop struct {
	n, step int
	y, x    []float32
	f       func(y, x []float32, at, n, step int)
}

// Run does lines lo … hi-1.
func (l softmaxLoop) Run(lo, hi int) {
	for i := lo; i < hi; i++ {
		l.f(l.y, l.x, i/l.step*l.step*l.n+i%l.step, l.n, l.step)
	}
}

// lines calls f for each line that is normalised: n elements from at, step apart.
func (s Softmax) lines(d *cpu.Device, x tensor.Shape, f func(at, n, step int)) {
	count, n, step := s.split(x)
	rows(d, count, n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			f(i/step*step*n+i%step, n, step)
		}
	})
}

// split returns how many lines x has, the elements of each, and how far these
// lie apart.
func (s Softmax) split(x tensor.Shape) (count, n, step int) {
	axis, n, step := s.Axis, 1, 1
	if axis < 0 {
		axis += len(x)
	}
	switch {
	case len(x) == 0:
	case s.Flat:
		n = x[axis:].Size()
	default:
		n, step = x[axis], x[axis+1:].Size()
	}
	if n == 0 {
		return 0, 0, step
	}
	return x.Size() / n, n, step
}

// logSum returns the maximum of a line and Σ exp(x - maximum).
func logSum(x []float32, at, n, step int) (top, sum float64) {
	top = math.Inf(-1)
	for i := at; i < at+n*step; i += step {
		top = max(top, float64(x[i]))
	}
	for i := at; i < at+n*step; i += step {
		sum += math.Exp(float64(x[i]) - top)
	}
	return top, sum
}

// softmaxShape is x's shape if axis is one of its axes.
func softmaxShape(in []tensor.Shape, axis int, flat bool) (tensor.Shape, error) {
	y, err := same(in)
	if err != nil || flat && axis == len(y) {
		return y, err
	}
	_, err = axisOf(axis, max(1, len(y)))
	return y, err
}
