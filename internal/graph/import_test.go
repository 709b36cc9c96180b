package graph

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit"
	"github.com/tlkit/tl/onnx"
)

// TestShapeChains imports networks whose shapes are computed inside: nothing
// of that arithmetic is left, at any batch and size.
func TestShapeChains(t *testing.T) {
	tests := []struct {
		name  string
		build func() *onnx.Model
		o     ImportOptions
		want  tensor.Shape
		left  string
	}{
		{"view(x.size(0), -1)", func() *onnx.Model {
			b := newNet(-1, 3, 8, 8)
			n := b.add("Gather", attrs{"axis": int64(0)}, b.add("Shape", nil, "x"), b.weight(onnx.NewInts("", nil, 0)))
			to := b.add("Concat", attrs{"axis": int64(0)}, b.add("Unsqueeze", nil, n, b.ints(0)), b.ints(-1))
			return b.done(b.add("Reshape", nil, "x", to))
		}, ImportOptions{Batch: 5}, tensor.Shape{5, 192}, "Reshape"},
		{"halves by Slice, Div and Cast", func() *onnx.Model {
			b := newNet(-1, 3, -1, -1)
			hw := b.add("Slice", nil, b.add("Shape", nil, "x"), b.ints(2), b.ints(1<<62), b.ints(0))
			f := b.add("Cast", attrs{"to": int64(1)}, hw)
			f = b.add("Floor", nil, b.add("Mul", nil, f, b.scalar(0.5)))
			half := b.add("Div", nil, b.add("Cast", attrs{"to": int64(7)}, f), b.ints(1))
			to := b.add("Concat", attrs{"axis": int64(0)}, b.ints(0, -1), half)
			return b.done(b.add("Reshape", nil, b.conv("x", 3, 4, 3), to))
		}, ImportOptions{Batch: 2, Size: 8}, tensor.Shape{2, 16, 4, 4}, ""},
		{"ConstantOfShape, Squeeze, Sub", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			one := b.add("ConstantOfShape", attrs{"value": onnx.NewInts("", []int64{1}, 16)}, b.ints(1))
			rest := b.add("Sub", nil, b.add("Mul", nil, one, b.ints(13)), one)
			flat := b.add("Reshape", nil, b.add("Unsqueeze", nil, b.add("Squeeze", nil, rest), b.ints(0)), b.ints(-1))
			return b.done(b.add("Reshape", nil, "x", b.add("Concat", attrs{"axis": int64(0)}, b.ints(1), flat)))
		}, ImportOptions{}, tensor.Shape{1, 192}, "Reshape"},
		{"pads computed from Constant nodes", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			one := b.add("Constant", attrs{"value_ints": []int64{1, 1}})
			zero := b.add("Constant", attrs{"value": onnx.NewInts("", []int64{2}, 0, 0)})
			p := b.add("Concat", attrs{"axis": int64(0)}, zero, one, zero, one)
			return b.done(b.add("Pad", nil, "x", p))
		}, ImportOptions{}, tensor.Shape{1, 3, 10, 10}, "Pad"},
		{"weights computed from constants", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			w := b.add("Transpose", attrs{"perm": []int64{3, 2, 0, 1}}, b.floats(3, 3, 3, 5))
			return b.done(b.add("Conv", nil, "x", b.add("Mul", nil, w, b.scalar(2))))
		}, ImportOptions{}, tensor.Shape{1, 5, 6, 6}, "Conv"},
		{"a baked batch larger than an image's numbers", func() *onnx.Model {
			b := newNet(64, 3, 8, 8)
			x := b.add("GlobalAveragePool", nil, b.conv("x", 3, 1, 3))
			return b.done(b.add("Reshape", nil, x, b.ints(64, -1)))
		}, ImportOptions{Batch: 1}, tensor.Shape{1, 1}, "Conv GlobalAveragePool Reshape"},
		{"a batch of 1 baked into Reshape", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			x := b.add("Reshape", nil, "x", b.ints(1, 3, -1))
			return b.done(b.add("Reshape", nil, x, b.ints(1, 192)))
		}, ImportOptions{Batch: 4}, tensor.Shape{4, 192}, ""},
		{"the file's batch of 2 is kept", func() *onnx.Model {
			b := newNet(2, 3, 8, 8)
			return b.done(b.add("Reshape", nil, "x", b.ints(2, -1)))
		}, ImportOptions{}, tensor.Shape{2, 192}, "Reshape"},
		{"cast of an activation", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			return b.done(b.add("Relu", nil, b.add("Cast", attrs{"to": int64(1)}, "x")))
		}, ImportOptions{}, tensor.Shape{1, 3, 8, 8}, "Relu"},
		{"NHWC size", func() *onnx.Model {
			b := newNet(-1, 224, 224, 3)
			x := b.add("Sub", nil, "x", b.floats(3))
			return b.done(b.conv(b.transpose(x, 0, 3, 1, 2), 3, 4, 3))
		}, ImportOptions{Size: 32}, tensor.Shape{1, 4, 32, 32}, "Sub Transpose Conv"},
		{"nothing is declared", func() *onnx.Model {
			b := newNet()
			return b.done(b.conv("x", 5, 4, 3))
		}, ImportOptions{Size: 16, Batch: 2}, tensor.Shape{2, 4, 16, 16}, "Conv"},
		{"an unused mask", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			y := b.add("Dropout", nil, "x")
			b.m.Nodes[0].Outputs = append(b.m.Nodes[0].Outputs, "mask")
			return b.done(b.add("Relu", nil, y))
		}, ImportOptions{}, tensor.Shape{1, 3, 8, 8}, "Dropout Relu"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			g := mustImport(t, c.build(), c.o)
			if s := g.Outputs[0].Shape; !s.Equal(c.want) {
				t.Errorf("output is %v, want %v", s, c.want)
			}
			if got := strings.Join(kinds(g), " "); c.left != "" && got != c.left {
				t.Errorf("left are %q, want %q", got, c.left)
			}
			sameResults(t, g)
		})
	}
}

