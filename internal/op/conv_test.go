package op_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
)

// The fused convolution, packed or not, equals Conv, Add and Clip in a row, in
// results and in gradients.
func TestFusedConv(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := newFixture(t)
		d := device(t)
		defer d.Close()
		group := f.int("group", 1, 2)
		plain := op.Conv{Strides: f.pair("stride", 1, 2), Pads: f.pads([2]int{2, 2}), Group: group}
		x := []*tensor.Tensor{f.normal(2, 2*group, 6, 5), f.normal(4*group, 2, 3, 3), f.normal(4 * group)}
		conv := tensor.New(shapeOf(t, plain, x)...)
		x = append(x, f.normal(conv.Shape...))
		fused := plain
		fused.Residual, fused.Clamp, fused.Lo, fused.Hi = true, true, -0.5, float32(math.Inf(1))

		sum, want := tensor.New(conv.Shape...), tensor.New(conv.Shape...)
		clip := op.Clip{Min: fused.Lo, Max: fused.Hi}
		plain.Forward(d, conv, x[:3]...)
		op.Add{}.Forward(d, sum, conv, x[3])
		clip.Forward(d, want, sum)
		got := tensor.New(conv.Shape...)
		fused.Pack(d, nil, x[1]).Forward(d, got, x...)
		same(t, "packed", got, want)
		clear(got.Data)
		fused.Forward(d, got, x...)
		same(t, "unpacked", got, want)

		dy, dsum := f.normal(conv.Shape...), tensor.New(conv.Shape...)
		clip.Backward(d, []*tensor.Tensor{dsum}, dy, want, sum)
		dw, dx := like(x), like(x)
		plain.Backward(d, dw[:3], dsum, conv, x[:3]...)
		dw[3] = dsum
		fused.Backward(d, dx, dy, got, x...)
		for i := range dx {
			same(t, "gradient", dx[i], dw[i])
		}
	})
}

func like(x []*tensor.Tensor) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(x))
	for i := range x {
		out[i] = tensor.New(x[i].Shape...)
	}
	return out
}

func same(t *rapid.T, name string, got, want *tensor.Tensor) {
	err, worst := testkit.RelativeError(got.Data, want.Data)
	if !(err <= float64(testkit.Close)) {
		t.Errorf("%s: relative L2 error %g, at [%d] %g, want %g", name, err, worst, got.Data[worst], want.Data[worst])
	}
}
