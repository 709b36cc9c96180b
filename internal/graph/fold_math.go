package graph

import (
	"fmt"
	"math"

	"github.com/tlkit/tl/onnx"
)

// arithmetic is Add, Sub, Mul and Div with broadcasting, on integers or floats.
func arithmetic(n *onnx.Node, in []*constant) (*constant, error) {
	if len(in) != 2 || in[1] == nil {
		return nil, fmt.Errorf("wants two inputs, has %d", len(in))
	}
	a, b := in[0], in[1]
	if a.isInt != b.isInt {
		return nil, fmt.Errorf("mixes integers and floats")
	}
	shape, ia, ib, err := broadcast(a.shape, b.shape)
	if err != nil {
		return nil, err
	}
	a, b = a.take(shape, ia), b.take(shape, ib)
	for i := range a.ints {
		if n.Op == "Div" && b.ints[i] == 0 {
			return nil, fmt.Errorf("divides the integer %d by zero", a.ints[i])
		}
		a.ints[i] = calculate(n.Op, a.ints[i], b.ints[i])
	}
	for i := range a.floats {
		a.floats[i] = calculate(n.Op, a.floats[i], b.floats[i])
	}
	return a, nil
}

// calculate is one element of arithmetic.
func calculate[T int64 | float32](kind string, a, b T) T {
	switch kind {
	case "Add":
		return a + b
	case "Sub":
		return a - b
	case "Mul":
		return a * b
	default:
		return a / b
	}
}

// broadcast lines shapes a and b up at their last axes and returns the common
// shape and, for each of its elements, the element of a and of b.
func broadcast(a, b []int64) (shape []int64, ia, ib []int, err error) {
	rank, size := max(len(a), len(b)), int64(1)
	shape = make([]int64, rank)
	dim := func(s []int64, i int) int64 {
		if j := i - rank + len(s); j >= 0 {
			return s[j]
		}
		return 1
	}
	for i := range shape {
		da, db := dim(a, i), dim(b, i)
		if da != db && da != 1 && db != 1 {
			return nil, nil, nil, fmt.Errorf("shapes %v and %v do not fit together", a, b)
		}
		if shape[i] = max(da, db); da == 0 || db == 0 {
			shape[i] = 0
		}
		if size *= shape[i]; size > maxShapeMath {
			return nil, nil, nil, fmt.Errorf("shapes %v and %v make more than %d numbers", a, b, maxShapeMath)
		}
	}
	for e := range size {
		pa, pb, sa, sb, rest := int64(0), int64(0), int64(1), int64(1), e
		for i := rank - 1; i >= 0; i-- {
			at, da, db := rest%shape[i], dim(a, i), dim(b, i)
			rest /= shape[i]
			if da > 1 {
				pa += at * sa
			}
			if db > 1 {
				pb += at * sb
			}
			sa, sb = sa*da, sb*db
		}
		ia, ib = append(ia, int(pa)), append(ib, int(pb))
	}
	return shape, ia, ib, nil
}

// foldCast converts between integers and floats; floats are cut towards zero.
func foldCast(n *onnx.Node, in []*constant) (*constant, error) {
	c := &constant{shape: in[0].shape}
	switch to := onnx.DataType(n.Int("to", 0)); to {
	case onnx.Float, onnx.Double, onnx.Float16, onnx.BFloat16:
		c.floats = append([]float32{}, in[0].floats...)
		for _, v := range in[0].ints {
			c.floats = append(c.floats, float32(v))
		}
	case onnx.Int64, onnx.Int32, onnx.Int8, onnx.Uint8, onnx.Bool:
		c.isInt = true
		c.ints = append([]int64{}, in[0].ints...)
		for _, v := range in[0].floats {
			if math.IsNaN(float64(v)) || math.Abs(float64(v)) > 1<<62 {
				return nil, fmt.Errorf("%v is no integer", v)
			}
			c.ints = append(c.ints, int64(v))
		}
		if to == onnx.Bool {
			for i, v := range c.ints {
				c.ints[i] = min(1, max(v, -v))
			}
		}
	default:
		return nil, fmt.Errorf("cast to %v is not supported", to)
	}
	return c, nil
}

// foldRound applies f to floats; integers are round already.
func foldRound(f func(float64) float64) folder {
	return func(_ *onnx.Node, in []*constant) (*constant, error) {
		c := *in[0]
		c.floats = nil
		for _, v := range in[0].floats {
			c.floats = append(c.floats, float32(f(float64(v))))
		}
		return &c, nil
	}
}
