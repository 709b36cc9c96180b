package op_test

import (
	"testing"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
)

// An even size, which onnxruntime refuses: the window of channel c is c and c+1.
func TestEvenLRN(t *testing.T) {
	d := device(t)
	defer d.Close()
	y := tensor.New(1, 3, 1, 1)
	op.LRN{Size: 2, Alpha: 2, Beta: 1}.Forward(d, y, tensor.Of([]float32{1, 2, 3}, 1, 3, 1, 1))
	testkit.Compare(t, "LRN", y.Data, []float32{1. / 5, 2. / 13, 3. / 9}, testkit.Close)
}
