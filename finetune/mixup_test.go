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

// The second label is that of the item that was mixed in, and each item is
// mixed in once.
func TestMixPairs(t *testing.T) {
	const n = 7
	tr := &trainer{o: Options{Mixup: 1, Seed: 4}}
	x, labels := make([]float32, 2*n), make([]int, n) // items (n,2), of which the numbers are the label and its square
	for i := range n {
		x[2*i], x[2*i+1], labels[i] = float32(i), float32(i*i), i
	}
	m := tr.mix(x, labels, 1, 0)
	var want []float32
	seen := map[int]bool{}
	for i, k := range m.Others {
		s := float32(m.Share)
		want = append(want, s*float32(i)+(1-s)*float32(k), s*float32(i*i)+(1-s)*float32(k*k))
		seen[k] = true
	}
	testkit.Compare(t, "items", x, want, testkit.Close)
	if len(seen) != n || m.Share == 1 {
		t.Errorf("%+v: mixes %d of %d items in", m, len(seen), n)
	}
}
