package dataset

import (
	"fmt"
	"math"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// computed is the picture of computed() in oracle/dataset_resize.py.
func computed(w, h int) *Image {
	im := &Image{W: w, H: h, Pix: make([]uint8, 3*w*h)}
	for y := range h {
		for x := range w {
			p := im.Pix[3*(y*w+x):]
			p[0], p[1], p[2] = uint8(x*7+y*13), uint8(x*x+y), uint8(x*y)
		}
	}
	return im
}

// largest returns the largest difference and its place.
func largest(got, want []float32) (d float64, at int) {
	for i := range want {
		if e := math.Abs(float64(got[i]) - float64(want[i])); e > d || math.IsNaN(e) {
			d, at = e, i
		}
	}
	return d, at
}

// The golden arrays are onnxruntime's (Resize, opset 18, linear, half_pixel,
// antialias, exclude_outside): shrunk to 16, stretched to 64.
func TestResizeGolden(t *testing.T) {
	for _, size := range []int{16, 64} {
		want := testkit.ReadNPY(t, fmt.Sprintf("testdata/resize_%d.npy", size))
		got := make([]float32, 3*size*size)
		Resize(got, computed(37, 53), size)
		d, at := largest(got, want.Data)
		t.Logf("size %d: largest difference %.4f levels", size, d)
		if d > .02 {
			t.Errorf("size %d: [%d] is %g, want %g", size, at, got[at], want.Data[at])
		}
	}
}

// A picture of the wanted size comes out as it is, and one colour stays.
func TestResizeKeeps(t *testing.T) {
	im := computed(32, 32)
	got := make([]float32, 3*32*32)
	Resize(got, im, 32)
	for i, v := range im.Pix {
		if g := got[i%3*32*32+i/3]; g != float32(v) {
			t.Fatalf("pixel %d channel %d is %g, want %d", i/3, i%3, g, v)
		}
	}
	flat := &Image{W: 13, H: 201, Pix: make([]uint8, 3*13*201)}
	for i := range flat.Pix {
		flat.Pix[i] = 200
	}
	Resize(got, flat, 32)
	for i, g := range got {
		if math.Abs(float64(g)-200) > .004 {
			t.Fatalf("[%d] of one colour 200 is %g", i, g)
		}
	}
}

func TestResizeAllocatesLittle(t *testing.T) {
	im, dst := computed(130, 130), make([]float32, 3*128*128)
	if n := testing.AllocsPerRun(20, func() { Resize(dst, im, 128) }); n > 12 {
		t.Errorf("%g allocations a picture", n)
	}
}
