package op

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// parsers says how a node of each supported ONNX type becomes an operator.
// A parser returns the operator and which of the node's inputs it takes; what
// is wrong goes to the reader.
var parsers = map[string]func(r *reader) (Op, []int){
	"Add":                func(r *reader) (Op, []int) { return Add{}, r.all(2) },
	"AveragePool":        parseAveragePool,
	"BatchNormalization": parseBatchNorm,
	"Clip":               parseClip,
	"Concat":             parseConcat,
	"Conv":               parseConv,
	"Div":                func(r *reader) (Op, []int) { return Div{}, r.all(2) },
	"Dropout":            parseDropout,
	"Elu":                func(r *reader) (Op, []int) { return Elu{Alpha: r.float("alpha", 1)}, r.all(1) },
	"Exp":                func(r *reader) (Op, []int) { return Exp{}, r.all(1) },
	"Flatten":            func(r *reader) (Op, []int) { return Flatten{Axis: r.int("axis", 1)}, r.all(1) },
	"Gemm":               parseGemm,
	"GlobalAveragePool":  func(r *reader) (Op, []int) { return GlobalAveragePool{}, r.all(1) },
	"GlobalMaxPool":      func(r *reader) (Op, []int) { return GlobalMaxPool{}, r.all(1) },
	"HardSigmoid":        parseHardSigmoid,
	"HardSwish":          func(r *reader) (Op, []int) { return HardSwish{}, r.all(1) },
	"Identity":           func(r *reader) (Op, []int) { return Identity{}, r.all(1) },
	"LRN":                parseLRN,
	"LeakyRelu":          func(r *reader) (Op, []int) { return LeakyRelu{Alpha: r.float("alpha", 0.01)}, r.all(1) },
	"LogSoftmax":         parseLogSoftmax,
	"MatMul":             func(r *reader) (Op, []int) { return MatMul{}, r.all(2) },
	"MaxPool":            parseMaxPool,
	"Mul":                func(r *reader) (Op, []int) { return Mul{}, r.all(2) },
	"Neg":                func(r *reader) (Op, []int) { return Neg{}, r.all(1) },
	"PRelu":              func(r *reader) (Op, []int) { return PRelu{}, r.all(2) },
	"Pad":                parsePad,
	"ReduceMean":         parseReduceMean,
	"Relu":               func(r *reader) (Op, []int) { return Relu{}, r.all(1) },
	"Reshape":            parseReshape,
	"Sigmoid":            func(r *reader) (Op, []int) { return Sigmoid{}, r.all(1) },
	"Softmax":            parseSoftmax,
	"Softplus":           func(r *reader) (Op, []int) { return Softplus{}, r.all(1) },
	"Sqrt":               func(r *reader) (Op, []int) { return Sqrt{}, r.all(1) },
	"Squeeze":            parseSqueeze,
	"Sub":                func(r *reader) (Op, []int) { return Sub{}, r.all(2) },
	"Sum":                func(r *reader) (Op, []int) { return Sum{}, r.all(len(r.node.Inputs)) },
	"Tanh":               func(r *reader) (Op, []int) { return Tanh{}, r.all(1) },
	"Transpose":          func(r *reader) (Op, []int) { return Transpose{Perm: r.ints("perm")}, r.all(1) },
	"Unsqueeze":          parseUnsqueeze,
}

// Supported lists the ONNX operator types that FromONNX understands, sorted.
var Supported = slices.Sorted(maps.Keys(parsers))

// FromONNX turns a node of a file at the given opset (7 … 22) into an operator
// with typed attributes. Inputs that are attributes in disguise (axes, pads,
// min, max, shape) must be constant and become fields. consts and in hold, for
// each input of the node, its value where it is constant and its shape; both
// are nil for an omitted one. used says which inputs the operator takes, in
// its own order. The operator's Shape accepts in's entries for them.
//
// Errors name the attribute or the shapes, what was wanted and what was found;
// the caller adds file and node.
func FromONNX(n *onnx.Node, opset int64, consts []*onnx.Tensor, in []tensor.Shape) (o Op, used []int, err error) {
	parse, ok := parsers[n.Op]
	if !ok {
		return nil, nil, fmt.Errorf("operator %s is not supported", n.Op)
	}
	r := &reader{node: n, opset: opset, consts: consts, in: in}
	o, used = parse(r)
	if r.err != nil {
		return nil, nil, r.err
	}
	shapes := make([]tensor.Shape, len(used))
	for i, u := range used {
		shapes[i] = r.shape(u)
	}
	if _, err := o.Shape(shapes...); err != nil {
		return nil, nil, err
	}
	return o, used, nil
}
