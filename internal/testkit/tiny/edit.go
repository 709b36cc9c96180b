package tiny

import (
	"maps"
	"math"
	"slices"

	"github.com/tlkit/tl/onnx"
)

// Edited is one of the tiny networks with changes, as data says: what a fuzzer
// rarely makes of a file's bytes, because lengths and names must agree there.
//
//	data []byte // which network, opset, then three bytes for each change: what, where, to what
func Edited(data []byte) *onnx.Model {
	if len(data) < 2 {
		return nets[0].model()
	}
	m := nets[int(data[0])%len(nets)].model()
	m.Path, m.Opset = "edited.onnx", onnx.MinOpset+int64(data[1])%(onnx.MaxOpset-onnx.MinOpset+1)
	for data = data[2:]; len(data) >= 3; data = data[3:] {
		edit(m, data[0], data[1], data[2])
	}
	return m
}

// numbers are what an integer is changed to: plausible ones and absurd ones.
var numbers = []int64{0, 1, 2, 3, 4, 5, 7, 8, 16, 33, -1, -2, -4, 255, 4096, 4097, 65536, 1<<31 - 1, 1 << 31, 1 << 32, 1 << 40, 1 << 62, math.MaxInt64, math.MinInt64, -1 << 31}

// floats are what a number attribute is changed to.
var floats = []float32{0, 1, -1, 1e-30, 1e30, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}

// names of attributes that a change may add, with lists of up to four numbers.
var (
	lists  = []string{"kernel_shape", "strides", "dilations", "pads", "perm", "axes"}
	single = []string{"axis", "group", "ceil_mode", "count_include_pad", "transA", "transB", "keepdims", "allowzero", "size", "to", "start", "end"}
)

// edit makes one change.
func edit(m *onnx.Model, what, where, to byte) {
	n := &m.Nodes[int(where)%len(m.Nodes)]
	v := numbers[int(to)%len(numbers)]
	switch what % 8 {
	case 0: // one number of a list
		all := places(m)
		if len(all) > 0 {
			*all[int(where)%len(all)] = v
		}
	case 1: // an attribute more
		n.Attrs = with(n.Attrs, single[int(what/8)%len(single)], v)
	case 2:
		list := make([]int64, 1+to%4)
		for i := range list {
			list[i] = numbers[(int(to)+i)%len(numbers)]
		}
		n.Attrs = with(n.Attrs, lists[int(what/8)%len(lists)], list)
	case 3:
		for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
			if _, ok := n.Attrs[name].(float32); ok {
				n.Attrs = with(n.Attrs, name, floats[int(to)%len(floats)])
			}
		}
	case 4: // another input
		names := append(slices.Sorted(maps.Keys(m.Weights)), "x", "")
		for i := range m.Nodes[:int(where)%len(m.Nodes)] {
			names = append(names, m.Nodes[i].Outputs...)
		}
		n.Inputs[int(what/8)%len(n.Inputs)] = names[int(to)%len(names)]
	case 5: // another operator
		n.Op = nets[int(to)%len(nets)].nodes[0].op
	case 6: // one input fewer, or one twice
		if to&1 == 0 && len(n.Inputs) > 1 {
			n.Inputs = n.Inputs[:len(n.Inputs)-1]
		} else {
			n.Inputs = append(n.Inputs, n.Inputs[0])
		}
	case 7: // an integer constant of other numbers
		for _, name := range slices.Sorted(maps.Keys(m.Weights)) {
			if t := m.Weights[name]; t.Type == onnx.Int64 {
				ints, _ := t.Ints()
				if len(ints) > 0 {
					ints[int(where)%len(ints)] = v
				}
				m.Weights[name] = onnx.NewInts(name, t.Shape, ints...)
			}
		}
	}
}

// places are the numbers of list attributes and of the input's shape.
func places(m *onnx.Model) (all []*int64) {
	for i := range m.Inputs[0].Shape {
		all = append(all, &m.Inputs[0].Shape[i].Size)
	}
	for i := range m.Nodes {
		n := &m.Nodes[i]
		for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
			if list, ok := n.Attrs[name].([]int64); ok {
				list = slices.Clone(list)
				n.Attrs = with(n.Attrs, name, list)
				for j := range list {
					all = append(all, &list[j])
				}
			}
		}
	}
	return all
}

// with is attrs with one set; the networks' own stay as they are.
func with(attrs map[string]any, name string, v any) map[string]any {
	attrs = maps.Clone(attrs)
	if attrs == nil {
		attrs = map[string]any{}
	}
	attrs[name] = v
	return attrs
}
