package op

import (
	"fmt"

	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// maxAttr bounds integer attributes, so that sums and products of a few of
// them cannot overflow.
const maxAttr = 1 << 31

// reader reads the attributes and constant inputs of one node. The first
// thing that is wrong stays in err; later reads return defaults.
type reader struct {
	node   *onnx.Node
	opset  int64
	consts []*onnx.Tensor
	in     []tensor.Shape
	err    error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// has reports whether the node has input i.
func (r *reader) has(i int) bool {
	return i < len(r.node.Inputs) && r.node.Inputs[i] != ""
}

// shape returns the shape of input i, nil when omitted.
func (r *reader) shape(i int) tensor.Shape {
	if !r.has(i) || i >= len(r.in) {
		return nil
	}
	if r.in[i] == nil {
		return tensor.Shape{} // a scalar may come as a nil Shape
	}
	return r.in[i]
}

// all returns the inputs 0 … n-1, as far as the node has them.
func (r *reader) all(n int) []int {
	used := make([]int, min(n, len(r.node.Inputs)))
	for i := range used {
		used[i] = i
	}
	return used
}

// attr returns attribute name as a T, or def when it is absent.
func attr[T any](r *reader, name string, def T) T {
	v, ok := r.node.Attrs[name]
	if !ok {
		return def
	}
	t, ok := v.(T)
	if !ok {
		r.fail("attribute %s is of type %T, wanted %T", name, v, def)
		return def
	}
	return t
}

// float returns a finite number attribute.
func (r *reader) float(name string, def float32) float32 {
	v := attr(r, name, def)
	if v-v != 0 {
		r.fail("attribute %s is %g, wanted a finite number", name, v)
		return def
	}
	return v
}

func (r *reader) str(name, def string) string { return attr(r, name, def) }
func (r *reader) flag(name string) bool       { return attr[int64](r, name, 0) != 0 }

func (r *reader) int(name string, def int) int {
	return r.small(name, attr(r, name, int64(def)))
}

// ints returns a list attribute, nil when it is absent. An empty list may come
// without a type.
func (r *reader) ints(name string) []int {
	if _, empty := r.node.Attrs[name].(struct{}); empty {
		return nil
	}
	return r.list(name, attr[[]int64](r, name, nil))
}

// list converts v, checking its bounds.
func (r *reader) list(name string, v []int64) []int {
	if v == nil {
		return nil
	}
	out := make([]int, len(v))
	for i, e := range v {
		out[i] = r.small(name, e)
	}
	return out
}

func (r *reader) small(name string, v int64) int {
	if v < -maxAttr || v > maxAttr {
		r.fail("%s is %d, which is out of bounds", name, v)
		return 0
	}
	return int(v)
}

// pair returns a list attribute of two numbers ≥ 1, by default 1 and 1.
func (r *reader) pair(name string) [2]int {
	v := r.ints(name)
	switch {
	case v == nil:
		return [2]int{1, 1}
	case len(v) != 2:
		r.fail("attribute %s is %v, wanted 2 numbers, height and width", name, v)
	case v[0] < 1 || v[1] < 1:
		r.fail("attribute %s is %v, wanted at least 1", name, v)
	default:
		return [2]int{v[0], v[1]}
	}
	return [2]int{1, 1}
}

// padding returns the attribute pads of a window: top, left, bottom, right.
func (r *reader) padding() (p [4]int) {
	v := r.ints("pads")
	if v == nil {
		return p
	}
	if len(v) != 4 {
		r.fail("attribute pads is %v, wanted 4 numbers: top, left, bottom and right", v)
		return p
	}
	for i, e := range v {
		if e < 0 {
			r.fail("attribute pads is %v, wanted none below 0", v)
		}
		p[i] = e
	}
	return p
}

// constant returns input i, which must be a constant, or nil when it is omitted.
func (r *reader) constant(i int, what string) *onnx.Tensor {
	if !r.has(i) {
		return nil
	}
	if i >= len(r.consts) || r.consts[i] == nil {
		r.fail("input %d (%s, %q) must be constant", i, what, r.node.Inputs[i])
		return nil
	}
	return r.consts[i]
}

// intsAt returns the constant input i as integers, nil when it is omitted.
func (r *reader) intsAt(i int, what string) []int {
	t := r.constant(i, what)
	if t == nil {
		return nil
	}
	v, err := t.Ints()
	if err != nil {
		r.fail("input %d (%s): %w", i, what, err)
	}
	if v == nil {
		v = []int64{}
	}
	return r.list(what, v)
}

// floatAt returns the constant scalar input i, def when it is omitted.
func (r *reader) floatAt(i int, what string, def float32) float32 {
	t := r.constant(i, what)
	if t == nil {
		return def
	}
	v, err := t.Floats()
	if err != nil {
		r.fail("input %d (%s): %w", i, what, err)
		return def
	}
	if len(v) != 1 {
		r.fail("input %d (%s) has %d numbers, wanted one", i, what, len(v))
		return def
	}
	return v[0]
}

// axes returns the attribute axes or, from the opset that made it an input,
// the constant input 1; nil when neither is there.
func (r *reader) axes() []int {
	if r.has(1) {
		return r.intsAt(1, "axes")
	}
	return r.ints("axes")
}
