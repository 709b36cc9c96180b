package op_test

import (
	"testing"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// A slope may be repeated, the input may not.
func TestPReluSlope(t *testing.T) {
	if s, err := (op.PRelu{}).Shape(tensor.Shape{2, 1}, tensor.Shape{2, 3}); err == nil {
		t.Errorf("a slope larger than the input is taken: %v", s)
	}
}
