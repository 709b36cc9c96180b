package finetune

import "github.com/tlkit/tl/onnx"

// pixels adds the nodes from the image to the resized image (N,3,S,S): two
// matrix products with the weights of dataset.Resize. Every runtime computes
// these alike; the Resize operator with antialias needs operator set 18, few
// runtimes have it, and onnxruntime's is off by .002 of a level.
func (b builder) pixels(size int) string {
	v := b.node("Transpose", "tl/planes", []string{imageInput}, map[string]any{"perm": []int64{0, 3, 1, 2}})
	v = b.cast("tl/float", v)
	shape := b.node("Shape", "tl/shape", []string{imageInput}, nil)
	down, across := b.tent("tl/down", shape, 1, size), b.tent("tl/across", shape, 2, size)
	across = b.node("Transpose", "tl/across/turned", []string{across}, map[string]any{"perm": []int64{1, 0}})
	v = b.node("MatMul", "tl/rows", []string{v, across}, nil)
	return b.node("MatMul", pixelsValue, []string{down, v}, nil)
}

// tent adds the nodes that compute (S,n): what each of the n source pixels
// along an axis of the image weighs in each of S target pixels, as in
// dataset.Resize. All numbers but the last quotient are whole.
//
//	max(0, 2·max(n,S) − |(2i+1)·S − (2o+1)·n|), over its sum over i
func (b builder) tent(name, shape string, axis int64, size int) string {
	odd := make([]float32, size) // 2o+1
	for o := range odd {
		odd[o] = float32(2*o + 1)
	}
	node := func(op, out string, in ...string) string { return b.node(op, name+"/"+out, in, nil) }
	s, two := b.floats("tl/side", nil, float32(size)), b.floats("tl/two", nil, 2)
	n := b.cast(name+"/n", node("Gather", "count", shape, b.ints(name+"/axis", nil, axis)))
	sources := node("Range", "sources", b.floats("tl/one", nil, 1), node("Mul", "end", n, two), two) // (n): 2i+1
	targets := node("Mul", "targets", b.floats("tl/odd", []int64{int64(size), 1}, odd...), n)
	apart := node("Abs", "apart", node("Sub", "between", node("Mul", "scaled", sources, s), targets)) // (S,n)
	reach := node("Mul", "reach", node("Max", "larger", n, s), two)
	w := node("Relu", "weights", node("Sub", "over", reach, apart))
	sum := node("ReduceSum", "sum", w, b.ints("tl/last", []int64{1}, 1)) // (S,1)
	return node("Div", "shares", w, sum)
}

// cast adds a conversion to float32.
func (b builder) cast(out, v string) string {
	return b.node("Cast", out, []string{v}, map[string]any{"to": int64(onnx.Float)})
}
