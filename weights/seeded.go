package weights

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tlkit/tl/onnx"
)

// SeededOptions chooses the form of a seeded network. Its zero value is the
// form that torch exports: operator set 13, NCHW, batch norm kept, dynamic batch.
type SeededOptions struct {
	Seed     uint64
	Opset    int64   // 7 to 22; 0 means 13
	NHWC     bool    // in the manner of tf2onnx: input (N,S,S,3), Transpose, Pad nodes, MatMul and Add
	FoldedBN bool    // batch norm folded into the convolution before it
	Batch    int64   // 0 is a dynamic batch
	Size     int     // pixels a side; 0 means 224, 64 for tiny
	Classes  int     // 0 means 1000
	Width    float64 // factor on all channels, for fast tests; 0 means 1
}

// families is every seeded network by name.
var families = map[string]func(*network) error{
	"vgg16":       vgg16,
	"resnet18":    resnet18,
	"resnet50":    resnet50,
	"alexnet":     alexnet,
	"mobilenetv2": mobilenetV2,
	"densenet":    densenet,
	"squeezenet":  squeezenet,
	"tiny":        tiny,
}

// SeededNames lists the networks that Seeded can build, sorted.
func SeededNames() []string { return slices.Sorted(maps.Keys(families)) }

// Seeded builds a network of a known structure with random weights. They
// depend on the name, the seed, Size, Classes and Width only: every form of
// the same network computes the same function. Such a network knows nothing
// of pictures; it serves demos, tests and benchmarks, and says so in its file.
func Seeded(name string, o SeededOptions) (*onnx.Model, error) {
	build, ok := families[name]
	if !ok {
		return nil, fmt.Errorf("no seeded network %q: known are %s", name, strings.Join(SeededNames(), ", "))
	}
	if err := o.fill(name); err != nil {
		return nil, fmt.Errorf("seeded %s: %w", name, err)
	}
	n := &network{o: o, used: map[string]int{}, m: &onnx.Model{
		IRVersion: irVersion(o.Opset),
		Opset:     o.Opset,
		Producer:  "tl",
		Name:      name,
		Doc:       "random weights from a seed, not trained: for demos, tests and benchmarks",
		Metadata:  map[string]string{"tl.seeded": fmt.Sprintf("%s seed %d", name, o.Seed), "tl.preprocess": "torch"},
		Weights:   map[string]*onnx.Tensor{},
	}}
	if err := build(n); err != nil {
		return nil, fmt.Errorf("seeded %s: %w", name, err)
	}
	return n.m, nil
}

// fill sets the defaults and refuses what cannot be built.
func (o *SeededOptions) fill(name string) error {
	if o.Opset == 0 {
		o.Opset = 13
	}
	if o.Size == 0 {
		o.Size = 224
		if name == "tiny" {
			o.Size = 64
		}
	}
	if o.Classes == 0 {
		o.Classes = 1000
	}
	if o.Width == 0 {
		o.Width = 1
	}
	switch {
	case o.Opset < 7 || o.Opset > 22:
		return fmt.Errorf("opset %d, wanted 7 to 22", o.Opset)
	case o.Size < 1 || o.Size > 4096:
		return fmt.Errorf("size %d, wanted 1 to 4096", o.Size)
	case o.Classes < 1 || o.Batch < 0 || !(o.Width > 0 && o.Width <= 8):
		return fmt.Errorf("%d classes, batch %d, width %g", o.Classes, o.Batch, o.Width)
	}
	return nil
}

// irVersion is the lowest file version that an operator set may stand in, by
// the table of versions in ONNX's docs/Versioning.md; from 4 on initializers
// need not be listed as inputs.
func irVersion(opset int64) int64 {
	switch {
	case opset <= 9:
		return 4
	case opset == 10:
		return 5
	case opset == 11:
		return 6
	case opset <= 14:
		return 7
	case opset <= 18:
		return 8
	case opset <= 20:
		return 9
	}
	return 10
}
