package graph

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/tlkit/tl/onnx"
)

// absurd are networks of one node whose attributes or constants make no sense,
// and the words of the refusal. Inputs beyond x are made by need.
var absurd = []struct {
	name, op string
	attrs    attrs
	with     func(b *net) []string // further inputs
	want     string
}{
	{"kernel 2^31", "MaxPool", attrs{"kernel_shape": []int64{1 << 31, 1}}, nil, "is larger than 4096"},
	{"kernel 2^40", "MaxPool", attrs{"kernel_shape": []int64{1 << 40, 1}}, nil, "out of bounds"},
	{"kernel 0", "AveragePool", attrs{"kernel_shape": []int64{0, 2}}, nil, "wanted 2 numbers ≥ 1"},
	{"kernel above input", "MaxPool", attrs{"kernel_shape": []int64{9, 9}}, nil, "spans 9, the input has 8"},
	{"kernel not the weight's", "Conv", attrs{"kernel_shape": []int64{5, 5}}, kernel, "the weight is (4,2,3,3)"},
	{"stride 0", "Conv", attrs{"strides": []int64{0, 1}}, kernel, "wanted at least 1"},
	{"stride below 0", "Conv", attrs{"strides": []int64{1, -1}}, kernel, "wanted at least 1"},
	{"three strides", "Conv", attrs{"strides": []int64{1, 1, 1}}, kernel, "wanted 2 numbers"},
	{"dilation 0", "Conv", attrs{"dilations": []int64{0, 0}}, kernel, "wanted at least 1"},
	{"dilation 2^31", "Conv", attrs{"dilations": []int64{1 << 31, 1}}, kernel, "spans 4294967297"},
	{"dilation 2^31 and SAME", "Conv", attrs{"dilations": []int64{1 << 31, 1}, "auto_pad": "SAME_UPPER"}, kernel, "makes an image of 8×8 too large"},
	{"pads 2^31 and as large a stride", "Conv", attrs{"pads": []int64{1 << 31, 0, 1 << 31, 0}, "strides": []int64{1 << 31, 1}}, kernel, "too large"},
	{"dilation 2^62", "Conv", attrs{"dilations": []int64{1 << 62, 1}}, kernel, "out of bounds"},
	{"pads below 0", "Conv", attrs{"pads": []int64{-1, 0, 0, 0}}, kernel, "wanted none below 0"},
	{"pads 2^31", "Conv", attrs{"pads": []int64{1 << 31, 1 << 31, 1 << 31, 1 << 31}}, kernel, "too large"},
	{"pads 2^62", "Conv", attrs{"pads": []int64{1 << 62, 0, 0, 0}}, kernel, "out of bounds"},
	{"pads above the kernel", "MaxPool", attrs{"kernel_shape": []int64{2, 2}, "pads": []int64{2, 2, 2, 2}}, nil, "must be smaller than the kernel"},
	{"group 0", "Conv", attrs{"group": int64(0)}, kernel, "wanted at least 1"},
	{"group below 0", "Conv", attrs{"group": int64(-2)}, kernel, "wanted at least 1"},
	{"group that does not divide", "Conv", attrs{"group": int64(3)}, kernel, "group 3 must divide"},
	{"auto_pad unknown", "Conv", attrs{"auto_pad": "SAME"}, kernel, `auto_pad "SAME"`},
	{"attribute of another type", "Conv", attrs{"group": "two"}, kernel, "attribute group is of type string"},
	{"weight's channels", "Conv", nil, func(b *net) []string { return []string{b.floats(4, 3, 3, 3)} }, "wants 3 input channels, input is (1,2,8,8)"},
	{"bias of another length", "Conv", nil, func(b *net) []string { return []string{b.floats(4, 2, 3, 3), b.floats(5)} }, "wants a bias (4)"},
	{"epsilon NaN", "BatchNormalization", attrs{"epsilon": float32(math.NaN())}, statistics, "attribute epsilon is NaN, wanted a finite number"},
	{"epsilon Inf", "BatchNormalization", attrs{"epsilon": float32(math.Inf(1))}, statistics, "attribute epsilon is +Inf, wanted a finite number"},
	{"epsilon below 0", "BatchNormalization", attrs{"epsilon": float32(-1)}, statistics, "wanted none below 0"},
	{"alpha NaN", "LeakyRelu", attrs{"alpha": float32(math.NaN())}, nil, "attribute alpha is NaN"},
	{"limits NaN", "Clip", nil, func(b *net) []string {
		b.m.Weights["nan"] = onnx.NewFloats("nan", nil, []float32{float32(math.NaN())})
		return []string{"nan"}
	}, "wanted numbers"},
	{"size 0", "LRN", attrs{"size": int64(0)}, nil, "wanted at least 1"},
	{"Reshape to 2^60", "Reshape", nil, ints(1, 1<<60), "cannot reshape (1,2,8,8)"},
	{"Reshape whose product overflows to 0", "Reshape", nil, ints(1<<32, 1<<32, -1), "cannot reshape (1,2,8,8)"},
	{"Reshape to two open axes", "Reshape", nil, ints(-1, -1), "cannot reshape (1,2,8,8)"},
	{"Reshape to -2", "Reshape", nil, ints(-2, 64), "cannot reshape (1,2,8,8)"},
	{"Pad to 2^40", "Pad", nil, ints(0, 0, 1<<31, 1<<31, 0, 0, 0, 0), "too large"},
	{"Pad by 2^62", "Pad", nil, ints(0, 0, 1<<62, 0, 0, 0, 1<<62, 0), "out of bounds"},
	{"Pad takes more than there is", "Pad", nil, ints(0, 0, -9, 0, 0, 0, 0, 0), "take away more"},
	{"Pad to nothing", "Pad", nil, ints(0, 0, -8, 0, 0, 0, 0, 0), "empty axis"},
	{"axis out of range", "Softmax", attrs{"axis": int64(4)}, nil, "axis 4 is not one of the 4 axes"},
	{"axis far below", "Concat", attrs{"axis": int64(-5)}, nil, "axis -5"},
	{"axis 2^62", "Flatten", attrs{"axis": int64(1 << 62)}, nil, "out of bounds"},
	{"perm with an axis twice", "Transpose", attrs{"perm": []int64{0, 0, 1, 2}}, nil, "perm"},
	{"perm out of range", "Transpose", attrs{"perm": []int64{0, 1, 2, 9}}, nil, "perm"},
	{"Slice of a picture", "Slice", nil, nil, "on shapes and constants only"},
	{"broadcast to 2^40", "Add", nil, func(b *net) []string { return []string{wide(b)} }, "too large"},
}

