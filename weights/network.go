package weights

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/tlkit/tl/onnx"
)

// network builds an onnx.Model layer by layer. A family's file describes its
// layers once; which ONNX form a layer takes (operator set, batch norm kept or
// folded, explicit Pad nodes) is decided here, so that all forms of a network
// have the same weights and compute the same function.
type network struct {
	o    SeededOptions
	m    *onnx.Model
	used map[string]int // node names given so far
}

// value is an activation on its way: its name in the file, its shape without
// the batch, and its mean square, by which the next layer scales its weights.
type value struct {
	name    string
	c, h, w int // h and w are 0 once flattened
	power   float64
}

// conv says how a convolution is shaped.
type conv struct {
	out, kernel, stride, pad int
	groups                   int  // 0 means 1
	bias                     bool // batch norm follows where there is none
}

// random returns a generator of its own for every array, so that leaving a
// layer out or asking in another order changes no other layer.
func (n *network) random(name string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name))
	return rand.New(rand.NewPCG(n.o.Seed, h.Sum64()))
}

// normal returns count Gaussian numbers with the given mean and deviation.
func (n *network) normal(name string, count int, mean, std float64) []float32 {
	r := n.random(name)
	x := make([]float32, count)
	for i := range x {
		x[i] = float32(mean + std*r.NormFloat64())
	}
	return x
}

// uniform returns count numbers from lo to hi.
func (n *network) uniform(name string, count int, lo, hi float64) []float32 {
	r := n.random(name)
	x := make([]float32, count)
	for i := range x {
		x[i] = float32(lo + (hi-lo)*r.Float64())
	}
	return x
}

// floats adds a weight and returns its name.
func (n *network) floats(name string, data []float32, shape ...int64) string {
	n.m.Weights[name] = onnx.NewFloats(name, shape, data)
	return name
}

// ints adds an integer constant, such as axes or pads, and returns its name.
func (n *network) ints(name string, data ...int64) string {
	n.m.Weights[name] = onnx.NewInts(name, []int64{int64(len(data))}, data...)
	return name
}

// scalar adds a float32 scalar and returns its name.
func (n *network) scalar(name string, v float32) string {
	return n.floats(name, []float32{v})
}

type attrs map[string]any

// node adds an operator call and returns the name of its output.
func (n *network) node(op, name string, a attrs, inputs ...string) string {
	if k := n.used[name]; k > 0 {
		n.used[name]++
		name += "_" + strconv.Itoa(k)
	} else {
		n.used[name] = 1
	}
	out := name + ".out"
	n.m.Nodes = append(n.m.Nodes, onnx.Node{Name: name, Op: op, Inputs: inputs, Outputs: []string{out}, Attrs: a})
	return out
}

// input declares the picture: (N,3,S,S), or (N,S,S,3) and a Transpose as
// tf2onnx writes it.
func (n *network) input() value {
	s := int64(n.o.Size)
	batch := onnx.Dim{Size: n.o.Batch}
	if n.o.Batch == 0 {
		batch = onnx.Dim{Size: -1, Param: "N"}
	}
	shape, name := []onnx.Dim{batch, {Size: 3}, {Size: s}, {Size: s}}, "input"
	if n.o.NHWC {
		shape = []onnx.Dim{batch, {Size: s}, {Size: s}, {Size: 3}}
	}
	n.m.Inputs = []onnx.ValueInfo{{Name: name, Type: onnx.Float, Shape: shape}}
	if n.o.NHWC {
		name = n.node("Transpose", "input_nchw", attrs{"perm": []int64{0, 3, 1, 2}}, name)
	}
	return value{name: name, c: 3, h: n.o.Size, w: n.o.Size, power: 1}
}

// output declares x as what the network computes.
func (n *network) output(x value) {
	batch := n.m.Inputs[0].Shape[0]
	n.m.Outputs = []onnx.ValueInfo{{Name: x.name, Type: onnx.Float, Shape: []onnx.Dim{batch, {Size: int64(x.c)}}}}
}

// width scales a number of channels by Width, to a multiple of eight and never
// to less, as MobileNet does.
func (n *network) width(c int) int {
	if n.o.Width == 1 {
		return c
	}
	return max(8, int(float64(c)*n.o.Width/8+0.5)*8)
}

