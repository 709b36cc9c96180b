package finetune

import (
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// Shares are from 0 to 1 for every α, however small, and mixing keeps sums.
func TestMixShares(t *testing.T) {
	for _, alpha := range []float64{1e-6, 1e-3, 0.2, 1, 100} {
		tr := &trainer{o: Options{Mixup: alpha, Seed: 3}}
		mixed := 0
		for lo := range 300 {
			x := []float32{1, 10, 2, 20, 3, 30}
			m := tr.mix(x, []int{0, 1, 0}, 1, lo)
			if !(m.Share >= 0 && m.Share <= 1) || len(m.Others) != 3 {
				t.Fatalf("α %g: %+v", alpha, m)
			}
			testkit.Compare(t, "sums", []float32{x[0] + x[2] + x[4], x[1] + x[3] + x[5]}, []float32{6, 60}, testkit.Close)
			if m.Share < 1 {
				mixed++
			}
		}
		if mixed == 0 {
			t.Errorf("α %g mixes nothing", alpha)
		}
	}
}