// TestBatchIsOnlyABatch runs a network with a baked batch of 1 on three images
// at once and one by one.
func TestBatchIsOnlyABatch(t *testing.T) {
	b := newNet(1, 3, 8, 8)
	x := b.add("GlobalAveragePool", nil, b.conv("x", 3, 6, 3))
	m := b.done(b.add("Gemm", nil, b.add("Reshape", nil, x, b.ints(1, 6)), b.signed(6, 4), b.signed(4)))
	three, one := mustImport(t, m, ImportOptions{Batch: 3}), mustImport(t, m, ImportOptions{})
	in := noise(three, 1)
	all := eval(t, three, in)[0]
	for i := range 3 {
		y := eval(t, one, tensor.Of(in.Data[i*192:][:192], 1, 3, 8, 8))[0]
		testkit.Compare(t, "image", all.Data[i*4:][:4], y.Data, testkit.Close)
	}
}

// TestCut imports parts: up to an inner value, and from it on. Both together
// are the whole.
func TestCut(t *testing.T) {
	b := newNet(-1, 3, 8, 8)
	inner := b.add("Relu", nil, b.conv("x", 3, 6, 3))
	m := b.done(b.conv(inner, 6, 2, 3), b.add("NoSuchOperator", nil, inner))
	last := m.Outputs[0].Name
	front := mustImport(t, m, ImportOptions{Batch: 2, Outputs: []string{inner}})
	back := mustImport(t, m, ImportOptions{Batch: 2, Input: inner, InputShape: tensor.Shape{1, 6, 8, 8}, Outputs: []string{last}})
	whole := mustImport(t, m, ImportOptions{Batch: 2, Outputs: []string{last}})
	x := noise(whole, 1)
	got := eval(t, back, eval(t, front, x)[0])[0]
	testkit.Compare(t, "front and back", got.Data, eval(t, whole, x)[0].Data, testkit.Exact)
	b = newNet(2, 3, 8, 8)
	inner = b.add("Relu", nil, "x")
	m = b.done(b.add("Reshape", nil, inner, b.ints(2, -1)))
	back = mustImport(t, m, ImportOptions{Input: inner, InputShape: tensor.Shape{5, 3, 8, 8}})
	if s := back.Outputs[0].Shape; !s.Equal(tensor.Shape{5, 192}) {
		t.Errorf("behind a baked batch of 2 five images are %v", s)
	}
}

