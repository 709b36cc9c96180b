package op_test

import (
	"testing"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
)

// Rounded up, the last windows of a row reach one column beyond what padding
// there is: that column never counts. Numbers of onnxruntime at opset 19.
func TestAveragePoolBeyondPadding(t *testing.T) {
	d := device(t)
	defer d.Close()
	x := tensor.New(1, 1, 5, 5)
	for i := range x.Data {
		x.Data[i] = float32(i + 1)
	}
	p := op.AveragePool{Kernel: [2]int{3, 3}, Strides: [2]int{2, 2}, Pads: [4]int{1, 1, 1, 0}, Ceil: true}
	for _, c := range []struct {
		countPad bool
		want     []float32
	}{
		{false, []float32{4, 5.5, 7, 11.5, 13, 14.5, 19, 20.5, 22}},
		{true, []float32{1.777778, 3.666667, 4.666667, 7.666667, 13, 14.5, 8.444445, 13.66667, 14.66667}},
	} {
		p.CountPad = c.countPad
		y := tensor.New(shapeOf(t, p, []*tensor.Tensor{x})...)
		p.Forward(d, y, x)
		testkit.Compare(t, "average", y.Data, c.want, testkit.Close)
	}
}
