package backbones

import (
	"fmt"
	"strings"

	"github.com/tlkit/tl/internal/cpu"
)

// Preprocess says how a network wants its pictures: for channel c of Order,
// (v·Scale − Mean[c]) / Std[c], with v from 0 to 255.
type Preprocess struct {
	Name      string
	Order     string // "RGB" or "BGR"
	Scale     float64
	Mean, Std [3]float64
}

// named lists the conventions that trained networks come with. The numbers are
// those of torchvision's transforms and of Keras's imagenet_utils
// ("torch", "caffe" and "tf" there too).
var named = []struct {
	Preprocess
	words string
}{
	{Preprocess{"torch", "RGB", 1.0 / 255, [3]float64{0.485, 0.456, 0.406}, [3]float64{0.229, 0.224, 0.225}}, "RGB, v/255, ImageNet mean and deviation: torchvision, timm, MXNet"},
	{Preprocess{"caffe", "BGR", 1, [3]float64{103.939, 116.779, 123.68}, [3]float64{1, 1, 1}}, "BGR, ImageNet mean: Keras VGG and ResNet"},
	{Preprocess{"tf", "RGB", 1.0 / 127.5, [3]float64{1, 1, 1}, [3]float64{1, 1, 1}}, "RGB, v/127.5 - 1: Keras ResNetV2, MobileNet"},
	{Preprocess{"rescale", "RGB", 1.0 / 255, [3]float64{}, [3]float64{1, 1, 1}}, "RGB, v/255"},
	{Preprocess{"none", "RGB", 1, [3]float64{}, [3]float64{1, 1, 1}}, "RGB, 0 to 255 as it is"},
}

// Named returns the preprocessing of that name: torch, caffe, tf, rescale or none.
func Named(name string) (Preprocess, error) {
	for _, p := range named {
		if p.Name == name {
			return p.Preprocess, nil
		}
	}
	return Preprocess{}, fmt.Errorf("no preprocessing %q: known are %s", name, preprocessNames("; "))
}

// preprocessNames lists the conventions with their meaning.
func preprocessNames(sep string) string {
	var list []string
	for _, p := range named {
		list = append(list, fmt.Sprintf("%s (%s)", p.Name, p.words))
	}
	return strings.Join(list, sep)
}

// channel returns how channel c of Order is computed, y = a·v + b, and which
// channel of an RGB picture it is.
func (p Preprocess) channel(c int) (a, b float32, rgb int) {
	rgb = c
	if p.Order == "BGR" {
		rgb = 2 - c
	}
	return float32(p.Scale / p.Std[c]), float32(-p.Mean[c] / p.Std[c]), rgb
}

// normalise is the preprocessing as the engine does it while it reads planes.
func (p Preprocess) normalise() (n cpu.Normalise) {
	for c := range 3 {
		a, b, rgb := p.channel(c)
		n.Scale, n.Shift, n.From = append(n.Scale, a), append(n.Shift, b), append(n.From, rgb)
	}
	return n
}

// applyNHWC turns n pictures into the input of a network that wants channels
// last:
//
//	dst    []float32 // (n,h,w,3)
//	pixels []float32 // (n,3,h,w) RGB, 0 … 255
func (p Preprocess) applyNHWC(dst, pixels []float32, n, h, w int) {
	plane := h * w
	for i := range n {
		for c := range 3 {
			a, b, rgb := p.channel(c)
			y, x := dst[3*i*plane+c:], pixels[(3*i+rgb)*plane:][:plane]
			for j, v := range x {
				y[3*j] = float32(a*v) + b
			}
		}
	}
}
