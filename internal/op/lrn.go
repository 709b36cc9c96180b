package op

import (
	"fmt"
	"math"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// LRN is AlexNet's local response normalisation across channels:
// y = x / (Bias + Alpha/Size · Σ x²)^Beta, the sum over Size channels around
// x's own: (Size-1)/2 before it, Size/2 after.
type LRN struct {
	Size              int
	Alpha, Beta, Bias float32
}

func parseLRN(r *reader) (Op, []int) {
	return LRN{
		Size:  r.int("size", 0),
		Alpha: r.float("alpha", 1e-4), Beta: r.float("beta", 0.75), Bias: r.float("bias", 1),
	}, r.all(1)
}

// Kind is "LRN".
func (LRN) Kind() string { return "LRN" }

// Shape is x's.
func (l LRN) Shape(in ...tensor.Shape) (tensor.Shape, error) {
	if l.Size < 1 {
		return nil, fmt.Errorf("attribute size is %d, wanted at least 1", l.Size)
	}
	y, err := same(in)
	if err == nil && len(y) < 3 {
		return nil, fmt.Errorf("input %v wants at least 3 axes (N,C,H,…)", y)
	}
	return y, err
}

// Forward normalises; a task is one channel of one image.
func (l LRN) Forward(d *cpu.Device, y *tensor.Tensor, x ...*tensor.Tensor) {
	channels, plane := planes(x[0].Shape)
	forward(d, x[0].Shape[0]*channels, plane*l.Size, lrnLoop{l, channels, plane, y.Data, x[0].Data})
}

// lrnLoop runs over the channels of all images.
type lrnLoop struct {
	LRN
	channels, plane int
	y, x            []float32
}

// Run does channels lo … hi-1.
func (l lrnLoop) Run(lo, hi int) {
	for i := lo; i < hi; i++ {
		c := i % l.channels
		first, last := max(0, c-(l.Size-1)/2), min(l.channels-1, c+l.Size/2)
		image := l.x[(i-c)*l.plane:][:l.channels*l.plane]
		l.channel(l.y[i*l.plane:][:l.plane], image, c, first, last)
	}
}

// channel sets y (H,W), channel c of image (C,H,W), from channels first … last.
func (l LRN) channel(y, image []float32, c, first, last int) {
	plane := len(y)
	for p := range y {
		sum := 0.0
		for k := first; k <= last; k++ {
			v := float64(image[k*plane+p])
			sum += v * v
		}
		base := float64(l.Bias) + float64(l.Alpha)/float64(l.Size)*sum
		y[p] = float32(float64(image[c*plane+p]) / math.Pow(base, float64(l.Beta)))
	}
}
