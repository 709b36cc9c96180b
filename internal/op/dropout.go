package op

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// Dropout at inference, as a file has it, is y = x. Training has its own in
// internal/autodiff.
type Dropout struct{}

// parseDropout refuses a node that is told to drop (training_mode, input 2 from opset 12).
func parseDropout(r *reader) (Op, []int) {
	if r.opset >= 12 && r.floatAt(2, "training_mode", 0) != 0 {
		r.fail("training_mode is true, wanted a network in evaluation mode")
	}
	return Dropout{}, r.all(1)
}

// Kind is "Dropout".
func (Dropout) Kind() string { return "Dropout" }

// Shape is x's.
func (Dropout) Shape(in ...tensor.Shape) (tensor.Shape, error) { return same(in) }

// Forward copies.
func (Dropout) Forward(_ *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	copyData(y, x[0])
}

// Backward copies.
func (Dropout) Backward(_ *cpu.Device, dx []*tensor.Tensor, dy, _ *tensor.Tensor, _ ...*tensor.Tensor) {
	copyData(dx[0], dy)
}
