package onnx

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// Write writes m as an ONNX file. Weights go to w straight from where they
// lie, so writing needs no second copy of them. Equal models give equal bytes:
// weights stand in the order of their first use. What is not in Model (value
// infos, documentation of nodes) is not written; tensors of former Constant
// nodes are written as initializers. A protobuf file ends at 2 GiB.
func Write(w io.Writer, m *Model) error {
	if err := m.Check(); err != nil {
		return fmt.Errorf("writing %s: %w", m.label(), err)
	}
	r, err := m.rope()
	if err != nil {
		return fmt.Errorf("writing %s: %w", m.label(), err)
	}
	if r.size > math.MaxInt32 {
		return fmt.Errorf("writing %s: %d bytes are too many, an ONNX file ends at 2 GiB", m.label(), r.size)
	}
	buf := bufio.NewWriterSize(w, 1<<16)
	since := 0
	for _, p := range r.parts {
		if _, err := buf.Write(p); err != nil {
			return err
		}
		if since += len(p); since > releaseBytes {
			m.releaseSources()
			since = 0
		}
	}
	m.releaseSources()
	return buf.Flush()
}

// releaseBytes is how many bytes Write writes between two releases.
const releaseBytes = 8 << 20

func (m *Model) releaseSources() {
	for _, s := range m.Sources {
		s.Release()
	}
}

// label names the model in errors.
func (m *Model) label() string {
	if m.Path != "" {
		return m.Path
	}
	return fmt.Sprintf("model %q", m.Name)
}

// rope is a message in parts, so that weights need not be copied into it.
type rope struct {
	parts [][]byte
	size  int64
}

func (r *rope) add(part []byte) {
	r.parts = append(r.parts, part)
	r.size += int64(len(part))
}

// message appends inner as field num.
func (r *rope) message(num protowire.Number, inner rope) {
	tag := protowire.AppendTag(nil, num, protowire.BytesType)
	r.add(protowire.AppendVarint(tag, uint64(inner.size)))
	r.parts = append(r.parts, inner.parts...)
	r.size += inner.size
}

// rope returns the ModelProto.
func (m *Model) rope() (rope, error) {
	var r rope
	head := appendInt(nil, 1, m.IRVersion)
	head = appendOptional(head, 2, m.Producer)
	head = appendOptional(head, 3, m.ProducerVersion)
	r.add(appendOptional(head, 6, m.Doc))
	graph, err := m.alignedGraph(r.size)
	if err != nil {
		return r, err
	}
	r.message(7, graph)
	tail := appendMessage(nil, 8, appendInt(appendText(nil, 1, ""), 2, m.Opset))
	for _, k := range slices.Sorted(maps.Keys(m.Metadata)) {
		key, value := strings.ToValidUTF8(k, "\uFFFD"), strings.ToValidUTF8(m.Metadata[k], "\uFFFD") // e.g. folder names
		tail = appendMessage(tail, 14, appendText(appendText(nil, 1, key), 2, value))
	}
	r.add(tail)
	return r, nil
}

// alignedGraph returns the GraphProto for a field that starts at byte start of
// the file. Where the message itself starts depends on the length of its own
// length; a rare graph that fits none is written with unaligned weights.
func (m *Model) alignedGraph(start int64) (r rope, err error) {
	for n := 1; n <= 5 && err == nil; n++ {
		r, err = m.graphRope(start + 1 + int64(n))
		if protowire.SizeVarint(uint64(r.size)) == n {
			break
		}
	}
	return r, err
}

// graphRope returns the GraphProto whose first byte is byte start of the file.
func (m *Model) graphRope(start int64) (rope, error) {
	var r rope
	for i := range m.Nodes {
		n, err := nodeRope(&m.Nodes[i])
		if err != nil {
			return r, fmt.Errorf("node %s: %w", m.Nodes[i].Label(), err)
		}
		r.message(1, n)
	}
	r.add(appendText(nil, 2, m.Name))
	weights := m.weightOrder()
	for _, t := range weights {
		r.message(5, alignedTensor(t, start+r.size))
	}
	var io []byte
	for _, v := range m.Inputs {
		io = appendMessage(io, 11, valueBytes(v))
	}
	if m.IRVersion < 4 { // initializers must be inputs too
		for _, t := range weights {
			io = appendMessage(io, 11, valueBytes(t.value()))
		}
	}
	for _, v := range m.Outputs {
		io = appendMessage(io, 12, valueBytes(v))
	}
	r.add(io)
	return r, nil
}

