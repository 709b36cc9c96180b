package op_test

import (
	"math"
	"slices"

	"pgregory.net/rapid"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/internal/testkit/plain"
)

// gradients draws an operator and its inputs, by the name of the type.
var gradients = map[string]func(f fixture) gradient{
	"Add":     func(f fixture) gradient { return gradient{o: op.Add{}, x: f.operands(2)} },
	"Sub":     func(f fixture) gradient { return gradient{o: op.Sub{}, x: f.operands(2)} },
	"Mul":     func(f fixture) gradient { return gradient{o: op.Mul{}, x: f.operands(2)} },
	"Sum":     func(f fixture) gradient { return gradient{o: op.Sum{}, x: f.operands(f.int("inputs", 1, 4))} },
	"Conv":    fixture.conv,
	"Gemm":    fixture.gemm,
	"MatMul":  fixture.matmul,
	"MaxPool": fixture.maxPool, "AveragePool": fixture.averagePool,
	"GlobalAveragePool": func(f fixture) gradient { return f.of(op.GlobalAveragePool{}, f.apart(f.shape(3, 5)...)) },
	"GlobalMaxPool":     func(f fixture) gradient { return f.of(op.GlobalMaxPool{}, f.apart(f.shape(3, 4)...)) },
	"BatchNorm":         fixture.batchNorm,
	"Relu":              func(f fixture) gradient { return f.of(op.Relu{}, f.apart(f.shape(0, 4)...)) },
	"LeakyRelu": func(f fixture) gradient {
		return f.of(op.LeakyRelu{Alpha: float32(f.r.Float64())}, f.apart(f.shape(0, 4)...))
	},
	"Clip": func(f fixture) gradient {
		return f.of(op.Clip{Min: float32(f.int("min", -6, 2)) / 2, Max: float32(f.int("max", 2, 6)) / 2}, f.apart(f.shape(0, 4)...))
	},
	"HardSigmoid": func(f fixture) gradient { // bends at -2.5 and 2.5, -2 and 2, -1 and 1, -0.5 and 1.5
		o := rapid.SampledFrom([]op.HardSigmoid{{Alpha: 0.2, Beta: 0.5}, {Alpha: 0.25, Beta: 0.5}, {Alpha: 0.5, Beta: 0.5}, {Alpha: 0.5, Beta: 0.25}}).Draw(f.T, "slope")
		return f.of(o, f.apart(f.shape(0, 4)...))
	},
	"HardSwish": func(f fixture) gradient { return f.of(op.HardSwish{}, f.apart(f.shape(0, 4)...)) },
	"Sigmoid":   func(f fixture) gradient { return f.of(op.Sigmoid{}, f.unsaturated(f.shape(0, 4)...)) },
	"Tanh":      func(f fixture) gradient { return f.of(op.Tanh{}, f.unsaturated(f.shape(0, 4)...)) },
	"Exp":       func(f fixture) gradient { return f.of(op.Exp{}, f.unsaturated(f.shape(0, 4)...)) },
	"Softplus":  func(f fixture) gradient { return f.of(op.Softplus{}, f.unsaturated(f.shape(0, 4)...)) },
	"Neg":       func(f fixture) gradient { return f.of(op.Neg{}, f.normal(f.shape(0, 4)...)) },
	"Sqrt":      func(f fixture) gradient { return f.of(op.Sqrt{}, f.positive(f.shape(0, 4)...)) },
	"Elu": func(f fixture) gradient {
		return f.of(op.Elu{Alpha: 0.25 + float32(f.r.Float64())}, f.apart(f.shape(0, 4)...))
	},
	"PRelu": func(f fixture) gradient {
		x := f.apart(f.shape(0, 4)...)
		return gradient{o: op.PRelu{}, x: []*tensor.Tensor{x, f.normal(f.narrowed(x.Shape)...)}}
	},
	"Identity": func(f fixture) gradient { return f.of(op.Identity{}, f.normal(f.shape(0, 4)...)) },
	"Dropout":  func(f fixture) gradient { return f.of(op.Dropout{}, f.normal(f.shape(0, 4)...)) },
	"Softmax": func(f fixture) gradient {
		shape := f.shape(1, 4)
		return f.of(op.Softmax{Axis: f.axis(shape), Flat: f.flag("flat")}, f.unsaturated(shape...))
	},
	"LogSoftmax": func(f fixture) gradient {
		shape := f.shape(1, 4)
		return f.of(op.LogSoftmax{Axis: f.axis(shape), Flat: f.flag("flat")}, f.unsaturated(shape...))
	},
	"Flatten": func(f fixture) gradient {
		shape := f.shape(1, 4)
		return f.of(op.Flatten{Axis: f.int("axis", -len(shape), len(shape))}, f.normal(shape...))
	},
	"Reshape": func(f fixture) gradient {
		to := rapid.SampledFrom([][]int{{-1}, {0, -1}, {1, -1, 1}}).Draw(f.T, "to")
		return f.of(op.Reshape{To: to}, f.normal(f.shape(1, 4)...))
	},
	"Transpose": func(f fixture) gradient {
		shape := f.shape(1, 5)
		perm := f.r.Perm(len(shape))
		if f.flag("reversed") {
			perm = nil
		}
		return f.of(op.Transpose{Perm: perm}, f.normal(shape...))
	},
	"Unsqueeze": func(f fixture) gradient {
		shape := f.shape(0, 3)
		axes := f.r.Perm(len(shape) + 2)[:2]
		return f.of(op.Unsqueeze{Axes: axes}, f.normal(shape...))
	},
	"Squeeze": func(f fixture) gradient {
		shape := append(f.shape(1, 3), 1)
		if f.flag("named") {
			return f.of(op.Squeeze{Axes: []int{-1}}, f.normal(shape...))
		}
		return f.of(op.Squeeze{}, f.normal(shape...))
	},
	"ReduceMean": fixture.reduceMean, "Pad": fixture.pad, "Concat": fixture.concat,
}

