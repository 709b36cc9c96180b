package graph

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// feed makes the graph's inputs with concrete shapes: the batch and the image
// size asked for, the file's own where nothing was asked.
func (im *importer) feed(inputs []onnx.ValueInfo) error {
	im.fileBatch, im.batch = 1, max(im.o.Batch, 1)
	if im.o.Input != "" {
		return im.feedInner(inputs)
	}
	for i, in := range inputs {
		if b := fixedBatch(in); b > 0 && i == 0 {
			im.fileBatch = b
			if im.o.Batch == 0 {
				im.batch = b
			}
		}
		s, err := im.inputShape(in)
		if err == nil {
			err = im.fedAsFloats(in)
		}
		if err != nil {
			return fmt.Errorf("input %q %s: %w", in.Name, declared(in.Shape), err)
		}
		im.addInput(in.Name, s)
	}
	if len(im.g.Inputs) == 0 {
		return fmt.Errorf("the outputs depend on no input")
	}
	return nil
}

// floats are the types of activations, all of them float32 here; 0 is a file
// that does not say.
var floats = []onnx.DataType{0, onnx.Float, onnx.Double, onnx.Float16, onnx.BFloat16}

// fedAsFloats refuses an input of another type than floats: arithmetic on whole
// numbers rounds, and is not done here. Where every node that reads it casts it
// to floats, feeding floats is the same.
func (im *importer) fedAsFloats(in onnx.ValueInfo) error {
	if slices.Contains(floats, in.Type) {
		return nil
	}
	for _, n := range im.nodes {
		if slices.Contains(n.Inputs, in.Name) && !isFloatCast(n) {
			return fmt.Errorf("holds %v, which node %q (%s) reads as they are: wanted floats, or a Cast to float first (export the network with a float32 input)", in.Type, nodeName(n), n.Op)
		}
	}
	return nil
}

// fixedBatch is the batch that an input declares, 0 where it is open.
func fixedBatch(in onnx.ValueInfo) int {
	if len(in.Shape) == 0 {
		return 0
	}
	return int(max(0, in.Shape[0].Size))
}

// feedInner feeds an inner value of the network.
func (im *importer) feedInner(inputs []onnx.ValueInfo) error {
	if len(im.m.Inputs) > 0 {
		im.fileBatch = max(1, fixedBatch(im.m.Inputs[0]))
	}
	s := im.o.InputShape.Clone()
	if s == nil && len(inputs) == 1 {
		var err error
		if s, err = im.inputShape(inputs[0]); err != nil {
			return fmt.Errorf("input %q: %w", im.o.Input, err)
		}
	}
	if len(s) == 0 {
		return fmt.Errorf("value %q is fed but has no shape", im.o.Input)
	}
	if im.o.Batch > 0 {
		s[0] = im.o.Batch
	}
	im.batch = s[0]
	if err := checkSize(s); err != nil {
		return fmt.Errorf("value %q: %w", im.o.Input, err)
	}
	im.addInput(im.o.Input, s)
	return nil
}

// addInput appends one input to the graph.
func (im *importer) addInput(name string, s tensor.Shape) {
	v := &Value{Name: name, Shape: s}
	im.values[name] = v
	im.g.Inputs = append(im.g.Inputs, v)
}

// inputShape is the declared shape of an input with batch and size filled in.
// An image is rank 4; which axes are its height and width is found by what the
// network does with it.
func (im *importer) inputShape(in onnx.ValueInfo) (tensor.Shape, error) {
	dims := make([]int64, len(in.Shape))
	for i, d := range in.Shape {
		dims[i] = d.Size
	}
	if in.Shape != nil && len(dims) == 0 && im.o.Size == 0 {
		return tensor.Shape{}, nil // a scalar, not a shape left open
	}
	image, channelAxis, channels := im.imageLayout(in.Name, dims)
	if image && len(dims) == 0 {
		dims = []int64{-1, -1, -1, -1}
	}
	if len(dims) == 0 {
		return nil, fmt.Errorf("the file does not say its shape and no convolution shows it")
	}
	if d := dims[0]; d <= 0 || d == int64(im.fileBatch) {
		dims[0] = int64(im.batch) // another fixed number is no batch, as a second input's rows
	}
	if image {
		if dims[channelAxis] <= 0 {
			dims[channelAxis] = channels
		}
		if im.o.Size > 0 {
			hw := [2]int{2, 3}
			if channelAxis == 3 {
				hw = [2]int{1, 2}
			}
			dims[hw[0]], dims[hw[1]] = int64(im.o.Size), int64(im.o.Size)
		}
	} else if im.o.Size > 0 {
		return nil, fmt.Errorf("is no image (N,C,H,W) or (N,H,W,C), so its size cannot be set to %d", im.o.Size)
	}
	s := make(tensor.Shape, len(dims))
	for i, d := range dims {
		if d <= 0 {
			return nil, fmt.Errorf("axis %d is open in the file: a size must be given", i)
		}
		s[i] = int(d)
	}
	return s, checkSize(s)
}

// imageLayout finds the channel axis of an image input, 1 for NCHW or 3 for
// NHWC, and the number of channels, by following the value through
// element-wise nodes to the first convolution. Where there is none it goes by
// the declared dimensions: 1, 3 or 4 channels.
func (im *importer) imageLayout(name string, dims []int64) (image bool, axis int, channels int64) {
	if len(dims) != 4 && len(dims) != 0 {
		return false, 0, 0
	}
	axis = 1
	seen := map[string]bool{name: true}
	for _, n := range im.nodes {
		if len(n.Inputs) == 0 || len(n.Outputs) == 0 || !slices.ContainsFunc(n.Inputs, func(s string) bool { return seen[s] }) {
			continue
		}
		switch n.Op {
		case "Conv":
			if w := im.consts[n.Inputs[min(1, len(n.Inputs)-1)]]; w != nil && len(w.Shape) == 4 {
				return true, axis, w.Shape[1] * max(1, n.Int("group", 1))
			}
			return true, axis, -1
		case "Transpose":
			switch p := n.Ints("perm"); {
			case slices.Equal(p, []int64{0, 3, 1, 2}):
				axis = 3
			case slices.Equal(p, []int64{0, 2, 3, 1}):
				axis = 1
			}
			seen[n.Outputs[0]] = true
		case "Identity", "Cast", "Sub", "Add", "Mul", "Div", "Pad", "Relu", "Dropout", "BatchNormalization", "Concat":
			seen[n.Outputs[0]] = true
		}
	}
	if len(dims) != 4 {
		return false, 0, 0
	}
	few := func(d int64) bool { return d == 1 || d == 3 || d == 4 }
	if few(dims[3]) && !few(dims[1]) {
		axis = 3
	}
	return true, axis, dims[axis]
}

// declared writes a declared shape as in "(N,3,?,?)".
func declared(dims []onnx.Dim) string {
	parts := make([]string, len(dims))
	for i, d := range dims {
		switch {
		case d.Size >= 0:
			parts[i] = fmt.Sprint(d.Size)
		case d.Param != "":
			parts[i] = d.Param
		default:
			parts[i] = "?"
		}
	}
	return "(" + strings.Join(parts, ",") + ")"
}
