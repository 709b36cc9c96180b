package op_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// Gradients of the operators that are smooth, or have one kink at 0, by
// differences; a root is taken of positive numbers only.
func TestSmoothGradient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFixture(t)
		x := f.apart(f.shape(1, 3)...)
		f.check(op.Neg{}, []*tensor.Tensor{x})
		f.check(op.Softplus{}, []*tensor.Tensor{x})
		f.check(op.Elu{Alpha: 0.7}, []*tensor.Tensor{x})
		positive, small := f.normal(x.Shape...), f.normal(x.Shape...)
		for i, v := range positive.Data {
			positive.Data[i], small.Data[i] = float32(math.Abs(float64(v)))+0.5, max(-1, min(1, small.Data[i]))
		}
		f.check(op.Sqrt{}, []*tensor.Tensor{positive})
		f.check(op.Exp{}, []*tensor.Tensor{small})
	})
}

// PRelu's slope may be one number, one a channel or one an element.
func TestPReluGradient(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFixture(t)
		x := f.apart(f.shape(3, 3)...)
		for _, slope := range [][]int{{1}, {x.Shape[1], 1}, x.Shape} {
			f.check(op.PRelu{}, []*tensor.Tensor{x, f.normal(slope...)})
		}
	})
	if s, err := (op.PRelu{}).Shape(tensor.Shape{2, 1}, tensor.Shape{2, 3}); err == nil {
		t.Errorf("a slope larger than the input is taken: %v", s)
	}
}
