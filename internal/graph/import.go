package graph

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// ImportOptions says what to import of a model and for which sizes. Its zero
// value takes the whole network with the file's own sizes and a batch of 1
// where the file leaves the batch open.
type ImportOptions struct {
	Batch      int          // images per run; 0 is the file's own batch, or 1
	Size       int          // side of the square input image in pixels; 0 is the file's own
	Input      string       // value to feed in place of the file's inputs; "" feeds those
	InputShape tensor.Shape // shape of Input, axis 0 replaced by Batch when that is set
	Outputs    []string     // values wanted: only what they need is imported; empty is the file's own
}

// Import turns a model into a graph with concrete shapes. Arithmetic on
// shapes and constants is done here and leaves no nodes behind; a batch that
// the file fixes is rewritten to o.Batch. The graph's constants may be views
// of the model's memory map, so m must stay open as long as the graph is used.
//
// It fails with one error that lists every node it has no operator for, and
// otherwise names file, node and shapes of the first thing that does not fit.
func Import(m *onnx.Model, o ImportOptions) (*Graph, error) {
	im := &importer{
		m: m, o: o, file: filepath.Base(m.Path),
		consts: map[string]*onnx.Tensor{},
		values: map[string]*Value{},
		noUse:  map[string]string{},
	}
	if m.Path == "" {
		im.file = "model"
	}
	defer im.close()
	g, err := im.run()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", im.file, err)
	}
	return g, nil
}

// importer holds what is known while the nodes are walked in order.
type importer struct {
	m         *onnx.Model
	o         ImportOptions
	file      string
	nodes     []*onnx.Node            // those that the outputs need
	consts    map[string]*onnx.Tensor // constants by value name: the file's and the folded
	values    map[string]*Value       // activations, and constants that an operator uses
	noUse     map[string]string       // values that exist in the file but not here: why
	g         *Graph
	batch     int // images per run
	fileBatch int // the batch the file was written for; 1 where it is open
	device    *cpu.Device
	left      float64 // numbers that may still be folded
}

// close gives the device for constant folding back.
func (im *importer) close() {
	if im.device != nil {
		im.device.Close()
	}
}

// run is the import in the order it happens.
func (im *importer) run() (*Graph, error) {
	im.g = &Graph{Name: im.file}
	outputs, err := im.wanted()
	if err != nil {
		return nil, err
	}
	im.left = minFolded
	for name, t := range im.m.Weights {
		im.consts[name] = t
		im.left += foldedPerWeight * float64(len(t.Raw)/4)
	}
	inputs, err := im.needed(outputs)
	if err != nil {
		return nil, err
	}
	if err := im.known(); err != nil {
		return nil, err
	}
	if err := im.feed(inputs); err != nil {
		return nil, err
	}
	for _, n := range im.nodes {
		if err := im.guarded(n); err != nil {
			return nil, fmt.Errorf("node %q (%s): %w", nodeName(n), n.Op, err)
		}
	}
	if err := im.finish(outputs); err != nil {
		return nil, err
	}
	prune(im.g)
	return im.g, nil
}

// guarded adds one node; a panic that a strange file may cause becomes an error.
func (im *importer) guarded(n *onnx.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("cannot be imported: %v", r)
		}
	}()
	return im.add(n)
}

// add folds a node into a constant, or appends it to the graph.
func (im *importer) add(n *onnx.Node) error {
	if len(n.Outputs) == 0 || im.defined(n.Outputs[0]) {
		return nil // a Constant whose tensor the reader has, or the fed value itself
	}
	if done, err := im.fold(n); done || err != nil {
		return err
	}
	in, consts, err := im.inputs(n)
	if err != nil {
		return err
	}
	if isFloatCast(n) {
		if len(in) != 1 || in[0] == nil {
			return fmt.Errorf("wants one input, has %q", n.Inputs)
		}
		im.values[n.Outputs[0]] = in[0] // activations are float32 whatever the file calls them
		return nil
	}
	if n.Op == "Reshape" {
		if err := im.bindReshape(n, in, consts); err != nil {
			return err
		}
	}
	node, err := im.build(n, in, consts)
	if err != nil {
		return err
	}
	im.forbidMore(n)
	if allConst(node.In) {
		return im.evaluate(node)
	}
	im.g.Nodes = append(im.g.Nodes, node)
	im.values[n.Outputs[0]] = node.Out
	return nil
}

// inputs looks up a node's inputs: the values, nil where one is omitted, and
// the tensors of those that are constants.
func (im *importer) inputs(n *onnx.Node) ([]*Value, []*onnx.Tensor, error) {
	in, consts := make([]*Value, len(n.Inputs)), make([]*onnx.Tensor, len(n.Inputs))
	for i, name := range n.Inputs {
		if name == "" {
			continue
		}
		if why, ok := im.noUse[name]; ok {
			return nil, nil, fmt.Errorf("uses %q, %s", name, why)
		}
		if c, ok := im.consts[name]; ok {
			consts[i] = c
			in[i] = &Value{Name: name, Shape: shapeOf(c)}
		} else if v, ok := im.values[name]; ok {
			in[i] = v
		} else {
			return nil, nil, fmt.Errorf("input %q is not defined before this node", name)
		}
	}
	return in, consts, nil
}

