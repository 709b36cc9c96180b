//go:build oracle

package op_test

import (
	"testing"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/testkit"
)

// Every operator at random opsets and attributes against onnxruntime.
func TestOracleForward(t *testing.T) {
	folder := t.TempDir()
	testkit.Python(t, "op_cases.py", folder, "7", "3000")
	f := readCases(t, folder)
	t.Logf("%d cases, %d refused by onnxruntime", len(f.Cases), len(f.Refused))
	if len(f.Refused)*20 > len(f.Cases) {
		t.Errorf("onnxruntime refused %d cases, e.g. %s", len(f.Refused), f.Refused[0])
	}
	f.run(t, op.Supported)
}

// Every gradient at random attributes against torch in float64.
func TestOracleGradients(t *testing.T) {
	folder := t.TempDir()
	testkit.Python(t, "op_gradients.py", folder, "3", "1500")
	f := readCases(t, folder)
	t.Logf("%d cases, %d refused by torch", len(f.Cases), len(f.Refused))
	var kinds []string
	for _, o := range differentiable {
		kinds = append(kinds, o.Kind())
	}
	f.run(t, kinds)
}

// differentiable is what can be trained through, as the issue lists it.
var differentiable = []op.Differentiable{
	op.Conv{}, op.Gemm{}, op.MatMul{}, op.Relu{}, op.LeakyRelu{}, op.Clip{}, op.Sigmoid{}, op.Tanh{}, op.HardSigmoid{},
	op.Add{}, op.Sub{}, op.Mul{}, op.MaxPool{}, op.AveragePool{}, op.GlobalAveragePool{}, op.BatchNorm{}, op.Flatten{},
	op.Reshape{}, op.Transpose{}, op.Concat{}, op.Pad{}, op.Softmax{}, op.ReduceMean{},
	op.Elu{}, op.Exp{}, op.Neg{}, op.Softplus{}, op.PRelu{},
}
