package weights

import "math"

// This file holds what a classifier is made of: pooling to one cell, flattening
// and dense layers, in the form that the chosen exporter and operator set use.

// globalPool averages over all pixels: (N,C,H,W) → (N,C,1,1).
func (n *network) globalPool(name string, x value) value {
	x.name = n.node("GlobalAveragePool", name, nil, x.name)
	x.h, x.w = 1, 1
	return x
}

// reduceMean averages over all pixels as Keras and torch's mean() are exported:
// axes are an attribute before operator set 18.
func (n *network) reduceMean(name string, x value) value {
	if n.o.Opset < 18 {
		x.name = n.node("ReduceMean", name, attrs{"axes": []int64{2, 3}, "keepdims": int64(1)}, x.name)
	} else {
		x.name = n.node("ReduceMean", name, attrs{"keepdims": int64(1)}, x.name, n.ints(name+".axes", 2, 3))
	}
	x.h, x.w = 1, 1
	return x
}

// squeeze drops the two pixel axes: (N,C,1,1) → (N,C). Axes are an attribute
// before operator set 13.
func (n *network) squeeze(name string, x value) value {
	if n.o.Opset < 13 {
		x.name = n.node("Squeeze", name, attrs{"axes": []int64{2, 3}}, x.name)
	} else {
		x.name = n.node("Squeeze", name, nil, x.name, n.ints(name+".axes", 2, 3))
	}
	x.h, x.w = 0, 0
	return x
}

// flatten makes one row per picture: (N,C,H,W) → (N,C·H·W).
func (n *network) flatten(name string, x value) value {
	x.name = n.node("Flatten", name, attrs{"axis": int64(1)}, x.name)
	x.c, x.h, x.w = x.c*x.h*x.w, 0, 0
	return x
}

// reshape makes one row per picture as Caffe2 does, the batch axis copied.
func (n *network) reshape(name string, x value) value {
	x.name = n.node("Reshape", name, nil, x.name, n.ints(name+".shape", 0, -1))
	x.c, x.h, x.w = x.c*x.h*x.w, 0, 0
	return x
}

// flattenDense adds a flattening and a dense layer. The NHWC form flattens in
// the order of Keras, pixels first, with the weights' rows moved to fit.
func (n *network) flattenDense(name string, x value, out int) value {
	if !n.o.NHWC {
		return n.dense(name, n.flatten("flatten", x), out)
	}
	flat := x.c * x.h * x.w
	w := n.denseWeights(name, flat, out, x.power)
	moved, pixels := make([]float32, len(w)), x.h*x.w
	for k := range out {
		for i := range flat {
			c, p := i/pixels, i%pixels
			moved[(p*x.c+c)*out+k] = w[k*flat+i] // (F,K), as MatMul wants it
		}
	}
	y := n.node("Transpose", "flatten_nhwc", attrs{"perm": []int64{0, 2, 3, 1}}, x.name)
	y = n.node("Reshape", "flatten", nil, y, n.ints("flatten.shape", -1, int64(flat)))
	return n.matMul(name, value{name: y, c: flat}, out, moved)
}

// denseWeights draws (K,F) by He's rule; see filters.
func (n *network) denseWeights(name string, in, out int, power float64) []float32 {
	return n.normal(name+".weight", in*out, 0, 1/math.Sqrt(float64(in)*power))
}

// dense adds a dense layer: (N,F) → (N,K).
func (n *network) dense(name string, x value, out int) value {
	w := n.denseWeights(name, x.c, out, x.power)
	if n.o.NHWC {
		moved := make([]float32, len(w))
		for i, v := range w {
			moved[i%x.c*out+i/x.c] = v
		}
		return n.matMul(name, x, out, moved)
	}
	in, k := int64(x.c), int64(out)
	a := attrs{"alpha": float32(1), "beta": float32(1), "transB": int64(1)}
	y := n.node("Gemm", name, a, x.name, n.floats(name+".weight", w, k, in), n.floats(name+".bias", n.denseBias(name, out), k))
	return value{name: y, c: out, power: 1}
}

// matMul adds a dense layer with weights (F,K) as tf2onnx writes it.
func (n *network) matMul(name string, x value, out int, w []float32) value {
	k := int64(out)
	y := n.node("MatMul", name, nil, x.name, n.floats(name+".weight", w, int64(x.c), k))
	y = n.node("Add", name+"_bias", nil, y, n.floats(name+".bias", n.denseBias(name, out), k))
	return value{name: y, c: out, power: 1}
}

// denseBias draws (K) small numbers.
func (n *network) denseBias(name string, out int) []float32 {
	return n.normal(name+".bias", out, 0, 0.05)
}

// dropout adds the node that does nothing outside training: the ratio is an
// attribute before operator set 12.
func (n *network) dropout(name string, x value) value {
	if n.o.Opset < 12 {
		x.name = n.node("Dropout", name, attrs{"ratio": float32(0.5)}, x.name)
	} else {
		x.name = n.node("Dropout", name, nil, x.name, n.scalar(name+".ratio", 0.5))
	}
	return x
}

// softmax turns (N,K) into probabilities.
func (n *network) softmax(name string, x value) value {
	x.name = n.node("Softmax", name, attrs{"axis": int64(1)}, x.name)
	return x
}

// lrn adds local response normalisation over five channels (AlexNet, section
// 3.3). Caffe's α is 1e-4 for activations near 70; ours are near 1, so that
// α = 0.5 normalises as strongly.
func (n *network) lrn(name string, x value) value {
	const alpha, beta = 0.5, 0.75
	a := attrs{"size": int64(5), "alpha": float32(alpha), "beta": float32(beta), "bias": float32(1)}
	x.name = n.node("LRN", name, a, x.name)
	x.power *= math.Pow(1+alpha*x.power, -2*beta)
	return x
}
