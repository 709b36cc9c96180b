package graph

import (
	"fmt"
	"math"

	"github.com/tlkit/tl/onnx"
)

// constant is a small array while shape arithmetic is folded: shapes, axes,
// sizes. Exactly one of ints and floats is used; kind says which.
type constant struct {
	shape  []int64
	isInt  bool
	ints   []int64
	floats []float32
}

// len is the number of elements.
func (c *constant) len() int { return max(len(c.ints), len(c.floats)) }

// take makes a constant of the elements of c at index, in that order.
func (c *constant) take(shape []int64, index []int) *constant {
	out := &constant{shape: shape, isInt: c.isInt}
	for _, i := range index {
		if c.isInt {
			out.ints = append(out.ints, c.ints[i])
		} else {
			out.floats = append(out.floats, c.floats[i])
		}
	}
	return out
}

// reshaped is c with another shape of the same size.
func (c *constant) reshaped(shape []int64) *constant {
	out := *c
	out.shape = shape
	return &out
}

// folder computes a node whose inputs are all constants; an omitted input is nil.
type folder func(n *onnx.Node, in []*constant) (*constant, error)

// folders are the operators that can be computed on integers at import; those
// that op.Supported has too also run on activations. Shape is folded before,
// from the shape alone.
var folders = map[string]folder{
	"Add":             arithmetic,
	"Cast":            foldCast,
	"Ceil":            foldRound(math.Ceil),
	"Concat":          foldConcat,
	"Constant":        foldConstant,
	"ConstantOfShape": foldConstantOfShape,
	"Div":             arithmetic,
	"Floor":           foldRound(math.Floor),
	"Gather":          foldGather,
	"Identity":        func(_ *onnx.Node, in []*constant) (*constant, error) { return in[0], nil },
	"Mul":             arithmetic,
	"Reshape":         foldReshape,
	"Shape":           nil,
	"Size":            nil,
	"Slice":           foldSlice,
	"Squeeze":         foldSqueeze,
	"Sub":             arithmetic,
	"Unsqueeze":       foldUnsqueeze,
}

// maxShapeMath is the most numbers in an array that shape arithmetic works on;
// larger constants are weights.
const maxShapeMath = 1 << 16

// fold computes n now if it is arithmetic on shapes and small constants.
func (im *importer) fold(n *onnx.Node) (done bool, err error) {
	if n.Op == "Shape" || n.Op == "Size" {
		return true, im.foldShape(n)
	}
	f := folders[n.Op]
	if f == nil {
		return false, nil
	}
	if len(n.Inputs) == 0 && n.Op != "Constant" {
		return false, fmt.Errorf("has no inputs")
	}
	in := make([]*constant, len(n.Inputs))
	for i, name := range n.Inputs {
		if name == "" {
			continue
		}
		t := im.consts[name]
		if t == nil {
			return false, im.mustFold(n, name)
		}
		if in[i], err = smallConstant(t); in[i] == nil {
			return false, err
		}
	}
	if len(in) > 0 && in[0] == nil {
		return false, fmt.Errorf("its first input is omitted")
	}
	c, err := f(n, in)
	if err != nil {
		return false, err
	}
	if len(c.shape) > maxFoldedRank {
		return false, fmt.Errorf("makes a constant of %d axes, at most %d are folded", len(c.shape), maxFoldedRank)
	}
	im.setConst(n.Outputs[0], c)
	return true, im.spend(float64(c.len()))
}

// maxFoldedRank is the most axes of a folded array.
const maxFoldedRank = 64

// mustFold is the error for an operator that exists for shape arithmetic only
// but is applied to an activation; nil for others.
func (im *importer) mustFold(n *onnx.Node, input string) error {
	switch n.Op {
	case "Gather", "Slice", "ConstantOfShape", "Floor", "Ceil":
		return fmt.Errorf("is supported on shapes and constants only, but input %q depends on the image", input)
	case "Cast":
		if !isFloatCast(n) {
			return fmt.Errorf("activation %q is cast to %v: only float types are supported", input, onnx.DataType(n.Int("to", 0)))
		}
	}
	return nil
}

// foldShape computes Shape (with start and end of opset 15) and Size.
func (im *importer) foldShape(n *onnx.Node) error {
	if len(n.Inputs) != 1 || n.Inputs[0] == "" {
		return fmt.Errorf("wants one input, has %q", n.Inputs)
	}
	in, _, err := im.inputs(n)
	if err != nil {
		return err
	}
	s := dims64(in[0].Shape)
	if n.Op == "Size" {
		im.setConst(n.Outputs[0], intConstant(nil, int64(in[0].Shape.Size())))
		return nil
	}
	rank := int64(len(s))
	start, end := clampIndex(n.Int("start", 0), rank), clampIndex(n.Int("end", rank), rank)
	s = s[start:max(start, end)]
	im.setConst(n.Outputs[0], intConstant([]int64{int64(len(s))}, s...))
	return nil
}

// clampIndex makes a possibly negative position in 0 … n.
func clampIndex(i, n int64) int64 {
	if i < 0 {
		i += n
	}
	return min(max(i, 0), n)
}

// intConstant is an integer array; a nil shape is a scalar.
func intConstant(shape []int64, ints ...int64) *constant {
	return &constant{shape: shape, isInt: true, ints: ints}
}

// smallConstant reads a tensor for shape arithmetic; nil when it is a weight.
func smallConstant(t *onnx.Tensor) (*constant, error) {
	n, err := t.Elements()
	if err != nil || n > maxShapeMath {
		return nil, err
	}
	if _, err := product(t.Shape); err != nil { // (1<<40,0) has no elements, but loops over its axes
		return nil, err
	}
	c := &constant{shape: t.Shape}
	switch t.Type {
	case onnx.Int64, onnx.Int32, onnx.Int8, onnx.Uint8, onnx.Bool:
		c.isInt = true
		c.ints, err = t.Ints()
	default:
		c.floats, err = t.Floats()
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// setConst records a folded value.
func (im *importer) setConst(name string, c *constant) {
	if c.isInt {
		im.consts[name] = onnx.NewInts(name, c.shape, c.ints...)
	} else {
		im.consts[name] = onnx.NewFloats(name, c.shape, c.floats)
	}
}
