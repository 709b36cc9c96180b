package op

import (
	"fmt"
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Clip limits x to Min … Max; ReLU6 is Clip{0, 6}. y may share x's data.
type Clip struct{ Min, Max float32 }

// parseClip reads attributes before opset 11, inputs from then on.
func parseClip(r *reader) (Op, []int) {
	c := Clip{Min: attr(r, "min", float32(-math.MaxFloat32)), Max: attr(r, "max", float32(math.MaxFloat32))} // may be infinite
	if r.opset >= 11 {
		c.Min, c.Max = r.floatAt(1, "min", c.Min), r.floatAt(2, "max", c.Max)
	}
	return c, r.all(1)
}

// Kind is "Clip".
func (Clip) Kind() string { return "Clip" }

// Shape is x's.
func (c Clip) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if c.Min != c.Min || c.Max != c.Max {
		return nil, fmt.Errorf("limits are %g and %g, wanted numbers", c.Min, c.Max)
	}
	return same(in)
}

// Forward sets y = min(max(x, Min), Max).
func (c Clip) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	d.Clamp(y.Data, x[0].Data, c.Min, c.Max)
}

// Backward passes dy where Min ≤ x ≤ Max, as torch does.
func (c Clip) Backward(d *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, x ...*tensor.Tensor) {
	if dx[0] == nil {
		return
	}
	chunks(d, len(dy.Data), grain, func(lo, hi int) {
		dx, dy := dx[0].Data[lo:hi], dy.Data[lo:hi]
		for i, v := range x[0].Data[lo:hi] {
			if v < c.Min || v > c.Max {
				dx[i] = 0
			} else {
				dx[i] = dy[i]
			}
		}
	})
}
