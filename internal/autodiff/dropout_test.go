package autodiff

import (
	"math"
	"testing"

	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
)

// masked returns o's output for an array of ones.
func masked(t *testing.T, o *Dropout, threads, n int) []float32 {
	t.Helper()
	x, y := tensor.New(n), tensor.New(n)
	for i := range x.Data {
		x.Data[i] = 1
	}
	o.Forward(newDevice(t, threads), y, x)
	return y.Data
}

func TestDropoutMask(t *testing.T) {
	const n = 200_001
	step := uint64(0)
	for _, p := range []float64{0, 0.2, 0.5, 0.9} {
		y := masked(t, &Dropout{P: p, Seed: 1, Step: &step}, 2, n)
		kept, pairs := 0, 0
		for i, v := range y {
			if v == 0 {
				continue
			}
			if want := float32(1 / (1 - p)); v != want {
				t.Fatalf("p %g: a kept number is %g, want %g", p, v, want)
			}
			kept++
			if i > 0 && y[i-1] != 0 {
				pairs++
			}
		}
		q := 1 - p
		if sigma := math.Sqrt(n * p * q); math.Abs(float64(kept)-n*q) > 5*sigma+1 {
			t.Errorf("p %g: %d of %d kept, want %g ± %g", p, kept, n, n*q, sigma)
		}
		if got := float64(pairs) / n; math.Abs(got-q*q) > 0.01 {
			t.Errorf("p %g: neighbours are both kept with probability %g, want %g", p, got, q*q)
		}
	}
}

func TestDropoutDependsOnSeedAndStepOnly(t *testing.T) {
	const n = 100_000
	step := uint64(4)
	o := &Dropout{P: 0.3, Seed: 9, Step: &step}
	want := masked(t, o, 1, n)
	testkit.Compare(t, "two threads", masked(t, o, 2, n), want, testkit.Exact)
	differ := func(name string, got []float32) {
		same := 0
		for i := range got {
			if got[i] == want[i] {
				same++
			}
		}
		if share := float64(same) / n; math.Abs(share-0.58) > 0.01 { // 0.7² + 0.3²
			t.Errorf("%s: %g of the mask is the same, want 0.58 as by chance", name, share)
		}
	}
	differ("another seed", masked(t, &Dropout{P: 0.3, Seed: 9 + 1<<32, Step: &step}, 1, n))
	step++
	differ("the next step", masked(t, o, 1, n))
	step--
	testkit.Compare(t, "the step again", masked(t, o, 1, n), want, testkit.Exact)
}

// The mask of a part of the batch is the whole batch's, at odd places too.
func TestDropoutOfAPart(t *testing.T) {
	const rows, size, from = 5, chunk/2 + 3, 3 // the part begins at an odd place and ends in a second chunk
	step, row := uint64(2), 0
	o := &Dropout{P: 0.4, Seed: 7, Step: &step, Row: &row}
	x := normal(1, rows, size)
	want, got := tensor.New(rows, size), tensor.New(rows-from, size)
	o.Forward(newDevice(t, 1), want, x)
	row = from
	part := tensor.Of(x.Data[from*size:], rows-from, size)
	for threads := 1; threads < 3; threads++ {
		o.Forward(newDevice(t, threads), got, part)
		testkit.Compare(t, "a part", got.Data, want.Data[from*size:], testkit.Exact)
	}
	o.Backward(newDevice(t, 1), []*tensor.Tensor{got}, part, nil, part)
	testkit.Compare(t, "a part's gradient", got.Data, want.Data[from*size:], testkit.Exact)
}
