package cpu

import "math"

// vectorPiece is the number of elements that one piece of an elementwise task
// takes: 64 KiB of each operand.
const vectorPiece = 16 << 10

// Relu computes y[i] = max(x[i], 0); NaN passes through. y may be x.
func (d *Device) Relu(y, x []float32) { d.Clamp(y, x, 0, float32(math.Inf(1))) }

// Clamp computes y[i] = min(max(x[i], lo), hi); NaN passes through. y may be x.
func (d *Device) Clamp(y, x []float32, lo, hi float32) {
	d.spans(len(x), func(i, j int) {
		for ; i < j; i++ {
			v := x[i]
			if v < lo {
				v = lo
			}
			if v > hi {
				v = hi
			}
			y[i] = v
		}
	})
}

// Add computes y[i] = a[i] + b[i]. y may be a or b.
func (d *Device) Add(y, a, b []float32) {
	d.spans(len(a), func(i, j int) {
		for ; i < j; i++ {
			y[i] = a[i] + b[i]
		}
	})
}

// Axpy computes y[i] += a · x[i].
func (d *Device) Axpy(a float32, y, x []float32) {
	d.spans(len(x), func(i, j int) {
		for ; i < j; i++ {
			y[i] += a * x[i]
		}
	})
}

// spans cuts n elements into pieces and calls f(first, end) for each.
func (d *Device) spans(n int, f func(i, j int)) {
	d.Parallel((n+vectorPiece-1)/vectorPiece, func(p int) {
		f(p*vectorPiece, min((p+1)*vectorPiece, n))
	})
}

// AdamStep is one step of Adam (Kingma and Ba 2015, algorithm 1) or, with
// Decay, of AdamW (Loshchilov and Hutter 2019, algorithm 2).
type AdamStep struct {
	Rate         float32 // learning rate
	Beta1, Beta2 float32 // decay of the first and second moment
	Epsilon      float32
	L2           float32 // added to the gradient as L2·p
	Decay        float32 // decoupled weight decay: p -= Rate·Decay·p
	Step         int     // 1 at the first step
}

// Adam updates the parameters p and their moments m and v from gradients g:
//
//	g' = g + L2·p
//	m = Beta1·m + (1-Beta1)·g'
//	v = Beta2·v + (1-Beta2)·g'²
//	p = p·(1-Rate·Decay) - Rate/(1-Beta1^Step) · m / (√v/√(1-Beta2^Step) + Epsilon)
func (d *Device) Adam(s AdamStep, p, m, v, g []float32) {
	b1, b2 := float64(s.Beta1), float64(s.Beta2)
	rate := float32(float64(s.Rate) / (1 - math.Pow(b1, float64(s.Step))))
	root := float32(1 / math.Sqrt(1-math.Pow(b2, float64(s.Step))))
	keep := 1 - s.Rate*s.Decay
	d.spans(len(p), func(i, j int) {
		for ; i < j; i++ {
			gi := g[i] + s.L2*p[i]
			m[i] = s.Beta1*m[i] + (1-s.Beta1)*gi
			v[i] = s.Beta2*v[i] + (1-s.Beta2)*gi*gi
			p[i] = p[i]*keep - rate*m[i]/(float32(math.Sqrt(float64(v[i])))*root+s.Epsilon)
		}
	})
}
