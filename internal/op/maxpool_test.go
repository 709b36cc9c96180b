package op_test

import (
	"testing"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// Output sizes as torch gives them: rounded up, a window may be larger than the image but
// must not start behind it, as in onnxruntime.
func TestMaxPoolShape(t *testing.T) {
	for _, c := range []struct {
		p    op.MaxPool
		h, w int
		want tensor.Shape
	}{
		{op.MaxPool{Kernel: [2]int{3, 3}, Strides: [2]int{2, 2}}, 224, 13, tensor.Shape{1, 1, 111, 6}},
		{op.MaxPool{Kernel: [2]int{3, 3}, Strides: [2]int{2, 2}, Ceil: true}, 112, 13, tensor.Shape{1, 1, 56, 6}},
		{op.MaxPool{Kernel: [2]int{2, 3}, Strides: [2]int{2, 3}, Dilations: [2]int{2, 2}, Ceil: true}, 4, 4, tensor.Shape{1, 1, 2, 1}},
		{op.MaxPool{Kernel: [2]int{2, 2}, Strides: [2]int{3, 3}, Pads: [4]int{1, 1, 1, 1}, Ceil: true}, 5, 4, tensor.Shape{1, 1, 2, 2}},
		{op.MaxPool{Kernel: [2]int{3, 2}, Strides: [2]int{2, 3}, AutoPad: "SAME_UPPER"}, 5, 7, tensor.Shape{1, 1, 3, 3}},
	} {
		y, err := c.p.Shape(tensor.Shape{1, 1, c.h, c.w})
		if err != nil || !y.Equal(c.want) {
			t.Errorf("%+v of %d×%d: %v %v, want %v", c.p, c.h, c.w, y, err, c.want)
		}
	}
}
