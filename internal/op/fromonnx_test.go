package op_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// What is wrong with a node is said in words: the message names what was
// wanted and what was found.
func TestFromONNXErrors(t *testing.T) {
	image, weight := []int64{1, 4, 5, 5}, []int64{6, 4, 3, 3}
	ints := func(v ...int64) *onnx.Tensor { return onnx.NewInts("c", []int64{int64(len(v))}, v...) }
	for _, c := range []struct {
		op     string
		opset  int64
		attrs  map[string]any
		in     [][]int64
		consts map[int]*onnx.Tensor
		want   string
	}{
		{"Conv", 11, map[string]any{"strides": []int64{0, 1}}, [][]int64{image, weight}, nil, "strides is [0 1], wanted at least 1"},
		{"Conv", 11, map[string]any{"strides": []int64{1}}, [][]int64{image, weight}, nil, "strides is [1], wanted 2 numbers"},
		{"Conv", 11, map[string]any{"strides": "two"}, [][]int64{image, weight}, nil, "strides is of type string, wanted []int64"},
		{"Conv", 11, map[string]any{"dilations": []int64{3, 1}}, [][]int64{image, weight}, nil, "kernel of 3 with dilation 3 spans 7, the input has 5 with padding 0 and 0"},
		{"Conv", 11, map[string]any{"pads": []int64{0, -1, 0, 0}}, [][]int64{image, weight}, nil, "pads is [0 -1 0 0], wanted none below 0"},
		{"Conv", 11, map[string]any{"pads": []int64{1, 1}}, [][]int64{image, weight}, nil, "pads is [1 1], wanted 4 numbers"},
		{"Conv", 11, map[string]any{"group": int64(3)}, [][]int64{image, weight}, nil, "group 3 must divide the 4 channels of input (1,4,5,5) and the 6 of weight (6,4,3,3)"},
		{"Conv", 11, map[string]any{"group": int64(0)}, [][]int64{image, weight}, nil, "group is 0, wanted at least 1"},
		{"Conv", 11, map[string]any{"group": int64(2)}, [][]int64{image, weight}, nil, "weight (6,4,3,3) wants 8 input channels, input is (1,4,5,5)"},
		{"Conv", 11, map[string]any{"auto_pad": "SAME"}, [][]int64{image, weight}, nil, `auto_pad "SAME", wanted`},
		{"Conv", 11, map[string]any{"kernel_shape": []int64{5, 5}}, [][]int64{image, weight}, nil, "kernel_shape is [5 5], the weight is (6,4,3,3)"},
		{"Conv", 11, map[string]any{"dilations": []int64{1 << 62, 1}}, [][]int64{image, weight}, nil, "out of bounds"},
		{"Conv", 11, map[string]any{"pads": []int64{1 << 31, 1 << 31, 1 << 31, 1 << 31}}, [][]int64{image, weight}, nil, "too large"},
		{"Conv", 11, nil, [][]int64{{1, 4, 5}, {6, 4, 3}}, nil, "input (1,4,5) wants 4 axes (N,C,H,W)"},
		{"Conv", 11, nil, [][]int64{image, weight, {5}}, nil, "wants a bias (6), it is (5)"},
		{"Conv", 11, nil, [][]int64{image}, nil, "wants 2 to 4 inputs, got 1"},
		{"MaxPool", 11, nil, [][]int64{image}, nil, "kernel_shape is [], wanted 2 numbers"},
		{"MaxPool", 11, map[string]any{"kernel_shape": []int64{2, 2}, "pads": []int64{2, 0, 0, 0}}, [][]int64{image}, nil, "must be smaller than the kernel"},
		{"AveragePool", 11, map[string]any{"kernel_shape": []int64{7, 7}}, [][]int64{image}, nil, "kernel of 7"},
		{"BatchNormalization", 15, map[string]any{"training_mode": int64(1)}, [][]int64{image, {4}, {4}, {4}, {4}}, nil, "evaluation mode"},
		{"BatchNormalization", 15, nil, [][]int64{image, {4}, {4}, {3}, {4}}, nil, "wants a mean (4), it is (3)"},
		{"Gemm", 11, nil, [][]int64{{2, 3}, {4, 5}}, nil, "wants 4 features, input (2,3) (transA false) has 3"},
		{"Gemm", 11, nil, [][]int64{{2, 3}, {3, 5}, {4}}, nil, "bias (4) does not broadcast to the output (2,5)"},
		{"MatMul", 11, nil, [][]int64{{2, 3}, {4, 5}}, nil, "rows of 3, the second columns of 4"},
		{"Add", 11, nil, [][]int64{{2, 3}, {2, 4}}, nil, "shapes (2,3) and (2,4) do not broadcast: axis -1 is 3 and 4"},
		{"Reshape", 11, nil, [][]int64{image, {2}}, nil, `input 1 (shape, "x1") must be constant`},
		{"Reshape", 11, nil, [][]int64{image, {2}}, map[int]*onnx.Tensor{1: ints(-1, -1)}, "more than one unknown axis"},
		{"Reshape", 11, nil, [][]int64{image, {2}}, map[int]*onnx.Tensor{1: ints(7, -1)}, "input (1,4,5,5) has 100"},
		{"Squeeze", 13, nil, [][]int64{image, {1}}, map[int]*onnx.Tensor{1: ints(1)}, "axis 1 of input (1,4,5,5) is not 1"},
		{"Unsqueeze", 13, nil, [][]int64{image}, nil, "axes are missing"},
		{"Transpose", 13, map[string]any{"perm": []int64{0, 1, 1, 2}}, [][]int64{image}, nil, "axis 1 is named twice"},
		{"Concat", 13, nil, [][]int64{image}, nil, "attribute axis is missing"},
		{"Concat", 13, map[string]any{"axis": int64(1)}, [][]int64{image, {1, 4, 6, 5}}, nil, "differ at axis 2"},
		{"Softmax", 13, map[string]any{"axis": int64(4)}, [][]int64{image}, nil, "axis 4 is not one of the 4 axes"},
		{"Pad", 13, map[string]any{"mode": "reflect"}, [][]int64{{2}, {2}}, map[int]*onnx.Tensor{1: ints(0, 2)}, "must be smaller than input (2) to reflect it"},
		{"Dropout", 13, nil, [][]int64{image, {}, {}}, map[int]*onnx.Tensor{1: onnx.NewFloats("r", nil, []float32{0.5}), 2: ints(1)}, "training_mode is true"},
		{"LRN", 13, nil, [][]int64{image}, nil, "size is 0, wanted at least 1"},
		{"Clip", 13, nil, [][]int64{image, {2}}, map[int]*onnx.Tensor{1: ints(1, 2)}, "has 2 numbers, wanted one"},
		{"If", 13, nil, nil, nil, "operator If is not supported"},
	} {
		n := &onnx.Node{Op: c.op, Attrs: c.attrs, Outputs: []string{"y"}}
		var shapes []tensor.Shape
		consts := make([]*onnx.Tensor, len(c.in))
		for i, s := range c.in {
			n.Inputs, shapes, consts[i] = append(n.Inputs, fmt.Sprint("x", i)), append(shapes, shape(s)), c.consts[i]
		}
		_, _, err := op.FromONNX(n, c.opset, consts, shapes)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v of %v: error %v, want …%s…", c.op, c.attrs, shapes, err, c.want)
		}
	}
}