// of is the case of an operator with one input.
func (f fixture) of(o op.Differentiable, x *tensor.Tensor) gradient {
	return gradient{o: o, x: []*tensor.Tensor{x}}
}

func (f fixture) int(name string, lo, hi int) int { return rapid.IntRange(lo, hi).Draw(f.T, name) }

func (f fixture) flag(name string) bool { return rapid.Bool().Draw(f.T, name) }

func (f fixture) axis(shape []int) int { return f.int("axis", -len(shape), len(shape)-1) }

func (f fixture) pair(name string, lo, hi int) [2]int {
	return [2]int{f.int(name+"H", lo, hi), f.int(name+"W", lo, hi)}
}

func (f fixture) pads(hi [2]int) [4]int {
	return [4]int{f.int("top", 0, hi[0]), f.int("left", 0, hi[1]), f.int("bottom", 0, hi[0]), f.int("right", 0, hi[1])}
}

func (f fixture) auto() string {
	return rapid.SampledFrom([]string{"", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"}).Draw(f.T, "auto")
}

// shape draws axes of 1 to 4 elements.
func (f fixture) shape(least, most int) []int {
	s := make([]int, f.int("rank", least, most))
	for i := range s {
		s[i] = f.int("axis", 1, 4)
	}
	return s
}

// fill returns numbers that next gives.
func (f fixture) fill(next func(i int) float64, shape ...int) *tensor.Tensor {
	t := tensor.New(shape...)
	for i := range t.Data {
		t.Data[i] = float32(next(i))
	}
	return t
}

// normal returns normally distributed numbers.
func (f fixture) normal(shape ...int) *tensor.Tensor {
	return f.fill(func(int) float64 { return f.r.NormFloat64() }, shape...)
}

// unsaturated returns numbers from -2 to 2: where a sigmoid is 1 to the last
// bit of a float32, its output no longer tells its slope.
func (f fixture) unsaturated(shape ...int) *tensor.Tensor {
	return f.fill(func(int) float64 { return 4*f.r.Float64() - 2 }, shape...)
}

// positive returns numbers from 0.5 to 4.5.
func (f fixture) positive(shape ...int) *tensor.Tensor {
	return f.fill(func(int) float64 { return 4*f.r.Float64() + 0.5 }, shape...)
}

// apart returns numbers of about -6 to 6 that lie two gaps or more from each
// other and one or more from every multiple of 1/2.
func (f fixture) apart(shape ...int) *tensor.Tensor {
	n := max(256, tensor.Shape(shape).Size())
	places := f.r.Perm(n)
	return f.fill(func(i int) float64 { return (2*float64(places[i]-n/2) + 1) * gap }, shape...)
}

// operands draws inputs that broadcast to one shape.
func (f fixture) operands(n int) (x []*tensor.Tensor) {
	shape := f.shape(0, 4)
	for range n {
		x = append(x, f.normal(f.narrowed(shape)...))
	}
	return x
}

// narrowed sets some axes to 1 and drops some leading ones.
func (f fixture) narrowed(shape []int) []int {
	s := slices.Clone(shape[f.int("drop", 0, len(shape)):])
	for i := range s {
		if f.flag("one") {
			s[i] = 1
		}
	}
	return s
}

// conv draws group 1 to 3, and now and then what passes fuse: a residual, and
// limits on the output.
func (f fixture) conv() gradient {
	c := op.Conv{
		Strides: f.pair("stride", 1, 3), Dilations: f.pair("dilation", 1, 3),
		Group: f.int("group", 1, 3), AutoPad: f.auto(), Residual: f.int("residual", 0, 3) == 0,
	}
	kernel := f.pair("kernel", 1, 3)
	c.Pads = f.pads(kernel)
	cg, kg := f.int("c", 1, 2), f.int("k", 1, 2)
	x := []*tensor.Tensor{
		f.normal(f.int("n", 1, 2), cg*c.Group, f.int("h", 7, 8), f.int("w", 7, 8)),
		f.normal(kg*c.Group, cg, kernel[0], kernel[1]),
		f.normal(kg * c.Group),
	}
	if f.int("bias", 0, 3) == 0 {
		x[2] = nil
	}
	if c.Residual {
		c.Residual = false
		x = append(x, f.normal(shapeOf(f, c, x)...))
		c.Residual = true
	}
	if f.int("clamp", 0, 3) == 0 {
		c.Lo, c.Hi = f.limits(c, x)
		c.Clamp = true
	}
	return gradient{o: c, x: x}
}

// limits are two numbers amid o's outputs, each half way between neighbours
// that lie a thousandth or more apart.
func (f fixture) limits(o op.Op, x []*tensor.Tensor) (lo, hi float32) {
	var in []*plain.Array
	for _, t := range x {
		in = append(in, plain.Of(t))
	}
	y := plain.Forward(o, in...).Data
	slices.Sort(y)
	amid := func(from int) float64 {
		for i := from; i+1 < len(y); i++ {
			if y[i+1]-y[i] > 1e-3 {
				return (y[i] + y[i+1]) / 2
			}
		}
		return y[len(y)-1] + 1
	}
	return float32(amid(len(y) / 4)), float32(amid(len(y) * 3 / 4))
}

func (f fixture) gemm() gradient {
	m, k, n := f.int("m", 1, 5), f.int("k", 1, 5), f.int("n", 1, 5)
	g := op.Gemm{Alpha: 1, Beta: 1, TransA: f.flag("transA"), TransB: f.flag("transB")}
	if f.flag("scaled") {
		g.Alpha, g.Beta = float32(f.r.NormFloat64()), float32(f.r.NormFloat64())
	}
	a, b := []int{m, k}, []int{k, n}
	if g.TransA {
		slices.Reverse(a)
	}
	if g.TransB {
		slices.Reverse(b)
	}
	x := []*tensor.Tensor{f.normal(a...), f.normal(b...), nil}
	if c := [][]int{nil, {n}, {1, n}, {m, 1}, {m, n}, {1}, {}}[f.int("c", 0, 6)]; c != nil {
		x[2] = f.normal(c...)
	}
	return gradient{o: g, x: x}
}

func (f fixture) matmul() gradient {
	m, k, n, p := f.int("m", 1, 4), f.int("k", 1, 4), f.int("n", 1, 4), f.int("p", 1, 3)
	shapes := [][2][]int{
		{{m, k}, {k, n}}, {{p, m, k}, {k, n}}, {{m, k}, {p, k, n}}, {{2, 1, m, k}, {p, k, n}},
		{{p, m, k}, {p, k, n}}, {{k}, {p, k, n}}, {{p, m, k}, {k}}, {{k}, {k}}, {{1, p, m, k}, {2, 1, k, n}},
	}[f.int("shapes", 0, 8)]
	return gradient{o: op.MatMul{}, x: []*tensor.Tensor{f.normal(shapes[0]...), f.normal(shapes[1]...)}}
}

func (f fixture) maxPool() gradient {
	kernel := f.pair("kernel", 1, 3)
	return f.of(op.MaxPool{
		Kernel: kernel, Strides: f.pair("stride", 1, 3), Dilations: f.pair("dilation", 1, 2),
		Pads: f.pads([2]int{kernel[0] - 1, kernel[1] - 1}), AutoPad: f.auto(), Ceil: f.flag("ceil"),
	}, f.image())
}

func (f fixture) averagePool() gradient {
	kernel := f.pair("kernel", 1, 3)
	return f.of(op.AveragePool{
		Kernel: kernel, Strides: f.pair("stride", 1, 3), Dilations: f.pair("dilation", 1, 2),
		Pads: f.pads([2]int{kernel[0] - 1, kernel[1] - 1}), AutoPad: f.auto(), Ceil: f.flag("ceil"), CountPad: f.flag("count"),
	}, f.image())
}

// image draws (N,C,H,W) without equal numbers.
func (f fixture) image() *tensor.Tensor {
	return f.apart(f.int("n", 1, 2), f.int("c", 1, 2), f.int("h", 5, 7), f.int("w", 5, 7))
}

func (f fixture) batchNorm() gradient {
	shape := f.shape(2, 4)
	c := shape[1]
	variance := f.fill(func(int) float64 { return 0.1 + math.Pow(f.r.NormFloat64(), 2) }, c)
	x := []*tensor.Tensor{f.normal(shape...), f.normal(c), f.normal(c), f.normal(c), variance}
	return gradient{o: op.BatchNorm{Epsilon: 1e-5}, x: x, constant: []int{3, 4}}
}

func (f fixture) reduceMean() gradient {
	shape := f.shape(1, 4)
	axes := f.r.Perm(len(shape))[:f.int("reduced", 0, len(shape))]
	return f.of(op.ReduceMean{Axes: axes, DropDims: f.flag("drop"), Noop: f.flag("noop")}, f.normal(shape...))
}

// pad draws pads that reflect allows; those of constant may be negative.
func (f fixture) pad() gradient {
	shape := f.shape(1, 4)
	mode := rapid.SampledFrom([]string{"", "constant", "reflect", "edge", "wrap"}).Draw(f.T, "mode")
	pads := make([]int, 2*len(shape))
	for i := range pads {
		least, n := 0, shape[i%len(shape)]
		if mode == "" || mode == "constant" {
			least = -(n - 1) / 2
		}
		pads[i] = f.int("pad", least, n-1)
	}
	return f.of(op.Pad{Pads: pads, Mode: mode, Value: 3}, f.normal(shape...))
}

func (f fixture) concat() gradient {
	shape := f.shape(1, 4)
	axis := f.axis(shape)
	var x []*tensor.Tensor
	for range f.int("inputs", 1, 3) {
		shape := slices.Clone(shape)
		shape[(axis+len(shape))%len(shape)] = f.int("length", 1, 3)
		x = append(x, f.normal(shape...))
	}
	return gradient{o: op.Concat{Axis: axis}, x: x}
}