// TestTwoOutputs keeps their order and names.
func TestTwoOutputs(t *testing.T) {
	b := newNet(-1, 3, 8, 8)
	inner := b.add("Relu", nil, b.conv("x", 3, 6, 3))
	m := b.done(b.conv(inner, 6, 2, 3))
	last := m.Outputs[0].Name
	both := mustImport(t, m, ImportOptions{Outputs: []string{inner, last}})
	if len(both.Outputs) != 2 || both.Outputs[0].Name != inner {
		t.Errorf("outputs are %v", both.Outputs)
	}
}

// TestSharedConstants: one weight read by two nodes is one value, and the file
// is not copied.
func TestSharedConstants(t *testing.T) {
	b := newNet(1, 3, 8, 8)
	w := b.signed(3, 3, 1, 1)
	m := b.done(b.add("Conv", nil, b.add("Conv", nil, "x", w), w))
	g := mustImport(t, m, ImportOptions{})
	if g.Nodes[0].In[1] != g.Nodes[1].In[1] {
		t.Error("a shared weight became two values")
	}
	view, _ := m.Weights[w].Floats()
	if &g.Nodes[0].In[1].Const.Data[0] != &view[0] {
		t.Error("the weight is a copy")
	}
	if c := g.Nodes[0].Op.(op.Conv); c.Hint != [3]int{1, 8, 8} {
		t.Errorf("hint is %v", c.Hint)
	}
}