// Whatever a file says, FromONNX answers with an operator that computes its
// Shape, or with an error.
func TestFromONNXNeverPanics(t *testing.T) {
	d := device(t)
	defer d.Close()
	rapid.Check(t, func(t *rapid.T) {
		n := &onnx.Node{Op: rapid.SampledFrom(op.Supported).Draw(t, "op"), Outputs: []string{"y"}, Attrs: wildAttrs(t)}
		consts, shapes := make([]*onnx.Tensor, 5), plausible[n.Op]
		for i := range shapes {
			n.Inputs = append(n.Inputs, fmt.Sprint("x", i))
		}
		if shapes == nil || rapid.IntRange(0, 3).Draw(t, "wild") == 0 {
			n.Inputs, shapes, consts = wildInputs(t)
		}
		o, used, err := op.FromONNX(n, int64(rapid.IntRange(7, 22).Draw(t, "opset")), consts, shapes)
		if err != nil {
			return
		}
		x, size := make([]*tensor.Tensor, len(used)), 0
		for i, u := range used {
			if n.Inputs[u] != "" {
				x[i] = tensor.New(shapes[u]...)
				size += len(x[i].Data)
			}
		}
		if y := shapeOf(t, o, x); y.Size()+size < 1<<16 {
			o.Forward(d, tensor.New(y...), x...)
		}
	})
}

