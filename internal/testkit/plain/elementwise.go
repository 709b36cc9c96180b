package plain

import (
	"fmt"
	"math"

	"github.com/tlkit/tl/internal/op"
)

// elementwise is the function that o applies to each number.
func elementwise(o op.Op) func(v float64) float64 {
	switch o := o.(type) {
	case op.Relu:
		return func(v float64) float64 { return math.Max(v, 0) }
	case op.LeakyRelu:
		return func(v float64) float64 {
			if v < 0 {
				return float64(o.Alpha) * v
			}
			return v
		}
	case op.Clip:
		return func(v float64) float64 { return clamp(v, float64(o.Min), float64(o.Max)) }
	case op.Sigmoid:
		return func(v float64) float64 { return 1 / (1 + math.Exp(-v)) }
	case op.Elu:
		return func(v float64) float64 {
			if v < 0 {
				return float64(o.Alpha) * math.Expm1(v)
			}
			return v
		}
	case op.Exp:
		return math.Exp
	case op.Softplus:
		return func(v float64) float64 { return math.Log1p(math.Exp(v)) }
	case op.Neg:
		return func(v float64) float64 { return -v }
	case op.Sqrt:
		return math.Sqrt
	case op.Tanh:
		return math.Tanh
	case op.HardSigmoid:
		return func(v float64) float64 { return clamp(float64(o.Alpha)*v+float64(o.Beta), 0, 1) }
	case op.HardSwish:
		return func(v float64) float64 { return v * clamp(v/6+0.5, 0, 1) }
	}
	panic(fmt.Sprintf("plain: no loop for %T: write it here, its gradient test needs it", o))
}

func clamp(v, lo, hi float64) float64 { return math.Min(math.Max(v, lo), hi) }
