//go:build oracle

package weights

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
)

// Every form of every seeded network passes onnx.checker and computes the same
// function in onnxruntime, and its output has a sane size.
func TestOracleSeededForms(t *testing.T) {
	for _, name := range SeededNames() {
		dir := t.TempDir()
		var files []string
		for i, opset := range []int64{7, 9, 13, 18, 22} {
			for form := range 4 {
				o := SeededOptions{Opset: opset, NHWC: form&1 > 0, FoldedBN: form&2 > 0, Batch: int64(i % 2), Width: 0.25, Size: 96, Classes: 10, Seed: 5}
				m, err := Seeded(name, o)
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, fmt.Sprintf("%d-%d.onnx", opset, form))
				if err := onnx.WriteFile(path, m); err != nil {
					t.Fatal(err)
				}
				files = append(files, path)
			}
		}
		var outputs [][]float64
		if err := json.Unmarshal(testkit.Python(t, "weights_run.py", files...), &outputs); err != nil {
			t.Fatal(err)
		}
		first := narrow(outputs[0])
		var power float64
		for _, v := range first {
			power += float64(v) * float64(v) / float64(len(first))
		}
		t.Logf("%s: root mean square of the output %.3g", name, math.Sqrt(power))
		if rms := math.Sqrt(power); !(rms > 0.05 && rms < 20) {
			t.Errorf("%s: root mean square of the output is %g", name, rms)
		}
		for i, y := range outputs[1:] {
			testkit.Compare(t, name+" "+filepath.Base(files[i+1]), narrow(y), first, testkit.Float)
		}
	}
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}
