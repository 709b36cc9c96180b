package autodiff

import (
	"fmt"

	"github.com/chewxy/hm"
	"github.com/tlkit/tl/internal/tensor"
	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"
)

// buffer is an array of ours that Gorgonia sees as one of its values. It takes
// memory from ready on: a graph that is never run costs none.
type buffer struct {
	t      *tensor.Tensor
	dense  *gt.Dense    // nil for a scalar
	scalar gorgonia.F32 // Gorgonia has its own type for scalars
}

func newBuffer(shape tensor.Shape) *buffer {
	return &buffer{t: &tensor.Tensor{Shape: shape.Clone()}}
}

// ready allocates the numbers if that has not been done.
func (b *buffer) ready() {
	if b.t.Data != nil {
		return
	}
	b.t.Data = make([]float32, b.t.Shape.Size())
	if len(b.t.Shape) > 0 {
		b.dense = dense(b.t)
	}
}

// value returns the buffer as Gorgonia's value, without copying.
func (b *buffer) value() gorgonia.Value {
	if b.dense != nil {
		return b.dense
	}
	b.scalar = gorgonia.F32(b.t.Data[0])
	return &b.scalar
}

// dense wraps t without copying.
func dense(t *tensor.Tensor) *gt.Dense {
	return gt.New(gt.WithShape(t.Shape...), gt.WithBacking(t.Data))
}

// typeOf is Gorgonia's type of a float32 array of this shape.
func typeOf(s tensor.Shape) hm.Type {
	if len(s) == 0 {
		return gt.Float32
	}
	return gorgonia.TensorType{Dims: len(s), Of: gt.Float32}
}

// view sets dst[slot[i]].Data to the numbers of v[i].
func view(dst []*tensor.Tensor, slot []int, v []gorgonia.Value) error {
	for i, x := range v {
		t := dst[slot[i]]
		switch x := x.(type) {
		case *gt.Dense:
			t.Data = x.Float32s()
		case *gorgonia.F32:
			t.Data = []float32{float32(*x)}
		default:
			return fmt.Errorf("input %d is a %T, want a float32 array", slot[i], x)
		}
		if len(t.Data) != t.Shape.Size() {
			return fmt.Errorf("input %d has %d numbers, want shape %v", slot[i], len(t.Data), t.Shape)
		}
	}
	return nil
}
