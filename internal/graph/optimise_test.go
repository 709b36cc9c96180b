package graph

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
)

// Each small network has a place that a pass must, or must not, rewrite; its
// results are the same before and after.
var rewrites = []struct {
	name  string
	build func() *onnx.Model
	want  string // operators that are left
}{
	{"identities", func() *onnx.Model {
		b := newNet(2, 3, 6, 6)
		x := b.add("Identity", nil, b.add("Dropout", nil, b.add("Pad", nil, "x", b.ints(0, 0, 0, 0, 0, 0, 0, 0))))
		x = b.add("Sum", nil, b.transpose(b.transpose(x, 0, 2, 3, 1), 0, 3, 1, 2))
		x = b.add("Reshape", nil, b.add("Flatten", nil, b.add("Relu", nil, x)), b.ints(2, 27, 4))
		return b.done(b.add("Identity", nil, x))
	}, "Relu Reshape"},
	{"output is an input", func() *onnx.Model {
		b := newNet(2, 3, 6, 6)
		return b.done(b.add("Identity", nil, "x"), b.add("Relu", nil, "x"))
	}, "Relu"},
	{"batch norm", func() *onnx.Model {
		b := newNet(2, 3, 6, 6)
		x := b.batchNorm(b.add("Conv", nil, "x", b.signed(4, 3, 3, 3)), 4)
		x = b.add("Relu", nil, b.batchNorm(b.conv(x, 4, 6, 1), 6))
		return b.done(x)
	}, "Conv Conv"},
	{"batch norm of a shared convolution", func() *onnx.Model {
		b := newNet(2, 3, 6, 6)
		c := b.conv("x", 3, 4, 3)
		return b.done(b.batchNorm(c, 4), b.add("Relu", nil, c))
	}, "Conv BatchNormalization Relu"},
	{"grouped batch norm", func() *onnx.Model {
		b := newNet(2, 4, 6, 6)
		return b.done(b.batchNorm(b.add("Conv", attrs{"group": int64(2)}, "x", b.signed(6, 2, 3, 3)), 6))
	}, "Conv"},
	{"arithmetic with constants", func() *onnx.Model {
		b := newNet(2, 3, 6, 6)
		x := b.add("Mul", nil, b.conv("x", 3, 4, 3), b.floats(4, 1, 1))
		x = b.add("Sub", nil, b.floats(1, 4, 1, 1), x)
		x = b.add("Div", nil, b.add("Add", nil, x, b.scalar(0.5)), b.floats(1, 1, 1, 1))
		return b.done(b.add("Sub", nil, x, b.scalar(2)))
	}, "Conv"},
	{"arithmetic along another axis", func() *onnx.Model {
		b := newNet(2, 3, 4, 4)
		x := b.add("Mul", nil, b.conv("x", 3, 4, 3), b.floats(4))
		return b.done(b.add("Div", nil, b.scalar(1), x))
	}, "Conv Mul Div"},
	{"residual", func() *onnx.Model {
		b := newNet(2, 3, 6, 6)
		a := b.add("Relu", nil, b.conv("x", 3, 4, 3))
		m := b.conv(b.add("Relu", nil, b.conv(a, 4, 4, 3)), 4, 4, 1)
		r := b.add("Relu", nil, b.add("Add", nil, b.conv(m, 4, 4, 3), a))
		return b.done(b.add("Sum", nil, b.conv(r, 4, 4, 1), b.conv(r, 4, 4, 3)))
	}, "Conv Conv Conv Conv Conv Conv"},
	{"residual after a clamp stays", func() *onnx.Model {
		b := newNet(2, 3, 6, 6)
		a := b.add("Relu", nil, b.conv("x", 3, 3, 3))
		return b.done(b.add("Add", nil, a, "x"))
	}, "Conv Add"},
	{"convolution added to itself", func() *onnx.Model {
		b := newNet(2, 3, 6, 6)
		c := b.conv("x", 3, 3, 3)
		return b.done(b.add("Add", nil, c, c))
	}, "Conv Add"},
	{"broadcast sum stays", func() *onnx.Model {
		b := newNet(2, 3, 6, 6)
		return b.done(b.add("Add", nil, b.conv("x", 3, 3, 3), b.add("GlobalAveragePool", nil, "x")))
	}, "Conv GlobalAveragePool Add"},
	{"clamps", func() *onnx.Model {
		b := newNet(2, 3, 6, 6)
		x := b.add("Clip", nil, b.conv("x", 3, 4, 3), b.scalar(-1), b.scalar(0.5))
		return b.done(b.add("Relu", nil, x))
	}, "Conv"},
	{"pads", func() *onnx.Model {
		b := newNet(2, 3, 7, 7)
		p := b.ints(0, 0, 1, 2, 0, 0, 3, 0)
		x := b.add("Relu", nil, b.add("Conv", attrs{"strides": []int64{2, 2}}, b.add("Pad", nil, "x", p), b.signed(4, 3, 3, 3)))
		p = b.ints(0, 0, 1, 1, 0, 0, 1, 1)
		x = b.add("MaxPool", attrs{"kernel_shape": []int64{3, 3}}, b.add("Pad", nil, x, p))
		return b.done(b.add("AveragePool", attrs{"kernel_shape": []int64{2, 2}}, b.add("Pad", nil, x, p)))
	}, "Conv MaxPool AveragePool"},
	{"pads that mean something else", func() *onnx.Model {
		b := newNet(2, 3, 7, 7)
		p := b.ints(0, 0, 1, 1, 0, 0, 1, 1)
		x := b.add("MaxPool", attrs{"kernel_shape": []int64{3, 3}}, b.add("Pad", nil, "x", p))
		return b.done(b.conv(b.add("Pad", nil, x, p, b.scalar(1)), 3, 4, 3))
	}, "Pad MaxPool Pad Conv"},
	{"NHWC", func() *onnx.Model {
		b := newNet(2, 6, 6, 3)
		x := b.add("Pad", nil, "x", b.ints(0, 1, 1, 0, 0, 1, 1, 0))
		x = b.add("Conv", nil, b.transpose(x, 0, 3, 1, 2), b.signed(4, 3, 3, 3))
		x = b.add("Relu", nil, b.add("Add", nil, b.transpose(x, 0, 2, 3, 1), b.signed(4)))
		y := b.transpose(b.conv(b.transpose(x, 0, 3, 1, 2), 4, 4, 3), 0, 2, 3, 1)
		x = b.add("Concat", attrs{"axis": int64(-1)}, b.add("Add", nil, x, y), b.add("Sigmoid", nil, x))
		x = b.add("ReduceMean", attrs{"axes": []int64{1, -2}, "keepdims": int64(0)}, x)
		return b.done(b.add("Add", nil, b.add("MatMul", nil, x, b.signed(8, 5)), b.signed(5)))
	}, "Pad Transpose Conv Conv Sigmoid Concat ReduceMean Gemm"},
	{"NHWC mean that keeps its axes", func() *onnx.Model {
		b := newNet(2, 4, 6, 6)
		x := b.add("ReduceMean", attrs{"axes": []int64{1, 2}}, b.transpose("x", 0, 2, 3, 1))
		return b.done(b.add("Flatten", nil, x))
	}, "ReduceMean Reshape"},
	{"flattened NHWC needs its transpose", func() *onnx.Model {
		b := newNet(2, 4, 3, 5)
		return b.done(b.add("Flatten", nil, b.add("Relu", nil, b.transpose("x", 0, 2, 3, 1))))
	}, "Relu Transpose Flatten"},
	{"mean that leaves axes out of order", func() *onnx.Model {
		b := newNet(2, 4, 6, 6)
		return b.done(b.add("ReduceMean", attrs{"axes": []int64{1}, "keepdims": int64(0)}, b.transpose("x", 0, 2, 3, 1)))
	}, "Transpose ReduceMean"},
	{"two different transposes", func() *onnx.Model {
		b := newNet(2, 4, 4, 4)
		return b.done(b.add("Add", nil, b.transpose("x", 0, 2, 3, 1), b.transpose("x", 0, 3, 1, 2)))
	}, "Transpose Transpose Add"},
	{"transposed constants", func() *onnx.Model {
		b := newNet(2, 3, 4, 5)
		x := b.add("Mul", nil, b.floats(4, 5, 3), b.transpose("x", 0, 2, 3, 1))
		x = b.add("Add", nil, x, b.floats(5, 1))
		return b.done(b.transpose(x, 0, 3, 1, 2))
	}, "Mul Add"},
}