// pads returns the symmetric padding of a window, or adds a Pad node and
// returns none: tf2onnx writes one before a strided layer. Zeros are right for
// pooling too, since what is pooled comes from a ReLU.
func (n *network) pads(name string, x *value, pad, stride int) []int64 {
	p := int64(pad)
	if !n.o.NHWC || stride == 1 || pad == 0 {
		return []int64{p, p, p, p}
	}
	all := []int64{0, 0, p, p, 0, 0, p, p}
	if n.o.Opset < 11 {
		x.name = n.node("Pad", name+".pad", attrs{"mode": "constant", "pads": all}, x.name)
	} else {
		x.name = n.node("Pad", name+".pad", attrs{"mode": "constant"}, x.name, n.ints(name+".pads", all...))
	}
	x.h, x.w = x.h+2*pad, x.w+2*pad
	return []int64{0, 0, 0, 0}
}

// window returns the output length of a sliding window, 0 when it does not fit.
func window(size, kernel, stride int, pads []int64) int {
	room := size + int(pads[0]+pads[2]) - kernel
	if room < 0 {
		return 0
	}
	return room/stride + 1
}

// filters draws weights (K,C/G,R,S) by He's rule (arXiv:1502.01852): variance
// 1/(fan-in · E[x²]), which is 2/fan-in after a ReLU, so that the output has
// variance one however deep the network is.
func (n *network) filters(name string, x value, s conv) []float32 {
	fan := x.c / s.groups * s.kernel * s.kernel
	return n.normal(name+".weight", s.out*fan, 0, 1/math.Sqrt(float64(fan)*x.power))
}

// conv adds a convolution.
func (n *network) conv(name string, x value, s conv) value {
	s.groups = max(1, s.groups)
	var bias []float32
	if s.bias {
		bias = n.normal(name+".bias", s.out, 0, 0.05)
	}
	return n.addConv(name, x, s, n.filters(name, x, s), bias)
}

// addConv adds a convolution with the given weights; bias may be nil.
func (n *network) addConv(name string, x value, s conv, w, bias []float32) value {
	c := x.c
	pads := n.pads(name, &x, s.pad, s.stride)
	k, st := int64(s.kernel), int64(s.stride)
	in := []string{x.name, n.floats(name+".weight", w, int64(s.out), int64(c/s.groups), k, k)}
	if bias != nil {
		in = append(in, n.floats(name+".bias", bias, int64(s.out)))
	}
	a := attrs{"kernel_shape": []int64{k, k}, "strides": []int64{st, st}, "pads": pads, "dilations": []int64{1, 1}, "group": int64(s.groups)}
	y := n.node("Conv", name, a, in...)
	return value{name: y, c: s.out, h: window(x.h, s.kernel, s.stride, pads), w: window(x.w, s.kernel, s.stride, pads), power: 1}
}

// bnEpsilon is torch's default.
const bnEpsilon = 1e-5

// norm holds the four vectors of a batch norm, (C) each.
type norm struct{ gamma, beta, mean, variance []float32 }

// newNorm draws statistics that fit activations of mean 0 and the given power,
// none of them trivial: a kernel that forgot one of them would be noticed.
// The output has a mean square near gain².
func (n *network) newNorm(name string, c int, power, gain float64) norm {
	return norm{
		gamma:    n.uniform(name+".gamma", c, 0.8*gain, 1.2*gain),
		beta:     n.normal(name+".beta", c, 0, 0.1*gain),
		mean:     n.normal(name+".mean", c, 0, 0.1*math.Sqrt(power)),
		variance: n.uniform(name+".var", c, 0.8*power, 1.25*power),
	}
}

// scale returns the batch norm as y = a·x + b for channel i.
func (b norm) scale(i int) (a, shift float64) {
	a = float64(b.gamma[i]) / math.Sqrt(float64(b.variance[i])+bnEpsilon)
	return a, float64(b.beta[i]) - a*float64(b.mean[i])
}

// batchNorm adds a batch norm of its own; see convNorm for one behind a convolution.
func (n *network) batchNorm(name string, x value, gain float64) value {
	return n.addNorm(name, x, n.newNorm(name, x.c, x.power, gain), gain)
}

// addNorm adds the node.
func (n *network) addNorm(name string, x value, b norm, gain float64) value {
	a, c := attrs{"epsilon": float32(bnEpsilon), "momentum": float32(0.9)}, int64(x.c)
	if n.o.Opset < 9 {
		a["spatial"] = int64(1)
	}
	x.name = n.node("BatchNormalization", name, a, x.name,
		n.floats(name+".weight", b.gamma, c), n.floats(name+".bias", b.beta, c),
		n.floats(name+".running_mean", b.mean, c), n.floats(name+".running_var", b.variance, c))
	x.power = gain * gain
	return x
}

