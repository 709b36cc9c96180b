package backbones

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

// detect returns the preprocessing that a file was made for and how that is
// known: by its digest, by its own metadata, by what its first nodes do, or by
// its exporter together with its structure. ok is false when nothing tells.
func (b *Backbone) detect(e weights.Entry) (p Preprocess, why string, ok bool) {
	if e.Preprocess != "" {
		p, err := Named(e.Preprocess)
		return p, fmt.Sprintf("the catalogue knows this file by its SHA-256 as %s", e.Name), err == nil
	}
	if name := b.m.Metadata["tl.preprocess"]; name != "" {
		p, err := Named(name)
		return p, "the file's metadata says so", err == nil
	}
	if steps, found := b.ownScaling(); found {
		return wanted(steps)
	}
	return byExporter(b)
}

// wanted returns the preprocessing that is left to do before a network that
// scales its input itself: y = a·v + b, one pair a channel. A network sees
// numbers between about −3 and 3, or −128 and 152 where only a mean is taken off.
func wanted(steps affine) (p Preprocess, why string, ok bool) {
	lo, hi := steps.rangeOf(255)
	words := fmt.Sprintf("the network scales its input itself: 0…255 becomes %.3g…%.3g", lo, hi)
	near := func(x, want float64) bool { return math.Abs(x-want) < 0.2*max(1, math.Abs(want)) }
	switch {
	case near(lo, -2.1) && near(hi, 2.6), near(lo, -1) && near(hi, 1), near(lo, 0) && near(hi, 1), near(lo, -124) && near(hi, 151):
		p, err := Named("none")
		return p, words, err == nil
	}
	lo, hi = steps.rangeOf(1)
	if near(lo, -2.1) && near(hi, 2.6) || near(lo, -1) && near(hi, 1) {
		p, err := Named("rescale")
		return p, fmt.Sprintf("the network scales its input itself: 0…1 becomes %.3g…%.3g", lo, hi), err == nil
	}
	return Preprocess{}, words, false
}

// affine is y = a·x + b for each of up to three channels.
type affine struct{ a, b [3]float64 }

// rangeOf returns the smallest and largest y for x from 0 to top.
func (f affine) rangeOf(top float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for c := range 3 {
		lo = min(lo, f.b[c], f.a[c]*top+f.b[c])
		hi = max(hi, f.b[c], f.a[c]*top+f.b[c])
	}
	return lo, hi
}

// ownScaling finds additions and multiplications with constants between the
// input and the first convolution.
func (b *Backbone) ownScaling() (f affine, found bool) {
	f = affine{a: [3]float64{1, 1, 1}}
	net := newNetwork(b.body)
	v := b.body.Inputs[0]
	for len(net.users[v]) == 1 {
		p := net.users[v][0]
		switch k := p.Op.Kind(); k {
		case "Transpose", "Identity", "Pad", "Dropout":
		case "Add", "Sub", "Mul", "Div":
			if !f.apply(k, p, v) {
				return f, found
			}
			found = true
		default:
			return f, found
		}
		v = p.Out
	}
	return f, found
}

// apply adds one arithmetic node to f. It returns false when its other input
// is no constant with one or three numbers.
func (f *affine) apply(kind string, p *graph.Node, v *graph.Value) bool {
	if len(p.In) != 2 {
		return false
	}
	other := p.In[0]
	if other == v {
		other = p.In[1]
	} else if kind == "Sub" || kind == "Div" {
		return false // a constant minus the picture
	}
	if other == nil || other.Const == nil || len(other.Const.Data) != 1 && len(other.Const.Data) != 3 {
		return false
	}
	for c := range 3 {
		k := float64(other.Const.Data[c%len(other.Const.Data)])
		switch kind {
		case "Add":
			f.b[c] += k
		case "Sub":
			f.b[c] -= k
		case "Mul":
			f.a[c], f.b[c] = f.a[c]*k, f.b[c]*k
		case "Div":
			f.a[c], f.b[c] = f.a[c]/k, f.b[c]/k
		}
	}
	return true
}

// byExporter goes by who wrote the file. PyTorch's ImageNet networks of these
// structures, torchvision's as timm's, share one convention; Keras names its
// layers, and its VGG and ResNet share another.
func byExporter(b *Backbone) (p Preprocess, why string, ok bool) {
	if b.card.Untrained != "" {
		return Preprocess{}, "the network looks untrained", false
	}
	name := ""
	switch classes := outputs(b.m); {
	case b.m.Producer == "pytorch" && classes == 1000 && b.card.Layout == "NCHW" && b.classic():
		name = "torch"
		why = fmt.Sprintf("exported by pytorch %s: a trained network with 1000 classes and the structure of a ResNet or VGG, which torchvision and timm train with these numbers", b.m.ProducerVersion)
	case strings.HasPrefix(b.m.Producer, "tf2onnx") && hasLayer(b.m, "block5_conv3") && hasLayer(b.m, "block1_conv1"):
		name, why = "caffe", "exported by tf2onnx with the layer names of Keras's VGG"
	case strings.HasPrefix(b.m.Producer, "tf2onnx") && hasLayer(b.m, "conv2_block1_preact"):
		name, why = "tf", "exported by tf2onnx with the layer names of Keras's ResNetV2"
	case strings.HasPrefix(b.m.Producer, "tf2onnx") && hasLayer(b.m, "conv2_block1_1_conv") && hasLayer(b.m, "conv1_conv"):
		name, why = "caffe", "exported by tf2onnx with the layer names of Keras's ResNet"
	default:
		return Preprocess{}, "neither its digest nor its metadata, exporter or first nodes tell", false
	}
	p, err := Named(name)
	return p, why, err == nil
}

// outputs returns the number of classes that the file declares, 0 if unknown.
func outputs(m *onnx.Model) int64 {
	if len(m.Outputs) == 0 || len(m.Outputs[0].Shape) < 2 {
		return 0
	}
	return m.Outputs[0].Shape[1].Size
}

// hasLayer reports whether a node's name has a part that begins with layer.
func hasLayer(m *onnx.Model, layer string) bool {
	return slices.ContainsFunc(m.Nodes, func(n onnx.Node) bool { return strings.Contains("/"+n.Name, "/"+layer) })
}

// classic reports whether the network is a ResNet or a VGG: residual stages
// behind a ReLU, or five max poolings and nothing but convolutions between.
func (b *Backbone) classic() bool {
	net := newNetwork(b.body)
	for _, n := range b.body.Nodes {
		if !slices.Contains([]string{"Conv", "BatchNormalization", "Relu", "MaxPool", "Add", "Identity", "Dropout"}, n.Op.Kind()) {
			return false
		}
		if c := n.In; n.Op.Kind() == "Conv" && c[1].Shape[1] != c[0].Shape[1] {
			return false // groups: a later family, with conventions of its own
		}
	}
	return len(net.joins()) >= 8 || len(net.pools()) == 5
}

// base returns a file's name without folder and extension.
func base(path string) string { return strings.TrimSuffix(filepath.Base(path), ".onnx") }