func kernel(b *net) []string { return []string{b.floats(4, 2, 3, 3)} }
func statistics(b *net) []string {
	return []string{b.floats(2), b.floats(2), b.floats(2), b.floats(2)}
}
func ints(v ...int64) func(*net) []string {
	return func(b *net) []string {
		b.m.Weights["ints"] = onnx.NewInts("ints", []int64{int64(len(v))}, v...)
		return []string{"ints"}
	}
}

// wide is an activation (2^31,1,1,1,1) made of x by a mean and a pad.
func wide(b *net) string {
	mean := b.add("ReduceMean", attrs{"keepdims": int64(1)}, "x")
	b.m.Weights["pads"] = onnx.NewInts("pads", []int64{8}, 1<<31-1, 0, 0, 0, 0, 0, 0, 0)
	b.m.Weights["axes"] = onnx.NewInts("axes", []int64{1}, 4)
	return b.add("Unsqueeze", nil, b.add("Pad", nil, mean, "pads"), "axes")
}

// Absurd attributes are refused with the node's name and the reason, not by a
// panic that is caught.
func TestAbsurdAttributes(t *testing.T) {
	for _, c := range absurd {
		t.Run(c.name, func(t *testing.T) {
			b := newNet(1, 2, 8, 8)
			in := []string{"x"}
			if c.with != nil {
				in = append(in, c.with(b)...)
			}
			refuse(t, b, b.add(c.op, c.attrs, in...), c.want)
		})
	}
}