// build makes the typed operator and its output's shape.
func (im *importer) build(n *onnx.Node, in []*Value, consts []*onnx.Tensor) (*Node, error) {
	o, used, err := op.FromONNX(n, im.m.Opset, consts, shapesOf(in))
	if err != nil {
		return nil, err
	}
	node := &Node{Name: nodeName(n), Op: o, Out: &Value{Name: n.Outputs[0]}}
	for _, i := range used {
		var v *Value
		if i >= 0 && i < len(in) && in[i] != nil {
			if v, err = im.operand(in[i], consts[i]); err != nil {
				return nil, err
			}
		}
		node.In = append(node.In, v)
	}
	if node.Out.Shape, err = o.Shape(shapesOf(node.In)...); err != nil {
		return nil, err
	}
	return node, checkSize(node.Out.Shape)
}

// operand is the value that an operator reads: an activation as it is, a
// constant with its numbers, one Value however many nodes share it.
func (im *importer) operand(v *Value, c *onnx.Tensor) (*Value, error) {
	if c == nil {
		return v, nil
	}
	if known, ok := im.values[v.Name]; ok {
		return known, nil
	}
	data, err := c.Floats()
	if err != nil {
		return nil, fmt.Errorf("constant %q: %w", v.Name, err)
	}
	if len(data) != v.Shape.Size() {
		return nil, fmt.Errorf("constant %q has %d numbers, its shape %v wants %d", v.Name, len(data), v.Shape, v.Shape.Size())
	}
	v.Const = tensor.Of(data, v.Shape...)
	im.values[v.Name] = v
	return v, nil
}

// forbidMore remembers second outputs (a Dropout's mask, a MaxPool's indices,
// a BatchNormalization's running statistics), which are not computed.
func (im *importer) forbidMore(n *onnx.Node) {
	for _, name := range n.Outputs[1:] {
		if name != "" {
			im.noUse[name] = fmt.Sprintf("a further output of node %q (%s): only its first output is computed", nodeName(n), n.Op)
		}
	}
}

// evaluate runs a node whose inputs are all constants and keeps the result.
func (im *importer) evaluate(n *Node) error {
	if err := im.spend(max(float64(n.Out.Shape.Size()), (Flops(n)+windowWork(n))/flopsPerNumber)); err != nil {
		return fmt.Errorf("makes a constant of shape %v: %w", n.Out.Shape, err)
	}
	if im.device == nil {
		d, err := cpu.New(1)
		if err != nil {
			return err
		}
		im.device = d
	}
	y := tensor.New(n.Out.Shape...)
	n.Op.Forward(im.device, y, constsOf(n.In)...)
	im.consts[n.Out.Name] = onnx.NewFloats(n.Out.Name, dims64(y.Shape), y.Data)
	n.Out.Const = y
	im.values[n.Out.Name] = n.Out
	return nil
}

// finish sets the graph's outputs and makes sure that the batch got there.
func (im *importer) finish(outputs []string) error {
	for _, name := range outputs {
		v, ok := im.values[name]
		if why, no := im.noUse[name]; no {
			return fmt.Errorf("output %q is %s", name, why)
		}
		if _, isConst := im.consts[name]; isConst {
			return fmt.Errorf("output %q does not depend on the input", name)
		}
		if !ok {
			return fmt.Errorf("output %q is not computed by any node", name)
		}
		if rewritten := im.batch != im.fileBatch || im.o.Size > 0; rewritten && (len(v.Shape) == 0 || v.Shape[0] != im.batch) {
			return fmt.Errorf("output %q has shape %v for a batch of %d: the file's batch of %d or its image size is baked into the network",
				name, v.Shape, im.batch, im.fileBatch)
		}
		im.g.Outputs = append(im.g.Outputs, v)
	}
	return nil
}

// Constants are folded before anything is known of the memory that the network
// may take, so what they may cost in all is bounded by what the file holds: a
// few numbers for each of its weights, and some for shapes.
const (
	minFolded       = 1 << 24 // numbers
	foldedPerWeight = 4
	flopsPerNumber  = 1 << 10 // multiplications and additions that count as one number
)

// spend takes n numbers from what may be folded.
func (im *importer) spend(n float64) error {
	if im.left -= n; im.left < 0 {
		return fmt.Errorf("constants that the file does not hold take too much to compute, %.3g numbers more than it is worth (fold them before with onnxsim)", -im.left)
	}
	return nil
}

// checkSize refuses shapes whose size in bytes no machine holds.
func checkSize(s tensor.Shape) error {
	size := 1.0
	for _, d := range s {
		if d < 1 {
			return fmt.Errorf("output shape %v has an empty axis", s)
		}
		size *= float64(d)
	}
	if size > math.MaxInt32*64 {
		return fmt.Errorf("output shape %v is too large", s)
	}
	return nil
}

// nodeName is the file's name of a node, or its first output's.
func nodeName(n *onnx.Node) string {
	if n.Name == "" && len(n.Outputs) > 0 {
		return n.Outputs[0]
	}
	return n.Name
}

// isFloatCast reports whether a node only renames the type of an activation.
func isFloatCast(n *onnx.Node) bool {
	to := onnx.DataType(n.Int("to", 0))
	return n.Op == "Cast" && to != 0 && slices.Contains(floats, to)
}
