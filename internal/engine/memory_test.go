package engine

import (
	"errors"
	"testing"

	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
)

// Where no limit is given, what the machine has is the limit: Go would end the
// process that asks for more.
func TestMachineIsTheLimit(t *testing.T) {
	g := &graph.Graph{Name: "big.onnx", Inputs: []*graph.Value{{Name: "x", Shape: tensor.Shape{1, 3, 8, 8}}}}
	has := machineMemory()
	if has <= 0 {
		t.Fatal("this machine does not tell its memory")
	}
	if err := fits(g, 0, has); err != nil {
		t.Error(err)
	}
	if err := fits(g, 0, has+1); !errors.Is(err, ErrMemory) {
		t.Errorf("error %v, wanted ErrMemory", err)
	}
}