// refuse wants the import of out to end in an error with these words, soon.
func refuse(t *testing.T, b *net, out, want string) {
	t.Helper()
	b.m.Outputs = []onnx.ValueInfo{{Name: out}}
	began := time.Now()
	_, err := Import(b.m, ImportOptions{})
	t.Log(err)
	switch {
	case err == nil:
		t.Fatal("was imported")
	case strings.Contains(err.Error(), "cannot be imported"):
		t.Errorf("panicked: %v", err)
	case !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "test.onnx: "):
		t.Errorf("error %q, wanted %q", err, want)
	case time.Since(began) > 20*time.Second:
		t.Errorf("took %v", time.Since(began))
	}
}

// An input that is omitted where it must not be is said; found by FuzzEdits.
func TestOmittedInputs(t *testing.T) {
	for op, a := range map[string]attrs{
		"Shape": nil, "Size": nil, "Cast": {"to": int64(onnx.Float)}, "Relu": nil, "Identity": nil, "Gemm": nil, "Concat": {"axis": int64(0)},
	} {
		for _, in := range [][]string{{""}, {"", "x"}, {}} {
			b := newNet(1, 2, 8, 8)
			first := b.add(op, a, in...)
			refuse(t, b, b.add("Sum", nil, "x", first), "test.onnx: node")
		}
	}
}

// Constants are not grown without end: neither one, nor many small ones, nor
// one that takes long to compute.
func TestFoldingIsBounded(t *testing.T) {
	fill := func(b *net, dims ...int64) string {
		name := "fill" + string(rune('a'+len(b.m.Weights)))
		b.m.Weights[name] = onnx.NewInts(name, []int64{int64(len(dims))}, dims...)
		return b.add("ConstantOfShape", nil, name)
	}
	for name, grow := range map[string]func(b *net) (out, want string){
		"one":      func(b *net) (string, string) { return fill(b, 1<<40), "too large for shape arithmetic" },
		"overflow": func(b *net) (string, string) { return fill(b, 1<<32, 1<<32), "too large for shape arithmetic" },
		"an outer product": func(b *net) (string, string) {
			return b.add("MatMul", nil, fill(b, 1<<16, 1), fill(b, 1, 1<<16)), "than it is worth"
		},
		"many": func(b *net) (string, string) {
			first := fill(b, 1<<16)
			all := []string{first}
			for range 300 {
				all = append(all, b.add("Identity", nil, first))
			}
			return b.add("Sum", nil, all...), "than it is worth"
		},
		"a long product": func(b *net) (string, string) {
			m := b.add("MatMul", nil, fill(b, 1<<11, 1), fill(b, 1, 1<<11))
			for range 100 {
				m = b.add("MatMul", nil, m, m)
			}
			return m, "than it is worth"
		},
		"axes without elements": func(b *net) (string, string) {
			b.m.Weights["none"] = onnx.NewInts("none", []int64{1 << 40, 0})
			b.m.Weights["i"] = onnx.NewInts("i", []int64{1}, 1)
			return b.add("Slice", nil, "none", "i", "i", "i"), "too large for shape arithmetic"
		},
		"axes": func(b *net) (string, string) {
			ones := make([]int64, 65)
			for i := range ones {
				ones[i] = 1
			}
			return fill(b, ones...), "65 axes"
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newNet(1, 2, 8, 8)
			c, want := grow(b)
			refuse(t, b, b.add("Add", nil, "x", c), want)
		})
	}
}

// What a file holds may be folded: a weight is transposed, scaled and turned
// back, in all more numbers than the file has.
func TestFoldingOfWeights(t *testing.T) {
	b := newNet(1, 64)
	w := b.floats(64, 64)
	for range 3 {
		w = b.add("Transpose", nil, w)
	}
	b.m.Outputs = []onnx.ValueInfo{{Name: b.add("MatMul", nil, "x", w)}}
	if _, err := Import(b.m, ImportOptions{}); err != nil {
		t.Fatal(err)
	}
}