// TestImportErrors: what a file can get wrong ends in one line that says where.
func TestImportErrors(t *testing.T) {
	tests := []struct {
		name  string
		build func() *onnx.Model
		o     ImportOptions
		want  string // parts of the message, in order, split at "…"
	}{
		{"unknown operators", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			x := b.add("Foo", nil, b.add("Bar", nil, "x"))
			b.m.Nodes[0].Name = "first"
			return b.done(b.add("Foo", nil, x))
		}, ImportOptions{}, `test.onnx: …Bar at "first"; Foo at "Foo_1", "Foo_2"`},
		{"channels", func() *onnx.Model {
			b := newNet(1, 4, 8, 8)
			return b.done(b.add("Conv", nil, "x", b.signed(8, 3, 3, 3)))
		}, ImportOptions{}, `test.onnx: node "Conv_0" (Conv): weight (8,3,3,3) wants 3 input channels, input is (1,4,8,8)`},
		{"batch merged away", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			return b.done(b.add("Reshape", nil, "x", b.ints(192)))
		}, ImportOptions{Batch: 4}, `node "Reshape_0" (Reshape): cannot reshape (4,3,8,8)…batch of 1 is baked`},
		{"batch lost", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			return b.done(b.add("Reshape", nil, "x", b.ints(3, -1)))
		}, ImportOptions{Batch: 4}, `output "Reshape_0" has shape (3,256) for a batch of 4: the file's batch of 1`},
		{"size baked into Reshape", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			return b.done(b.add("Flatten", nil, b.add("Reshape", nil, b.conv("x", 3, 4, 3), b.ints(-1, 256))))
		}, ImportOptions{Size: 16, Batch: 3}, `output "Flatten_2" has shape (12,256) for a batch of 3: …image size is baked`},
		{"size of no image", func() *onnx.Model {
			b := newNet(1, 3)
			return b.done(b.add("Relu", nil, "x"))
		}, ImportOptions{Size: 16}, `input "x" (1,3): …no image`},
		{"open size", func() *onnx.Model {
			b := newNet(-1, 3, -1, -1)
			return b.done(b.conv("x", 3, 4, 3))
		}, ImportOptions{}, `input "x" (?,3,?,?): axis 2 is open…size`},
		{"used mask", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			b.add("Dropout", nil, "x")
			b.m.Nodes[0].Outputs = append(b.m.Nodes[0].Outputs, "mask")
			return b.done(b.add("Relu", nil, "mask"))
		}, ImportOptions{}, `node "Relu_1" (Relu): uses "mask", a further output of node "Dropout_0"`},
		{"mask as output", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			b.add("Dropout", nil, "x")
			b.m.Nodes[0].Outputs = append(b.m.Nodes[0].Outputs, "mask")
			return b.done("mask")
		}, ImportOptions{}, `output "mask" is a further output`},
		{"shape from data", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			return b.done(b.add("Reshape", nil, "x", b.add("Relu", nil, "x")))
		}, ImportOptions{}, `node "Reshape_1" (Reshape): the shape "Relu_0" is not known before`},
		{"gather of an activation", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			return b.done(b.add("Gather", nil, "x", b.ints(0)))
		}, ImportOptions{}, `node "Gather_0" (Gather): …depends on the image`},
		{"no such value", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			return b.done(b.add("Relu", nil, "x"))
		}, ImportOptions{Outputs: []string{"y"}}, `no value "y"; the last values are "Relu_0"`},
		{"feeding half a network", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			r := b.add("Relu", nil, "x")
			return b.done(b.add("Add", nil, r, "x"))
		}, ImportOptions{Input: "Relu_0", InputShape: tensor.Shape{1, 3, 8, 8}}, `feeding "Relu_0" is not enough…"x"`},
		{"undefined input", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			return b.done(b.add("Add", nil, "x", "nowhere"))
		}, ImportOptions{}, `node "Add_0" (Add): input "nowhere" is not defined`},
		{"constant output", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			return b.done(b.add("Relu", nil, b.floats(3)))
		}, ImportOptions{}, `depend on no input`},
		{"division by zero", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			return b.done(b.add("Reshape", nil, "x", b.add("Div", nil, b.ints(4), b.ints(0))))
		}, ImportOptions{}, `node "Div_0" (Div): divides`},
		{"huge constant", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			return b.done(b.add("Reshape", nil, "x", b.add("ConstantOfShape", nil, b.ints(1<<40))))
		}, ImportOptions{}, `node "ConstantOfShape_0" (ConstantOfShape): …too large`},
		{"huge padding", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			return b.done(b.add("Pad", nil, "x", b.ints(1<<30, 0, 1<<30, 0, 0, 0, 0, 0)))
		}, ImportOptions{}, `node "Pad_0" (Pad): …too large`},
		{"no inputs at all", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			return b.done(b.add("Add", nil, "x", b.add("Conv", nil)))
		}, ImportOptions{}, `node "Conv_0" (Conv): `},
		{"second operand missing", func() *onnx.Model {
			b := newNet(1, 3, 8, 8)
			return b.done(b.add("Add", nil, "x", ""))
		}, ImportOptions{}, `node "Add_0" (Add): `},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			_, err := Import(c.build(), c.o)
			if err == nil {
				t.Fatal("no error")
			}
			rest := err.Error()
			t.Log(err)
			for _, part := range strings.Split(c.want, "…") {
				_, after, ok := strings.Cut(rest, part)
				if !ok {
					t.Fatalf("error is\n\t%v\nwant in it\n\t%s", err, c.want)
				}
				rest = after
			}
		})
	}
}

// TestDamagedNetworks changes random nodes of a network that has every kind of
// folding: other operators, inputs, attributes. Import may refuse it, but must
// not panic, and what it takes must run.
func TestDamagedNetworks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := randomNet(rt)
		for range rapid.IntRange(1, 3).Draw(rt, "damages") {
			damage(rt, m)
		}
		g, err := Import(m, ImportOptions{Batch: 2})
		if err != nil {
			return
		}
		if _, err := Optimise(g); err != nil {
			rt.Fatalf("taken, but not optimised: %v", err)
		}
		eval(t, g, noise(g, 1))
	})
}