var wild = []int64{0, 1, 1, 2, 2, 3, 4, -1, -2, 5, 7, 1000, 1 << 31, math.MaxInt64, math.MinInt64}

// wildAttrs gives some of the attributes that operators read, sensible or not.
func wildAttrs(t *rapid.T) map[string]any {
	one := rapid.SampledFrom(wild)
	small := rapid.Int64Range(0, 3)
	values := map[string]*rapid.Generator[any]{
		"ints":   rapid.OneOf(rapid.SliceOfN(one, 0, 8).AsAny(), rapid.SliceOfN(small, 2, 2).AsAny(), rapid.SliceOfN(small, 4, 4).AsAny()),
		"int":    rapid.OneOf(one.AsAny(), small.AsAny()),
		"float":  rapid.Float32().AsAny(),
		"string": rapid.SampledFrom([]string{"", "SAME_UPPER", "SAME_LOWER", "VALID", "reflect", "edge", "wrap", "x"}).AsAny(),
	}
	attrs := map[string]any{}
	for _, a := range strings.Fields("strides:ints dilations:ints pads:ints kernel_shape:ints axes:ints perm:ints " +
		"group:int axis:int ceil_mode:int count_include_pad:int keepdims:int transA:int transB:int size:int " +
		"alpha:float beta:float epsilon:float auto_pad:string mode:string") {
		name, kind, _ := strings.Cut(a, ":")
		switch rapid.IntRange(0, 19).Draw(t, name) {
		case 0, 1, 2, 3, 4, 5, 6, 7:
			attrs[name] = values[kind].Draw(t, name)
		case 8:
			attrs[name] = values["string"].Draw(t, name)
		case 9:
			attrs[name] = struct{}{}
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "kernel") > 0 {
		attrs["kernel_shape"] = []int64{2, 2}
	}
	return attrs
}

// plausible is shapes for operators that random ones would hardly ever suit.
var plausible = map[string][]tensor.Shape{
	"Conv":               {{2, 4, 3, 5}, {4, 2, 2, 3}, {4}},
	"Gemm":               {{3, 4}, {4, 3}, {3}},
	"BatchNormalization": {{2, 3, 4}, {3}, {3}, {3}, {3}},
}

func wildInputs(t *rapid.T) (names []string, shapes []tensor.Shape, consts []*onnx.Tensor) {
	for i := range rapid.IntRange(0, 5).Draw(t, "inputs") {
		name, s, c := wildInput(t, i)
		names, shapes, consts = append(names, name), append(shapes, s), append(consts, c)
	}
	return names, shapes, consts
}

// wildInput is an omitted input, a constant of few integers or an activation.
func wildInput(t *rapid.T, i int) (string, tensor.Shape, *onnx.Tensor) {
	switch rapid.IntRange(0, 9).Draw(t, "input") {
	case 0:
		return "", nil, nil
	case 1, 2:
		v := rapid.SliceOfN(rapid.SampledFrom(wild), 0, 4).Draw(t, "ints")
		return fmt.Sprint("x", i), tensor.Shape{len(v)}, onnx.NewInts("c", []int64{int64(len(v))}, v...)
	case 3, 4, 5, 6:
		return fmt.Sprint("x", i), rapid.SliceOfN(rapid.IntRange(1, 4), 4, 4).Draw(t, "image"), nil
	}
	return fmt.Sprint("x", i), rapid.SliceOfN(rapid.IntRange(0, 4), 0, 9).Draw(t, "shape"), nil
}