// convNorm adds a convolution without bias and its batch norm, or one
// convolution that computes both.
func (n *network) convNorm(name, bn string, x value, s conv, gain float64) value {
	s.groups = max(1, s.groups)
	w, b := n.filters(name, x, s), n.newNorm(bn, s.out, 1, gain)
	if !n.o.FoldedBN {
		return n.addNorm(bn, n.addConv(name, x, s, w, nil), b, gain)
	}
	bias := make([]float32, s.out)
	for k := range s.out {
		a, shift := b.scale(k)
		bias[k] = float32(shift)
		row := w[k*len(w)/s.out : (k+1)*len(w)/s.out]
		for i := range row {
			row[i] = float32(a * float64(row[i]))
		}
	}
	y := n.addConv(name, x, s, w, bias)
	y.power = gain * gain
	return y
}

// relu adds max(0,x), which halves the power of a symmetric x.
func (n *network) relu(name string, x value) value {
	x.name = n.node("Relu", name, nil, x.name)
	x.power /= 2
	return x
}

// relu6 adds Clip(0,6): bounds are attributes before operator set 11.
func (n *network) relu6(name string, x value) value {
	if n.o.Opset < 11 {
		x.name = n.node("Clip", name, attrs{"min": float32(0), "max": float32(6)}, x.name)
	} else {
		x.name = n.node("Clip", name, nil, x.name, n.scalar(name+".min", 0), n.scalar(name+".max", 6))
	}
	x.power /= 2
	return x
}

// maxPool adds a pooling of what a ReLU gave. Neighbours are alike, so the
// largest of k² has about twice the mean square of one.
func (n *network) maxPool(name string, x value, kernel, stride, pad int) value {
	pads := n.pads(name, &x, pad, stride)
	return n.addPool("MaxPool", name, x, kernel, stride, pads, nil, 2)
}

// maxPoolCeil rounds the output up. Before operator set 10, which brought
// ceil_mode, one row and column of padding at the far end do the same for
// stride 2.
func (n *network) maxPoolCeil(name string, x value, kernel, stride int) value {
	far := []int64{0, 0, 1, 1}
	if n.o.Opset < 10 {
		return n.addPool("MaxPool", name, x, kernel, stride, far, nil, 2)
	}
	y := n.addPool("MaxPool", name, x, kernel, stride, []int64{0, 0, 0, 0}, attrs{"ceil_mode": int64(1)}, 2)
	y.h, y.w = window(x.h, kernel, stride, far), window(x.w, kernel, stride, far)
	return y
}

// avgPool adds an average pooling without padding.
func (n *network) avgPool(name string, x value, kernel, stride int) value {
	return n.addPool("AveragePool", name, x, kernel, stride, []int64{0, 0, 0, 0}, attrs{"count_include_pad": int64(1)}, 0.5)
}

// addPool adds a pooling that changes the mean square by the factor power.
func (n *network) addPool(op, name string, x value, kernel, stride int, pads []int64, a attrs, power float64) value {
	if a == nil {
		a = attrs{}
	}
	k, s := int64(kernel), int64(stride)
	a["kernel_shape"], a["strides"], a["pads"] = []int64{k, k}, []int64{s, s}, pads
	x.name = n.node(op, name, a, x.name)
	x.h, x.w = window(x.h, kernel, stride, pads), window(x.w, kernel, stride, pads)
	x.power *= power
	return x
}

// add adds two values, a residual connection.
func (n *network) add(name string, x, y value) value {
	x.name = n.node("Add", name, nil, x.name, y.name)
	x.power += y.power
	return x
}

// concat joins values along the channels.
func (n *network) concat(name string, xs ...value) value {
	y := value{h: xs[0].h, w: xs[0].w}
	var names []string
	for _, x := range xs {
		names = append(names, x.name)
		y.power += x.power * float64(x.c)
		y.c += x.c
	}
	y.power /= float64(y.c)
	y.name = n.node("Concat", name, attrs{"axis": int64(1)}, names...)
	return y
}

// checkSize returns an error when a picture of this size leaves nothing to pool.
func (n *network) checkSize(x value) error {
	if x.h < 1 || x.w < 1 {
		return fmt.Errorf("size %d is too small for %s", n.o.Size, n.m.Name)
	}
	return nil
}