// damage changes one node of m.
func damage(rt *rapid.T, m *onnx.Model) {
	n := &m.Nodes[rapid.IntRange(0, len(m.Nodes)-1).Draw(rt, "node")]
	kind := rapid.IntRange(0, 3).Draw(rt, "damage")
	switch {
	case kind == 0:
		n.Op = rapid.SampledFrom(slices.Concat(op.Supported, slices.Sorted(maps.Keys(folders)))).Draw(rt, "op")
	case kind == 1 && len(n.Inputs) > 0:
		names := append(slices.Sorted(maps.Keys(m.Weights)), "x", "", "nowhere")
		n.Inputs = slices.Clone(n.Inputs)
		n.Inputs[rapid.IntRange(0, len(n.Inputs)-1).Draw(rt, "input")] = rapid.SampledFrom(names).Draw(rt, "name")
	case kind == 2 && len(n.Inputs) > 0:
		n.Inputs = n.Inputs[:rapid.IntRange(0, len(n.Inputs)-1).Draw(rt, "inputs")]
	default:
		key := rapid.SampledFrom(strings.Fields("axis axes perm pads strides kernel_shape group keepdims to dilations")).Draw(rt, "attribute")
		n.Attrs = maps.Clone(n.Attrs)
		if n.Attrs == nil {
			n.Attrs = map[string]any{}
		}
		n.Attrs[key] = rapid.SampledFrom([]any{int64(-3), int64(7), float32(2), "x", []int64{}, []int64{9, -9}, []int64{3, 2, 1, 0}, []int64{0, 0, 0, 0}}).Draw(rt, "value")
	}
}

// TestSliceRange follows NumPy's x[start:end:step] on six elements.
func TestSliceRange(t *testing.T) {
	const top = 1<<63 - 1
	for _, c := range []struct {
		start, end, step int64
		want             []int64
	}{
		{1, 4, 1, []int64{1, 2, 3}},
		{-2, top, 1, []int64{4, 5}},
		{0, -1, 2, []int64{0, 2, 4}},
		{0, 6, top, []int64{0}},
		{-1, -top, -1, []int64{5, 4, 3, 2, 1, 0}},
		{4, 1, -2, []int64{4, 2}},
		{10, -7, -3, []int64{5, 2}},
		{3, 3, 1, nil},
	} {
		got, err := sliceRange(c.start, c.end, c.step, 6)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%d:%d:%d is %v (%v), want %v", c.start, c.end, c.step, got, err, c.want)
		}
	}
	if _, err := sliceRange(0, 1, 0, 6); err == nil {
		t.Error("a step of 0 is taken")
	}
}

// TestSecondInput: the first axis of a further input is the batch only where it
// is as long or open; a scalar input is one.
func TestSecondInput(t *testing.T) {
	dims := func(sizes ...int64) []onnx.Dim {
		out := []onnx.Dim{}
		for _, n := range sizes {
			out = append(out, onnx.Dim{Size: n})
		}
		return out
	}
	for _, c := range []struct {
		shape []onnx.Dim
		want  tensor.Shape
	}{
		{dims(4, 5), tensor.Shape{4, 5}},
		{dims(2, 5), tensor.Shape{2, 5}},
		{dims(-1, 5), tensor.Shape{2, 5}},
		{dims(), tensor.Shape{}},
	} {
		b := newNet(2, 4)
		b.m.Inputs = append(b.m.Inputs, onnx.ValueInfo{Name: "z", Type: onnx.Float, Shape: c.shape})
		g := mustImport(t, b.done(b.add("Relu", nil, "x"), b.add("Relu", nil, "z")), ImportOptions{})
		if got := g.Inputs[1].Shape; !got.Equal(c.want) {
			t.Errorf("declared %v, imported %v, want %v", c.shape, got, c.want)
		}
	}
}

// An input of whole numbers is taken where the network casts it first, and
// refused, with the node, where it would count with them.
func TestWholeNumbersIn(t *testing.T) {
	b := newNet(1, 3, 8, 8)
	b.m.Inputs[0].Type = onnx.Uint8
	m := b.done(b.add("Relu", nil, b.add("Cast", attrs{"to": int64(1)}, "x")))
	sameResults(t, mustImport(t, m, ImportOptions{}))
	b = newNet(1, 3, 8, 8)
	b.m.Inputs[0].Type = onnx.Int64
	_, err := Import(b.done(b.add("Div", nil, "x", b.floats(3, 1, 1))), ImportOptions{})
	if want := `input "x" (1,3,8,8): holds int64, which node "Div_0" (Div) reads as they are: wanted floats`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}