func TestRewrites(t *testing.T) {
	for _, r := range rewrites {
		t.Run(r.name, func(t *testing.T) {
			g := mustImport(t, r.build(), ImportOptions{})
			fast := sameResults(t, g)
			if got := strings.Join(kinds(fast), " "); got != r.want {
				t.Errorf("left are\n\t%s, want\n\t%s", got, r.want)
			}
		})
	}
}

// sameResults optimises g and compares; g itself must not change.
func sameResults(t testing.TB, g *Graph) *Graph {
	t.Helper()
	before := fmt.Sprint(kinds(g))
	fast, err := Optimise(g)
	if err != nil {
		t.Fatal(err)
	}
	if after := fmt.Sprint(kinds(g)); after != before {
		t.Errorf("Optimise changed its argument from %s to %s", before, after)
	}
	x := noise(g, 7)
	want, got := eval(t, g, x), eval(t, fast, x)
	for i := range want {
		if !got[i].Shape.Equal(want[i].Shape) {
			t.Fatalf("output %d has shape %v, want %v", i, got[i].Shape, want[i].Shape)
		}
		testkit.Compare(t, fmt.Sprintf("output %d", i), got[i].Data, want[i].Data, testkit.Float)
	}
	return fast
}

// TestEachPassAlone runs every pass once by itself on every small network.
func TestEachPassAlone(t *testing.T) {
	for _, r := range rewrites {
		for _, p := range passes {
			g := mustImport(t, r.build(), ImportOptions{})
			x := noise(g, 8)
			want := eval(t, g, x)
			g = clone(g)
			sweep(g, p)
			if err := check(g); err != nil {
				t.Fatalf("%s, pass %q: %v", r.name, p.name, err)
			}
			for i, got := range eval(t, g, x) {
				testkit.Compare(t, fmt.Sprintf("%s, pass %q, output %d", r.name, p.name, i), got.Data, want[i].Data, testkit.Float)
			}
		}
	}
}

