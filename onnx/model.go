// Package onnx reads, checks and writes ONNX files; it computes nothing.
//
// Read → Model → Write: a Model is the file's graph in topological order, its
// weights as views of the memory-mapped file, and what the file says about
// itself. Upgrade rewrites it for a newer operator set, Cut keeps a part of it.
//
// The format: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Field
// numbers in this package are that file's.
package onnx

import "github.com/edsrzf/mmap-go"

// Model is one ONNX file: its graph in file order, its weights, and what the
// file says about itself. Weights are views of a memory map until Close.
type Model struct {
	Path            string            // the file it was read from, "" when built in memory
	IRVersion       int64             // 3 … 10
	Opset           int64             // version of the default domain, 7 … 22
	Producer        string            // producer_name
	ProducerVersion string            // producer_version
	Doc             string            // doc_string of the model
	Metadata        map[string]string // metadata_props
	Name            string            // name of the graph

	Inputs  []ValueInfo // without those that are initializers
	Outputs []ValueInfo
	Nodes   []Node             // topological order
	Weights map[string]*Tensor // initializers and the tensors of Constant nodes, by value name

	// Notes says in words what was converted or dropped on reading, for the
	// user to see, e.g. "42 float16 weights are used as float32".
	Notes []string

	// Sources are open models whose files hold weights of this one: Write lets
	// their pages go again.
	Sources []*Model

	maps []mmap.MMap // that weights are views of
}

// ValueInfo declares a graph input or output.
type ValueInfo struct {
	Name  string
	Type  DataType
	Shape []Dim // nil when the file does not say
}

// Dim is one axis of a declared shape.
type Dim struct {
	Size  int64  // -1 when dynamic
	Param string // the name of a dynamic axis, e.g. "N"; may be empty
}

// Node is one operator call.
type Node struct {
	Name    string   // may be empty
	Op      string   // ONNX operator type, e.g. "Conv"
	Inputs  []string // "" is an omitted optional input
	Outputs []string
	Attrs   map[string]any // float32, int64, string, []float32, []int64, []string or *Tensor
}

// DataType is ONNX's TensorProto.DataType.
type DataType int32

// The element types that this package reads or writes.
const (
	Float    DataType = 1
	Uint8    DataType = 2
	Int8     DataType = 3
	Int32    DataType = 6
	Int64    DataType = 7
	String   DataType = 8
	Bool     DataType = 9
	Float16  DataType = 10
	Double   DataType = 11
	BFloat16 DataType = 16
)

// Tensor is a constant array. Raw is little-endian and may be a view of the
// memory-mapped file; it is never written to.
type Tensor struct {
	Name  string
	Type  DataType
	Shape []int64
	Raw   []byte
}
