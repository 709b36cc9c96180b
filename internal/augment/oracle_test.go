//go:build oracle

package augment

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// TestOracleTransforms compares each transform with numpy, torchvision's
// formulas in torch, scipy and Pillow on one random image of whole levels.
func TestOracleTransforms(t *testing.T) {
	const size = 33
	src := random(Random(7, "", 0), size)
	raw := make([]byte, 0, 4*len(src))
	for i := range src {
		src[i] = float32(int(src[i]))
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(src[i]))
	}
	file := filepath.Join(t.TempDir(), "image.f32")
	if err := os.WriteFile(file, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	between := make([]float32, len(src))
	type transform struct {
		limit float64 // levels
		do    func(x []float32)
	}
	cases := map[string]transform{
		"brightness 1.3": {1e-4, func(x []float32) { brighten(x, 1.3) }}, "brightness .6": {1e-4, func(x []float32) { brighten(x, .6) }},
		"contrast 1.4": {1e-3, func(x []float32) { contrast(x, 1.4) }}, "contrast .5": {1e-3, func(x []float32) { contrast(x, .5) }},
		"saturation 1.5": {1e-3, func(x []float32) { saturate(x, 1.5) }}, "saturation .2": {1e-3, func(x []float32) { saturate(x, .2) }},
		"blur .5": {1e-3, func(x []float32) { blur(x, between, size, .5) }}, "blur 2.5": {1e-3, func(x []float32) { blur(x, between, size, 2.5) }},
		"pillow-brightness 1.3": {1, func(x []float32) { brighten(x, 1.3) }},   // Pillow's levels are whole
		"pillow-contrast 1.4":   {1.5, func(x []float32) { contrast(x, 1.4) }}, // its mean, too
		"pillow-saturation 1.5": {1.5, func(x []float32) { saturate(x, 1.5) }}, // its grey, too
		"place 3.25 -1.5 1.2": {1e-2, func(x []float32) { // torch's grid is in float32
			copy(between, x)
			place(x, between, size, 3.25, -1.5, 1.2)
		}},
		"place -2 4.1 .8": {1e-2, func(x []float32) {
			copy(between, x)
			place(x, between, size, -2, 4.1, .8)
		}},
		"stain .1 -.05 .2 .03 -.04 .05": {.002, func(x []float32) { restain(x, stain{[3]float64{.1, -.05, .2}, [3]float64{.03, -.04, .05}}) }},
	}
	for _, flip := range []bool{false, true} {
		for turns := range 4 {
			f := map[bool]int{true: 1}[flip]
			cases[fmt.Sprintf("turn %d %d", f, turns)] = transform{0, func(x []float32) {
				copy(between, x)
				turn(x, between, size, flip, turns)
			}}
		}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			want := testkit.Python(t, "augment_transforms.py", file, fmt.Sprint(size), name)
			got := append([]float32(nil), src...)
			c.do(got)
			worst := 0.0
			for i, v := range got {
				w := math.Float32frombits(binary.LittleEndian.Uint32(want[4*i:]))
				worst = max(worst, math.Abs(float64(v-w)))
			}
			t.Logf("largest difference %.2g levels", worst)
			if worst > c.limit {
				t.Errorf("differs by %g levels, at most %g is wanted", worst, c.limit)
			}
		})
	}
}
