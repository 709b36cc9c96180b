package onnx

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Read opens an ONNX file. Weights are not copied: they are views of the
// memory-mapped file (and of the external data files beside it), so Close the
// model only when nothing of it is used any more, and do not cut the files short
// before (replacing them by a rename is fine).
//
// The file is split into a skeleton without weights, which onnx-go decodes, and
// the weights with what onnx-go does not hand on; both are joined and checked.
// Constant nodes become Weights. An error names the file, the place in it, what
// was wanted and what was found; one that lies in what the file holds is a
// [ContentError].
func Read(path string) (*Model, error) {
	if err := regular(path); err != nil {
		return nil, err
	}
	m := &Model{Path: path, Weights: map[string]*Tensor{}}
	if err := m.read(); err != nil {
		m.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

func (m *Model) read() error {
	f, err := os.Open(m.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := mapFile(f)
	if err != nil {
		return err
	}
	m.maps = append(m.maps, data)
	if err := sniff(data); err != nil {
		return ContentError{err}
	}
	if err := m.parse(data); err != nil {
		return ContentError{err}
	}
	return nil
}

// ContentError is an error in what a file holds, not in how it was reached:
// only another file helps.
type ContentError struct{ error }

// Unwrap returns the error without the mark.
func (e ContentError) Unwrap() error { return e.error }

// parse fills m from the bytes of an ONNX file.
func (m *Model) parse(data []byte) error {
	s := splitter{m: m, external: &externals{dir: filepath.Dir(m.Path), maps: &m.maps}}
	if err := s.model(data); err != nil {
		return err
	}
	if err := s.external.checkOverlaps(); err != nil {
		return err
	}
	old := m.Opset
	if 0 < old && old < MinOpset {
		m.Opset = MinOpset // fromOld makes it so
	}
	if err := m.checkVersions(); err != nil {
		return err
	}
	if err := s.checkOperators(); err != nil {
		return err
	}
	if err := s.join(); err != nil {
		return err
	}
	if old < MinOpset {
		if err := m.fromOld(old); err != nil {
			return err
		}
	}
	if err := m.sortNodes(); err != nil {
		return err
	}
	m.noteConversions()
	return m.Check()
}

// Close ends the model: weights read from a file become empty, and views of
// them must not be used any more.
func (m *Model) Close() error {
	var first error
	for _, t := range m.Weights {
		if len(m.maps) > 0 {
			t.Raw = nil
		}
	}
	for i := range m.maps {
		if m.maps[i] != nil {
			first = cmp.Or(first, m.maps[i].Unmap())
		}
	}
	m.maps = nil
	return first
}

// Release lets the memory go that the system has filled with the file so far;
// weights stay readable and come back from the file when they are touched.
func (m *Model) Release() {
	for _, data := range m.maps {
		release(data)
	}
}

// join decodes the skeleton and adds what it lacks.
func (s *splitter) join() error {
	m := s.m
	for _, v := range s.listed {
		if m.Weights[v.Name] == nil { // IR 3 lists initializers as inputs too
			m.Inputs = append(m.Inputs, v)
		}
	}
	if len(m.Outputs) == 0 {
		return fmt.Errorf("the graph has no outputs")
	}
	if len(s.nodes) == 0 {
		return nil
	}
	nodes, err := decode(s.skeletonModel())
	if err != nil {
		return err
	}
	if len(nodes) != len(s.nodes) {
		return fmt.Errorf("onnx-go decoded %d nodes of %d", len(nodes), len(s.nodes))
	}
	for i, n := range nodes {
		meta := s.nodes[i]
		n.Name = meta.name
		n.Inputs = n.Inputs[:meta.inputs] // onnx-go invents one where there is none
		for name, t := range meta.tensors {
			n.Attrs[name] = t
		}
		if n.Op != "Constant" {
			m.Nodes = append(m.Nodes, n)
		} else if err := m.addConstant(&n); err != nil {
			return fmt.Errorf("node %s: %w", n.Label(), err)
		}
	}
	return nil
}

// skeletonModel returns the ModelProto for onnx-go: nodes and the names of
// inputs and outputs.
func (s *splitter) skeletonModel() []byte {
	graph := s.skeleton
	for _, v := range s.m.Inputs {
		graph = appendMessage(graph, 11, appendText(nil, 1, v.Name))
	}
	for _, v := range s.m.Outputs {
		graph = appendMessage(graph, 12, appendText(nil, 1, v.Name))
	}
	return appendMessage(appendInt(nil, 1, s.m.IRVersion), 7, graph)
}

// addConstant makes the output of a Constant node a weight.
func (m *Model) addConstant(n *Node) error {
	name := n.Outputs[0]
	if len(n.Attrs) != 1 || len(n.Outputs) != 1 {
		return fmt.Errorf("wanted one value and one output, found %d and %d", len(n.Attrs), len(n.Outputs))
	}
	var t *Tensor
	for key, v := range n.Attrs {
		switch v := v.(type) {
		case *Tensor:
			c := *v
			t = &c
			t.Name = name
		case float32:
			t = NewFloats(name, nil, []float32{v})
		case []float32:
			t = NewFloats(name, []int64{int64(len(v))}, v)
		case int64:
			t = NewInts(name, nil, v)
		case []int64:
			t = NewInts(name, []int64{int64(len(v))}, v...)
		default:
			return fmt.Errorf("%s: constant text is not supported", key)
		}
	}
	if m.Weights[name] != nil {
		return fmt.Errorf("%q is already a weight", name)
	}
	m.Weights[name] = t
	return nil
}

// noteConversions says which weights Floats converts.
func (m *Model) noteConversions() {
	counts := map[DataType]int{}
	for _, t := range m.Weights {
		counts[t.Type]++
	}
	for _, d := range []DataType{Double, Float16, BFloat16} {
		if n := counts[d]; n > 0 {
			m.Notes = append(m.Notes, fmt.Sprintf("%d %v %s used as float32", n, d, plural(n, "weight is", "weights are")))
		}
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// checkOperators refuses nodes of foreign domains and quantised operators, all
// of them in one error.
func (s *splitter) checkOperators() error {
	var foreign, quantised []string
	for _, n := range s.nodes {
		switch {
		case !defaultDomain(n.domain):
			foreign = append(foreign, n.label())
		case slices.Contains(quantisedOps, n.op):
			quantised = append(quantised, n.label())
		}
	}
	if len(quantised) > 0 {
		return fmt.Errorf("the network is quantised, found %s (take the float network it was made from: fine-tuning needs it)", some(quantised))
	}
	if len(foreign) > 0 {
		return fmt.Errorf("wanted operators of the ONNX standard only, found %s (take the file from before a runtime fused or compiled it)", some(foreign))
	}
	return nil
}

var quantisedOps = []string{"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear",
	"QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger"}

// some joins the first few of list.
func some(list []string) string {
	const most = 12
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}
