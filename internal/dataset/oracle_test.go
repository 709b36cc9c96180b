//go:build oracle

package dataset

import (
	"encoding/binary"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// TestResizeOracle resizes real cells and photographs' sizes as Pillow
// (whole levels: within 1) and as onnxruntime (float: within .02) do.
func TestOracleResize(t *testing.T) {
	var files []string
	for _, class := range []string{"Parasitized", "Uninfected"} {
		all, err := filepath.Glob(filepath.Join(testkit.Data(t, "cells"), class, "*.png"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			files = append(files, all[i*len(all)/20])
		}
	}
	for _, size := range []int{64, 100, 128, 224} {
		for peer, limit := range map[string]float64{"pillow": 1, "ort": .02} {
			raw := testkit.Python(t, "dataset_resize.py", append([]string{peer, fmt.Sprint(size)}, files...)...)
			n := 3 * size * size
			if len(raw) != 4*n*len(files) {
				t.Fatalf("%s: %d bytes", peer, len(raw))
			}
			worst := 0.0
			got, want := make([]float32, n), make([]float32, n)
			for k, f := range files {
				im, err := Decode(f, Limits{})
				if err != nil {
					t.Fatal(err)
				}
				Resize(got, im, size)
				for i := range want {
					want[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*(k*n+i):]))
				}
				d, at := largest(got, want)
				worst = max(worst, d)
				if d > limit {
					t.Errorf("%s at %d: %s [%d] is %g, want %g", peer, size, f, at, got[at], want[at])
				}
			}
			t.Logf("%s at %d: %d cells, largest difference %.4f levels", peer, size, len(files), worst)
		}
	}
}
