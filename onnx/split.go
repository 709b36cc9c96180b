package onnx

import (
	"cmp"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Caps that no real network comes near; they bound what a hostile file costs.
const (
	maxNodes    = 200_000
	maxEdges    = 1 << 20 // inputs × outputs, of all nodes: onnx-go makes so many
	maxWeights  = 200_000
	maxValues   = 200_000  // inputs, and outputs; IR 3 lists weights as inputs
	maxSkeleton = 16 << 20 // bytes
	maxText     = 4 << 20  // bytes of a name, a comment or an entry of the metadata
	maxEntries  = 10_000   // of the metadata; of a tensor's external data 10 are too many
	maxRank     = 64
)

// splitter separates a file into the skeleton for onnx-go, the weights, and
// what onnx-go does not hand on.
type splitter struct {
	m        *Model // all but Nodes
	listed   []ValueInfo
	nodes    []nodeMeta
	skeleton []byte // NodeProtos
	external *externals
	graphs   int
	edges    int
}

// nodeMeta is what the skeleton leaves out of one node.
type nodeMeta struct {
	name, domain, op string
	output           string // the first
	inputs, outputs  int
	tensors          map[string]*Tensor // tensor attributes
}

// label names the node for people, as Node.Label does.
func (n *nodeMeta) label() string {
	op := n.op
	if !defaultDomain(n.domain) {
		op = n.domain + "::" + n.op
	}
	return fmt.Sprintf("%q (%s)", cmp.Or(n.name, n.output), op)
}

// model reads a ModelProto.
func (s *splitter) model(b []byte) (err error) {
	m := s.m
	for f := range fields(b, &err) {
		switch f.num {
		case 1:
			m.IRVersion = f.int()
		case 2:
			m.Producer = f.text()
		case 3:
			m.ProducerVersion = f.text()
		case 6:
			m.Doc = f.text()
		case 7:
			s.graphs++
			if err = s.graph(f.bytes()); err != nil {
				err = fmt.Errorf("graph: %w", err)
			}
		case 8:
			err = s.opset(f.bytes())
		case 14:
			err = s.metadata(f.bytes())
		case 20:
			err = errors.New("the file holds training information, which is not supported (export the network for inference)")
		case 25:
			err = errors.New("the file holds model-local functions, which are not supported (inline them first with onnx.inliner)")
		}
	}
	if err == nil && s.graphs != 1 {
		err = fmt.Errorf("wanted one graph, found %d: not an ONNX model, or damaged", s.graphs)
	}
	return err
}

func (s *splitter) opset(b []byte) (err error) {
	domain, version := "", int64(0)
	for f := range fields(b, &err) {
		switch f.num {
		case 1:
			domain = f.text()
		case 2:
			version = f.int()
		}
	}
	if defaultDomain(domain) {
		s.m.Opset = version
	}
	return err
}

// defaultDomain reports whether domain is that of the standard operators.
func defaultDomain(domain string) bool { return domain == "" || domain == "ai.onnx" }

func (s *splitter) metadata(b []byte) error {
	k, v, err := keyValue(b)
	if s.m.Metadata == nil {
		s.m.Metadata = map[string]string{}
	}
	s.m.Metadata[k] = v
	if len(s.m.Metadata) > maxEntries {
		err = fmt.Errorf("more than %d entries of metadata", maxEntries)
	}
	return err
}

// keyValue reads a StringStringEntryProto.
func keyValue(b []byte) (k, v string, err error) {
	for f := range fields(b, &err) {
		switch f.num {
		case 1:
			k = f.text()
		case 2:
			v = f.text()
		}
	}
	return k, v, err
}

// graph reads a GraphProto. value_info is not read: shapes are inferred anew.
func (s *splitter) graph(b []byte) (err error) {
	for f := range fields(b, &err) {
		switch f.num {
		case 1:
			if err = s.node(f.bytes()); err != nil {
				err = fmt.Errorf("node %d: %w", len(s.nodes), err)
			}
		case 2:
			s.m.Name = f.text()
		case 5:
			err = s.initializer(f.bytes())
		case 11:
			s.listed, err = appendValue(s.listed, f.bytes())
		case 12:
			s.m.Outputs, err = appendValue(s.m.Outputs, f.bytes())
		case 15:
			err = errors.New("sparse initializers are not supported")
		}
	}
	return err
}

func (s *splitter) initializer(b []byte) error {
	t, err := s.tensor(b)
	switch {
	case err != nil:
		return fmt.Errorf("initializer %d: %w", len(s.m.Weights), err)
	case t.Name == "":
		return fmt.Errorf("initializer %d has no name", len(s.m.Weights))
	case s.m.Weights[t.Name] != nil:
		return fmt.Errorf("two initializers are called %q", t.Name)
	case len(s.m.Weights) >= maxWeights:
		return fmt.Errorf("more than %d initializers", maxWeights)
	}
	s.m.Weights[t.Name] = t
	return nil
}

// node reads a NodeProto and appends to the skeleton what onnx-go is to decode
// of it: inputs, outputs, operator and attributes without tensors.
func (s *splitter) node(b []byte) (err error) {
	var n nodeMeta
	var attrs [][]byte
	var body []byte
	for f := range fields(b, &err) {
		switch f.num {
		case 1:
			body = appendText(body, 1, f.text())
			n.inputs++
		case 2:
			out := f.text()
			body = appendText(body, 2, out)
			n.output = cmp.Or(n.output, out)
			n.outputs++
		case 3:
			n.name = f.text()
		case 4:
			n.op = f.text()
			body = appendText(body, 4, n.op)
		case 5:
			attrs = append(attrs, f.bytes())
		case 7:
			n.domain = f.text()
		}
	}
	for _, a := range attrs {
		if err == nil {
			body, err = s.attribute(&n, body, a)
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", n.label(), err)
	case n.op == "":
		return fmt.Errorf("%s has no operator", n.label())
	case n.outputs == 0:
		return fmt.Errorf("%s has no outputs", n.label())
	case n.inputs*n.outputs > maxEdges-s.edges:
		return fmt.Errorf("%s has %d inputs and %d outputs: more than %d connections", n.label(), n.inputs, n.outputs, maxEdges)
	case len(s.nodes) >= maxNodes || len(s.skeleton)+len(body) > maxSkeleton:
		return fmt.Errorf("more than %d nodes or %d MB of attributes", maxNodes, maxSkeleton>>20)
	}
	s.edges += n.inputs * n.outputs
	s.nodes = append(s.nodes, n)
	s.skeleton = appendMessage(s.skeleton, 1, body)
	return nil
}

// The values of AttributeProto.AttributeType that are read and written.
const (
	attrFloat   = 1
	attrInt     = 2
	attrString  = 3
	attrTensor  = 4
	attrGraph   = 5
	attrFloats  = 6
	attrInts    = 7
	attrStrings = 8
	attrGraphs  = 10
)

// attribute appends AttributeProto b to the NodeProto body, or puts its tensor
// into n. Only the fields that its type needs are passed on.
func (s *splitter) attribute(n *nodeMeta, body, b []byte) (_ []byte, err error) {
	var name string
	var kind int64
	var tensor, keep []byte
	for f := range fields(b, &err) {
		switch f.num {
		case 1:
			name = f.text()
			keep = appendText(keep, 1, name)
		case 2:
			keep = protowire.AppendTag(keep, 2, protowire.Fixed32Type)
			keep = protowire.AppendFixed32(keep, uint32(f.fixedBits()))
		case 3:
			keep = appendInt(keep, 3, f.int())
		case 4, 9:
			keep = appendMessage(keep, f.num, f.bytes())
		case 5:
			tensor = f.bytes()
		case 7:
			keep = appendMessage(keep, 7, f.packed(nil, protowire.Fixed32Type))
		case 8:
			keep = appendMessage(keep, 8, f.packed(nil, protowire.VarintType))
		case 20:
			kind = f.int()
			keep = appendInt(keep, 20, kind)
		case 21:
			err = errors.New("refers to a function's attribute outside of a function")
		}
	}
	if err != nil {
		return body, fmt.Errorf("attribute %q: %w", name, err)
	}
	switch kind {
	case attrFloat, attrInt, attrString, attrFloats, attrInts, attrStrings:
		return appendMessage(body, 5, keep), nil
	case attrTensor:
		t, err := s.tensor(tensor)
		if err != nil {
			return body, fmt.Errorf("attribute %q: %w", name, err)
		}
		if n.tensors == nil {
			n.tensors = map[string]*Tensor{}
		}
		n.tensors[name] = t
		return body, nil
	case attrGraph, attrGraphs:
		return body, fmt.Errorf("attribute %q is a subgraph: control flow (If, Loop, Scan) is not supported (export the network for inference, with fixed sizes)", name)
	}
	return body, fmt.Errorf("attribute %q: wanted a number, text, list or tensor, found attribute type %d", name, kind)
}
