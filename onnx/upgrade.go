package onnx

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Upgrade returns m rewritten for the newer operator set opset: attributes that
// became inputs are moved, changed defaults are written out. Weights are shared
// with m, which must stay open. The rules follow ONNX's Changelog.md; operators
// that it does not know, or that have no newer form, are one error that lists
// them with their nodes.
func Upgrade(m *Model, opset int64) (*Model, error) {
	if opset < m.Opset || opset > MaxOpset {
		return nil, fmt.Errorf("upgrading %s: wanted operator set %d to %d, asked for %d", m.label(), m.Opset, MaxOpset, opset)
	}
	out := *m
	out.maps, out.Nodes = nil, nil
	out.Weights = maps.Clone(m.Weights)
	out.Opset, out.IRVersion = opset, max(m.IRVersion, irFor(opset))
	u := upgrader{m: &out, from: m.Opset, to: opset, names: valueNames(m), makers: makers(m), used: usedValues(m)}
	var refused []string
	for _, n := range m.Nodes {
		nodes, err := u.node(n)
		if err != nil {
			refused = append(refused, fmt.Sprintf("%s: %v", n.Label(), err))
		}
		out.Nodes = append(out.Nodes, nodes...)
	}
	if len(refused) > 0 {
		return nil, fmt.Errorf("upgrading %s from operator set %d to %d: %s", m.label(), m.Opset, opset, some(refused))
	}
	return &out, nil
}

// irFor returns the IR version that came with an operator set, after
// onnx/docs/Versioning.md.
func irFor(opset int64) int64 {
	first := []int64{3: 7, 4: 9, 5: 10, 6: 11, 7: 12, 8: 15, 9: 19, 10: 21} // IR version → its first operator set
	ir := int64(MinIR)
	for v := ir; v <= MaxIR && first[v] <= opset; v++ {
		ir = v
	}
	return ir
}

// upgrader rewrites nodes for another operator set.
type upgrader struct {
	m        *Model // the result
	from, to int64
	names    map[string]bool  // all values
	makers   map[string]*Node // of the old model
	used     map[string]bool  // values that a node or the graph's outputs take
}

// rewrite is what happened to one operator in one version.
type rewrite struct {
	since int64
	apply func(*upgrader, Node) ([]Node, error)
}

// unchanged lists operators whose form of operator set 7 to 22 means the same
// in every later one, up to 22.
var unchanged = []string{
	"Abs", "Add", "And", "ArgMax", "ArgMin", "AveragePool", "Cast", "Ceil", "Concat", "ConstantOfShape",
	"Conv", "ConvTranspose", "DepthToSpace", "Div", "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten",
	"Floor", "Gather", "Gelu", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "Greater", "HardSigmoid",
	"HardSwish", "Identity", "InstanceNormalization", "LRN", "LayerNormalization", "LeakyRelu", "Less", "Log",
	"MatMul", "Max", "MaxPool", "Mean", "Min", "Mish", "Mul", "Neg", "Not", "Or", "PRelu", "Pow", "Range",
	"Reciprocal", "Relu", "Reshape", "Selu", "Shape", "Sigmoid", "Sign", "Softplus", "Softsign",
	"SpaceToDepth", "Sqrt", "Sub", "Sum", "Tanh", "ThresholdedRelu", "Tile", "Transpose", "Where",
}

// changed lists the operators that need rewriting, with the versions in order.
var changed = map[string][]rewrite{
	"BatchNormalization": {{9, dropSpatial}, {14, oneOutput}},
	"Clip":               {{11, clipInputs}},
	"Dropout":            {{12, dropoutInputs}},
	"GroupNormalization": {{21, refuse("scale and bias changed their meaning in 21")}},
	"Hardmax":            {{13, softmaxAxis}},
	"LogSoftmax":         {{13, softmaxAxis}},
	"Pad":                {{11, padInputs}},
	"ReduceL1":           {{18, axesInput}},
	"ReduceL2":           {{18, axesInput}},
	"ReduceLogSum":       {{18, axesInput}},
	"ReduceLogSumExp":    {{18, axesInput}},
	"ReduceMax":          {{18, axesInput}},
	"ReduceMean":         {{18, axesInput}},
	"ReduceMin":          {{18, axesInput}},
	"ReduceProd":         {{18, axesInput}},
	"ReduceSum":          {{13, axesInput}},
	"ReduceSumSquare":    {{18, axesInput}},
	"Resize":             {{11, refuse("Resize has another rule for coordinates since 11")}},
	"Slice":              {{10, sliceInputs}},
	"Softmax":            {{13, softmaxAxis}},
	"Split":              {{13, splitInput}, {18, splitCount}},
	"Squeeze":            {{13, axesInput}},
	"Unsqueeze":          {{13, axesInput}},
}

// node returns what n becomes. n is not changed.
func (u *upgrader) node(n Node) ([]Node, error) {
	steps, known := changed[n.Op]
	if !known && !slices.Contains(unchanged, n.Op) {
		return nil, errors.New("no rule is known for this operator")
	}
	if len(n.Inputs) == 0 && len(steps) > 0 {
		return nil, errors.New("wanted an input")
	}
	n.Inputs, n.Outputs, n.Attrs = slices.Clone(n.Inputs), slices.Clone(n.Outputs), maps.Clone(n.Attrs)
	if n.Attrs == nil {
		n.Attrs = map[string]any{}
	}
	nodes := []Node{n}
	for _, s := range steps {
		if u.from < s.since && s.since <= u.to {
			var err error
			if nodes, err = s.apply(u, nodes[0]); err != nil {
				return nil, err
			}
		}
	}
	return nodes, nil
}

// ints adds an int64 weight for node n and returns its name.
func (u *upgrader) ints(n Node, what string, data ...int64) string {
	name := u.fresh(n, what)
	u.m.Weights[name] = NewInts(name, []int64{int64(len(data))}, data...)
	return name
}

// number adds a scalar weight of the network's type for node n.
func (u *upgrader) number(n Node, what string, v float32) (string, error) {
	for _, t := range u.m.Weights {
		if t.Type == Double || t.Type == Float16 || t.Type == BFloat16 {
			return "", fmt.Errorf("wanted a float32 network, found %v weight %q", t.Type, t.Name)
		}
	}
	name := u.fresh(n, what)
	u.m.Weights[name] = NewFloats(name, nil, []float32{v})
	return name, nil
}

// fresh returns a value name that nothing has.
func (u *upgrader) fresh(n Node, what string) string {
	name := n.Outputs[0] + "_" + what
	for u.names[name] {
		name += "_"
	}
	u.names[name] = true
	return name
}

// valueNames returns the names of all values of m.
func valueNames(m *Model) map[string]bool {
	names := map[string]bool{}
	for name := range m.Weights {
		names[name] = true
	}
	for _, v := range m.Inputs {
		names[v.Name] = true
	}
	for _, n := range m.Nodes {
		for _, out := range n.Outputs {
			names[out] = true
		}
	}
	return names
}

// usedValues returns the values that a node or the graph's outputs take.
func usedValues(m *Model) map[string]bool {
	used := map[string]bool{}
	for _, n := range m.Nodes {
		for _, in := range n.Inputs {
			used[in] = true
		}
	}
	for _, v := range m.Outputs {
		used[v.Name] = true
	}
	return used
}

// makers returns the node that makes each value.
func makers(m *Model) map[string]*Node {
	by := map[string]*Node{}
	for i := range m.Nodes {
		for _, out := range m.Nodes[i].Outputs {
			by[out] = &m.Nodes[i]
		}
	}
	return by
}
