package onnx

import (
	"errors"
	"fmt"
)

// The rewrites of Upgrade. Each gets a node of its own to change.

// refuse is for a change of meaning that is not rewritten.
func refuse(why string) func(*upgrader, Node) ([]Node, error) {
	return func(*upgrader, Node) ([]Node, error) { return nil, errors.New(why) }
}

// moveInts replaces an integer list attribute, if the node has it, by a further
// input.
func (u *upgrader) moveInts(n *Node, key string) error {
	if !n.Has(key) {
		return nil
	}
	list, ok := n.Attrs[key].([]int64)
	if !ok {
		return fmt.Errorf("attribute %q: wanted integers, found %T", key, n.Attrs[key])
	}
	n.Inputs = append(n.Inputs, u.ints(*n, key, list...))
	delete(n.Attrs, key)
	return nil
}

// axesInput: attribute axes became input 1.
func axesInput(u *upgrader, n Node) ([]Node, error) {
	n.Inputs = n.Inputs[:1]
	err := u.moveInts(&n, "axes")
	return []Node{n}, err
}

// clipInputs: attributes min and max became inputs 1 and 2 in 11.
func clipInputs(u *upgrader, n Node) ([]Node, error) {
	in := []string{n.Inputs[0], "", ""}
	last := 0
	for i, key := range []string{"min", "max"} {
		if !n.Has(key) {
			continue
		}
		name, err := u.number(n, key, n.Float(key, 0))
		if err != nil {
			return nil, err
		}
		in[i+1], last = name, i+1
		delete(n.Attrs, key)
	}
	n.Inputs = in[:last+1]
	return []Node{n}, nil
}

// padInputs: attributes pads and value became inputs 1 and 2 in 11.
func padInputs(u *upgrader, n Node) ([]Node, error) {
	n.Inputs = n.Inputs[:1]
	if err := u.moveInts(&n, "pads"); err != nil {
		return nil, err
	}
	if v := n.Float("value", 0); v != 0 {
		name, err := u.number(n, "value", v)
		if err != nil {
			return nil, err
		}
		n.Inputs = append(n.Inputs, name)
	}
	delete(n.Attrs, "value")
	return []Node{n}, nil
}

// dropoutInputs: attribute ratio became input 1 in 12; the mask became bool in 10.
func dropoutInputs(u *upgrader, n Node) ([]Node, error) {
	if _, err := oneOutput(u, n); err != nil {
		return nil, err
	}
	n.Outputs = n.Outputs[:1]
	if n.Has("ratio") {
		name, err := u.number(n, "ratio", n.Float("ratio", 0.5))
		if err != nil {
			return nil, err
		}
		n.Inputs = append(n.Inputs[:1], name)
		delete(n.Attrs, "ratio")
	}
	return []Node{n}, nil
}

// dropSpatial: BatchNormalization 9 lost attribute spatial, which was 1 by default.
func dropSpatial(_ *upgrader, n Node) ([]Node, error) {
	if n.Int("spatial", 1) != 1 {
		return nil, errors.New("spatial=0 has no newer form")
	}
	delete(n.Attrs, "spatial")
	return []Node{n}, nil
}

// oneOutput drops the optional outputs, whose meaning changed, unless one is used.
func oneOutput(u *upgrader, n Node) ([]Node, error) {
	for _, out := range n.Outputs[1:] {
		if out != "" && u.used[out] {
			return nil, fmt.Errorf("its output %q is used, which has no newer form", out)
		}
	}
	n.Outputs = n.Outputs[:1]
	return []Node{n}, nil
}

// sliceInputs: attributes starts, ends and axes became inputs 1 to 3 in 10.
func sliceInputs(u *upgrader, n Node) ([]Node, error) {
	for _, key := range []string{"starts", "ends", "axes"} {
		if err := u.moveInts(&n, key); err != nil {
			return nil, err
		}
	}
	return []Node{n}, nil
}

// splitInput: attribute split became input 1 in 13.
func splitInput(u *upgrader, n Node) ([]Node, error) {
	n.Inputs = n.Inputs[:1]
	err := u.moveInts(&n, "split")
	return []Node{n}, err
}

// splitCount: an even split must say into how many parts since 18.
func splitCount(_ *upgrader, n Node) ([]Node, error) {
	if len(n.Inputs) < 2 || n.Inputs[1] == "" {
		n.Attrs["num_outputs"] = int64(len(n.Outputs))
	}
	return []Node{n}, nil
}

// softmaxAxis: before 13 all axes from axis (default 1) on were one, since 13
// axis (default -1) alone counts. Where axis is the last one, both mean the
// same; else the old meaning is spelled out by Flatten and Reshape.
func softmaxAxis(u *upgrader, n Node) ([]Node, error) {
	axis := n.Int("axis", 1)
	if axis == -1 || axis == int64(u.rank(n.Inputs[0], 0))-1 {
		n.Attrs["axis"] = int64(-1)
		return []Node{n}, nil
	}
	x, y := n.Inputs[0], n.Outputs[0]
	shape, flat, soft := u.fresh(n, "shape"), u.fresh(n, "flat"), u.fresh(n, "soft")
	n.Attrs["axis"] = int64(1)
	n.Inputs, n.Outputs = []string{flat}, []string{soft}
	return []Node{
		{Op: "Shape", Inputs: []string{x}, Outputs: []string{shape}},
		{Op: "Flatten", Inputs: []string{x}, Outputs: []string{flat}, Attrs: map[string]any{"axis": axis}},
		n,
		{Op: "Reshape", Inputs: []string{soft, shape}, Outputs: []string{y}},
	}, nil
}

// rank returns the number of axes of a value as far as it shows at a glance,
// else -1.
func (u *upgrader) rank(value string, depth int) int {
	if n := u.makers[value]; n != nil && len(n.Inputs) > 0 && depth < 8 {
		switch n.Op {
		case "Flatten", "Gemm":
			return 2
		case "Relu", "Identity", "Dropout", "Sigmoid":
			return u.rank(n.Inputs[0], depth+1)
		}
	}
	for _, v := range u.m.Inputs {
		if v.Name == value && v.Shape != nil {
			return len(v.Shape)
		}
	}
	return -1
}
