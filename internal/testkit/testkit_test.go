package testkit

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/internal/tensor"
)

func TestNPYRoundTrip(t *testing.T) {
	for _, shape := range []tensor.Shape{{}, {3}, {2, 1, 4}} {
		x := tensor.New(shape...)
		for i := range x.Data {
			x.Data[i] = float32(i) - 1.5
		}
		path := filepath.Join(t.TempDir(), "x.npy")
		WriteNPY(t, path, x)
		y := ReadNPY(t, path)
		if !y.Shape.Equal(x.Shape) {
			t.Errorf("shape %v, want %v", y.Shape, x.Shape)
		}
		Compare(t, "npy", y.Data, x.Data, Exact)
	}
}

func TestRelativeError(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		got, want []float32
		err       float64
	}{
		{[]float32{1, 2}, []float32{1, 2}, 0},
		{[]float32{3, 5}, []float32{3, 4}, 0.2},
		{[]float32{nan}, []float32{nan}, 0},
		{[]float32{1}, []float32{0}, math.Inf(1)},
	} {
		if err, _ := RelativeError(c.got, c.want); math.Abs(err-c.err) > 1e-12 {
			t.Errorf("RelativeError(%v, %v) = %g, want %g", c.got, c.want, err, c.err)
		}
	}
	if err, _ := RelativeError([]float32{nan}, []float32{1}); !math.IsNaN(err) {
		t.Errorf("a lone NaN gives %g, want NaN", err)
	}
}
