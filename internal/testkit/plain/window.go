package plain

import (
	"math"

	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// window is one axis of a convolution or a pool.
type window struct{ kernel, stride, dilation, before, after int }

// windows is height and width. SAME pads so that ceil(n/stride) windows fit,
// the odd one after (UPPER) or before (LOWER); VALID pads nothing.
func windows(auto string, in tensor.Shape, kernel, strides, dilations [2]int, pads [4]int) (w [2]window) {
	for i := range w {
		k, s, d := kernel[i], one(strides[i]), one(dilations[i])
		w[i] = window{k, s, d, pads[i], pads[i+2]}
		n := in[2+i]
		total := max(0, ((n+s-1)/s-1)*s+(k-1)*d+1-n)
		switch auto {
		case "SAME_UPPER":
			w[i].before, w[i].after = total/2, total-total/2
		case "SAME_LOWER":
			w[i].before, w[i].after = total-total/2, total/2
		case "VALID":
			w[i].before, w[i].after = 0, 0
		}
	}
	return w
}

// taps calls f for each place (h, w) that the window of output (p, q) looks
// at, in the image or not, with the tap's place (r, s) in the kernel.
func taps(v [2]window, p, q int, f func(h, w, r, s int)) {
	for r := range v[0].kernel {
		for s := range v[1].kernel {
			f(p*v[0].stride-v[0].before+r*v[0].dilation, q*v[1].stride-v[1].before+s*v[1].dilation, r, s)
		}
	}
}

// inside reports whether (h, w) is a pixel of x (N,C,H,W).
func inside(x *Array, h, w int) bool { return h >= 0 && h < x.Shape[2] && w >= 0 && w < x.Shape[3] }

func conv(o op.Conv, y *Array, x []*Array) {
	in, weight := x[0], x[1]
	v := windows(o.AutoPad, in.Shape, [2]int{weight.Shape[2], weight.Shape[3]}, o.Strides, o.Dilations, o.Pads)
	cg, kg := weight.Shape[1], weight.Shape[0]/one(o.Group)
	each(y.Shape, func(i int, at []int) {
		n, k := at[0], at[1]
		sum := 0.0
		taps(v, at[2], at[3], func(h, w, r, s int) {
			for c := 0; c < cg && inside(in, h, w); c++ {
				sum += in.get(n, k/kg*cg+c, h, w) * weight.get(k, c, r, s)
			}
		})
		if len(x) > 2 && x[2] != nil {
			sum += x[2].Data[k]
		}
		if o.Residual {
			sum += x[3].Data[i]
		}
		if o.Clamp {
			sum = clamp(sum, float64(o.Lo), float64(o.Hi))
		}
		y.Data[i] = sum
	})
}

func maxPool(o op.MaxPool, y, x *Array) {
	v := windows(o.AutoPad, x.Shape, o.Kernel, o.Strides, o.Dilations, o.Pads)
	each(y.Shape, func(i int, at []int) {
		y.Data[i] = math.Inf(-1)
		taps(v, at[2], at[3], func(h, w, _, _ int) {
			if inside(x, h, w) {
				y.Data[i] = math.Max(y.Data[i], x.get(at[0], at[1], h, w))
			}
		})
	})
}

// averagePool divides by the pixels under the window and, with CountPad, by
// the declared padding's places too.
func averagePool(o op.AveragePool, y, x *Array) {
	v := windows(o.AutoPad, x.Shape, o.Kernel, o.Strides, o.Dilations, o.Pads)
	each(y.Shape, func(i int, at []int) {
		sum, count := 0.0, 0
		taps(v, at[2], at[3], func(h, w, _, _ int) {
			if inside(x, h, w) {
				sum += x.get(at[0], at[1], h, w)
				count++
			} else if o.CountPad && h < x.Shape[2]+v[0].after && w < x.Shape[3]+v[1].after {
				count++
			}
		})
		y.Data[i] = sum / float64(max(1, count))
	})
}

// globalPool is the mean or the maximum of each plane of x (N,C,…).
func globalPool(o op.Op, y, x *Array) {
	plane := len(x.Data) / len(y.Data)
	for i := range y.Data {
		sum, top := 0.0, math.Inf(-1)
		for _, v := range x.Data[i*plane:][:plane] {
			sum, top = sum+v, math.Max(top, v)
		}
		y.Data[i] = top
		if _, mean := o.(op.GlobalAveragePool); mean {
			y.Data[i] = sum / float64(plane)
		}
	}
}