// weightOrder lists the weights in the order of first use, then the unused by name.
func (m *Model) weightOrder() []*Tensor {
	var order []*Tensor
	seen := map[string]bool{}
	add := func(name string) {
		if t := m.Weights[name]; t != nil && !seen[name] {
			seen[name] = true
			order = append(order, t)
		}
	}
	for _, n := range m.Nodes {
		for _, in := range n.Inputs {
			add(in)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Weights)) {
		add(name)
	}
	return order
}

// nodeRope returns a NodeProto.
func nodeRope(n *Node) (rope, error) {
	var r rope
	var b []byte
	for _, in := range n.Inputs {
		b = appendText(b, 1, in)
	}
	for _, out := range n.Outputs {
		b = appendText(b, 2, out)
	}
	b = appendOptional(b, 3, n.Name)
	r.add(appendText(b, 4, n.Op))
	for _, name := range slices.Sorted(maps.Keys(n.Attrs)) {
		a, err := attributeRope(name, n.Attrs[name])
		if err != nil {
			return r, err
		}
		r.message(5, a)
	}
	return r, nil
}

// attributeRope returns an AttributeProto.
func attributeRope(name string, v any) (rope, error) {
	var r rope
	b := appendText(nil, 1, name)
	kind := int64(0)
	switch v := v.(type) {
	case float32:
		kind = attrFloat
		b = protowire.AppendTag(b, 2, protowire.Fixed32Type)
		b = protowire.AppendFixed32(b, math.Float32bits(v))
	case int64:
		kind = attrInt
		b = appendInt(b, 3, v)
	case string:
		kind = attrString
		b = appendText(b, 4, v)
	case []float32:
		kind = attrFloats
		b = appendMessage(b, 7, NewFloats("", nil, v).Raw)
	case []int64:
		kind = attrInts
		var packed []byte
		for _, i := range v {
			packed = protowire.AppendVarint(packed, uint64(i))
		}
		b = appendMessage(b, 8, packed)
	case []string:
		kind = attrStrings
		for _, s := range v {
			b = appendText(b, 9, s)
		}
	case *Tensor:
		kind = attrTensor
		r.message(5, tensorRope(v, 0))
	default:
		return r, fmt.Errorf("attribute %q: cannot write a %T", name, v)
	}
	r.add(appendInt(b, 20, kind))
	return r, nil
}

// alignedTensor returns the TensorProto for a field that starts at byte start
// of the file, so that large elements start at a multiple of 4 bytes and can be
// used where they lie. The padding is a doc_string of spaces.
func alignedTensor(t *Tensor, start int64) rope {
	plain := tensorRope(t, 0)
	if len(t.Raw) < 4096 {
		return plain
	}
	for pad := range 8 {
		r := tensorRope(t, pad)
		head := 1 + int64(protowire.SizeVarint(uint64(r.size))) + r.size - int64(len(t.Raw))
		if (start+head)%4 == 0 {
			return r
		}
	}
	return plain
}

// tensorRope returns a TensorProto whose raw_data is t.Raw itself, after a
// doc_string of pad spaces.
func tensorRope(t *Tensor, pad int) rope {
	var r rope
	var b []byte
	for _, d := range t.Shape {
		b = appendInt(b, 1, d)
	}
	b = appendInt(b, 2, int64(t.Type))
	b = appendOptional(b, 8, t.Name)
	b = appendOptional(b, 12, strings.Repeat(" ", pad))
	b = protowire.AppendTag(b, 9, protowire.BytesType)
	r.add(protowire.AppendVarint(b, uint64(len(t.Raw))))
	r.add(t.Raw)
	return r
}

// value declares t as a graph input.
func (t *Tensor) value() ValueInfo {
	shape := make([]Dim, len(t.Shape))
	for i, d := range t.Shape {
		shape[i].Size = d
	}
	return ValueInfo{Name: t.Name, Type: t.Type, Shape: shape}
}

// valueBytes returns a ValueInfoProto.
func valueBytes(v ValueInfo) []byte {
	tensor := appendInt(nil, 1, int64(v.Type))
	if v.Shape != nil {
		var shape []byte
		for _, d := range v.Shape {
			var dim []byte
			switch {
			case d.Size >= 0:
				dim = appendInt(nil, 1, d.Size)
			case d.Param != "":
				dim = appendText(nil, 2, d.Param)
			}
			shape = appendMessage(shape, 1, dim)
		}
		tensor = appendMessage(tensor, 2, shape)
	}
	return appendMessage(appendText(nil, 1, v.Name), 2, appendMessage(nil, 1, tensor))
}