// TestRandomNetworks draws networks in which every value may be read by
// several nodes, and compares them before and after.
func TestRandomNetworks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := randomNet(rt)
		g, err := Import(m, ImportOptions{})
		if err != nil {
			rt.Fatal(err)
		}
		fast, err := Optimise(g)
		if err != nil {
			rt.Fatalf("%v: %v", kinds(g), err)
		}
		x := noise(g, 9)
		want, got := eval(t, g, x), eval(t, fast, x)
		for i := range want {
			if err, _ := testkit.RelativeError(got[i].Data, want[i].Data); !(err < float64(testkit.Loose)) {
				rt.Fatalf("output %d differs by %g\nbefore %v\nafter  %v", i, err, kinds(g), kinds(fast))
			}
		}
	})
}

// randomNet chains up to 12 random nodes over values of the same two shapes,
// (2,4,5,5) and its NHWC form (2,5,5,4), and gives out the last two values.
func randomNet(rt *rapid.T) *onnx.Model {
	b := newNet(2, 4, 5, 5)
	nchw, nhwc := []string{"x"}, []string{b.transpose("x", 0, 2, 3, 1)}
	pick := func(from []string) string {
		return from[rapid.IntRange(max(0, len(from)-3), len(from)-1).Draw(rt, "value")]
	}
	for range rapid.IntRange(2, 12).Draw(rt, "nodes") {
		x, y := pick(nchw), pick(nhwc)
		switch rapid.SampledFrom(strings.Fields("conv conv bn relu clip add back there mul padconv padpool nhwcadd nhwcmul nhwcrelu nhwcconcat reshape")).Draw(rt, "node") {
		case "conv":
			nchw = append(nchw, b.conv(x, 4, 4, 3))
		case "bn":
			nchw = append(nchw, b.batchNorm(x, 4))
		case "relu":
			nchw = append(nchw, b.add("Relu", nil, x))
		case "clip":
			nchw = append(nchw, b.add("Clip", nil, x, b.scalar(-0.5), b.scalar(2)))
		case "add":
			nchw = append(nchw, b.add("Add", nil, x, pick(nchw)))
		case "back":
			nchw = append(nchw, b.transpose(y, 0, 3, 1, 2))
		case "there":
			nhwc = append(nhwc, b.transpose(x, 0, 2, 3, 1))
		case "mul":
			nchw = append(nchw, b.add("Mul", nil, b.signed(4, 1, 1), x))
		case "padconv":
			p := b.add("Pad", nil, x, b.ints(0, 0, 1, 0, 0, 0, 1, 2))
			nchw = append(nchw, b.add("Conv", nil, p, b.signed(4, 4, 3, 3)))
		case "padpool":
			p := b.add("Pad", nil, b.add("Relu", nil, x), b.ints(0, 0, 1, 1, 0, 0, 1, 1))
			nchw = append(nchw, b.add("MaxPool", attrs{"kernel_shape": []int64{3, 3}}, p))
		case "nhwcadd":
			nhwc = append(nhwc, b.add("Add", nil, y, pick(nhwc)))
		case "nhwcmul":
			nhwc = append(nhwc, b.add("Mul", nil, y, b.signed(4)))
		case "nhwcrelu":
			nhwc = append(nhwc, b.add("Relu", nil, y))
		case "nhwcconcat":
			c := b.add("Concat", attrs{"axis": int64(3)}, y, pick(nhwc))
			back := b.add("Conv", nil, b.transpose(c, 0, 3, 1, 2), b.signed(4, 8, 1, 1))
			nhwc = append(nhwc, b.transpose(back, 0, 2, 3, 1))
		case "reshape":
			f := b.add("Flatten", nil, x)
			nchw = append(nchw, b.add("Reshape", nil, f, b.ints(0, 4, 5, -1)))
		}
	}
	return b.done(slices.Compact([]string{nchw[len(nchw)-1], nhwc[len(nhwc)-1]})...)
}
