package onnx

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// oneNode returns a model of operator set opset: x → n → y, with a second input
// of x's shape where the node takes one.
func oneNode(opset int64, n Node) *Model {
	v := func(name string) []ValueInfo {
		return []ValueInfo{{Name: name, Type: Float, Shape: []Dim{{Size: 1}, {Size: 2}, {Size: 3}}}}
	}
	n.Inputs, n.Outputs = append([]string{"x"}, n.Inputs...), append([]string{"y"}, n.Outputs...)
	return &Model{IRVersion: 3, Opset: opset, Inputs: v("x"), Outputs: v("y"), Nodes: []Node{n}, Weights: map[string]*Tensor{}}
}

// What becomes of a node; onnxruntime's view of it is in the oracle test.
func TestUpgradeNodes(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to int64
		node     Node
		want     Node
		ints     []int64 // of input 1
	}{
		{"squeeze", 7, 13, Node{Op: "Squeeze", Attrs: map[string]any{"axes": []int64{0}}}, Node{Op: "Squeeze", Inputs: []string{"x", "y_axes"}}, []int64{0}},
		{"squeeze to 12", 7, 12, Node{Op: "Squeeze", Attrs: map[string]any{"axes": []int64{0}}}, Node{Op: "Squeeze", Inputs: []string{"x"}, Attrs: map[string]any{"axes": []int64{0}}}, nil},
		{"mean to 17", 13, 17, Node{Op: "ReduceMean", Attrs: map[string]any{"axes": []int64{1, 2}}}, Node{Op: "ReduceMean", Inputs: []string{"x"}, Attrs: map[string]any{"axes": []int64{1, 2}}}, nil},
		{"mean to 18", 13, 18, Node{Op: "ReduceMean", Attrs: map[string]any{"axes": []int64{1, 2}, "keepdims": int64(0)}}, Node{Op: "ReduceMean", Inputs: []string{"x", "y_axes"}, Attrs: map[string]any{"keepdims": int64(0)}}, []int64{1, 2}},
		{"mean of all", 13, 18, Node{Op: "ReduceMean"}, Node{Op: "ReduceMean", Inputs: []string{"x"}}, nil},
		{"clip above", 7, 11, Node{Op: "Clip", Attrs: map[string]any{"max": float32(6)}}, Node{Op: "Clip", Inputs: []string{"x", "", "y_max"}}, nil},
		{"dropout", 7, 13, Node{Op: "Dropout", Outputs: []string{"mask"}, Attrs: map[string]any{"ratio": float32(0.3)}}, Node{Op: "Dropout", Inputs: []string{"x", "y_ratio"}}, nil},
		{"spatial", 7, 9, Node{Op: "BatchNormalization", Attrs: map[string]any{"spatial": int64(1)}}, Node{Op: "BatchNormalization", Inputs: []string{"x"}}, nil},
		{"softmax last", 7, 13, Node{Op: "Softmax", Attrs: map[string]any{"axis": int64(2)}}, Node{Op: "Softmax", Inputs: []string{"x"}, Attrs: map[string]any{"axis": int64(-1)}}, nil},
		{"split", 11, 18, Node{Op: "Split", Outputs: []string{"z"}}, Node{Op: "Split", Inputs: []string{"x"}, Attrs: map[string]any{"num_outputs": int64(2)}}, nil},
		{"same", 13, 13, Node{Op: "Anything"}, Node{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := oneNode(c.from, c.node)
			before := maps.Clone(c.node.Attrs)
			u, err := Upgrade(m, c.to)
			if c.want.Op == "" {
				if err == nil {
					t.Fatal("no error for an unknown operator")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			n := u.Nodes[0]
			if len(u.Nodes) != 1 || n.Op != c.want.Op || !slices.Equal(n.Inputs, c.want.Inputs) || !attrsEqual(n.Attrs, c.want.Attrs) {
				t.Errorf("became %+v, wanted %+v", u.Nodes, c.want)
			}
			if c.ints != nil {
				if got, err := u.Weights[n.Inputs[1]].Ints(); err != nil || !slices.Equal(got, c.ints) {
					t.Errorf("input 1 is %v (%v), wanted %v", got, err, c.ints)
				}
			}
			if err := u.Check(); err != nil || u.Opset != c.to || u.IRVersion < m.IRVersion {
				t.Errorf("opset %d, IR %d: %v", u.Opset, u.IRVersion, err)
			}
			if !attrsEqual(m.Nodes[0].Attrs, before) || len(m.Weights) > 0 || len(m.Nodes[0].Inputs) != 1 || m.Opset != c.from {
				t.Errorf("the original changed: %+v", m)
			}
		})
	}
}

func attrsEqual(a, b map[string]any) bool {
	return maps.EqualFunc(a, b, func(x, y any) bool {
		if xs, ok := x.([]int64); ok {
			ys, ok := y.([]int64)
			return ok && slices.Equal(xs, ys)
		}
		return x == y
	})
}

func TestUpgradeRefuses(t *testing.T) {
	used := oneNode(7, Node{Op: "Dropout", Outputs: []string{"mask"}})
	used.Outputs = append(used.Outputs, ValueInfo{Name: "mask", Type: Float})
	half := oneNode(7, Node{Op: "Clip", Attrs: map[string]any{"min": float32(0)}})
	half.Weights["w"] = &Tensor{Name: "w", Type: Float16, Shape: []int64{1}, Raw: []byte{0, 0}}
	for _, c := range []struct {
		m    *Model
		to   int64
		want string
	}{
		{oneNode(13, Node{Op: "Relu"}), 12, "wanted operator set 13 to 22, asked for 12"},
		{oneNode(13, Node{Op: "Relu"}), 23, "asked for 23"},
		{oneNode(7, Node{Op: "Upsample", Name: "up"}), 18, `"up" (Upsample): no rule`},
		{oneNode(10, Node{Op: "Resize"}), 11, `"y" (Resize): Resize has another rule`},
		{oneNode(7, Node{Op: "BatchNormalization", Attrs: map[string]any{"spatial": int64(0)}}), 9, "spatial=0"},
		{oneNode(11, Node{Op: "Squeeze", Attrs: map[string]any{"axes": int64(0)}}), 13, `attribute "axes": wanted integers`},
		{used, 13, `its output "mask" is used`},
		{half, 13, "wanted a float32 network, found float16"},
	} {
		if _, err := Upgrade(c.m, c.to); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s to %d: error %v, wanted %q", c.m.Nodes[0].Op, c.to, err, c.want)
		}
	}
}

// IR versions as onnx/docs/Versioning.md lists them.
func TestIRFor(t *testing.T) {
	for opset, want := range map[int64]int64{7: 3, 8: 3, 9: 4, 10: 5, 11: 6, 12: 7, 14: 7, 15: 8, 18: 8, 19: 9, 20: 9, 21: 10, 22: 10} {
		if got := irFor(opset); got != want {
			t.Errorf("operator set %d: IR %d, wanted %d", opset, got, want)
		}
	}
}
