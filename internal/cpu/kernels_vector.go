package cpu

import "math"

// vecArgs are the operands of an elementwise kernel.
type vecArgs struct {
	y, a, b, g []float32
	n          int // vectors
	s          [10]float32
	out        [1]float32
}

// clampPortable computes y = min(max(a, s0), s1); NaN passes through.
func clampPortable(t *vecArgs) {
	lo, hi := t.s[0], t.s[1]
	a, y := t.a[:t.n], t.y[:t.n]
	for i, v := range a {
		if v < lo {
			v = lo
		}
		if v > hi {
			v = hi
		}
		y[i] = v
	}
}

// addPortable computes y = a + b.
func addPortable(t *vecArgs) {
	a, b, y := t.a[:t.n], t.b[:t.n], t.y[:t.n]
	for i := range y {
		y[i] = a[i] + b[i]
	}
}

// mulPortable computes y = a · b.
func mulPortable(t *vecArgs) {
	a, b, y := t.a[:t.n], t.b[:t.n], t.y[:t.n]
	for i := range y {
		y[i] = a[i] * b[i]
	}
}

// maxPortable computes y = max(a, b), NaN if one of them is.
func maxPortable(t *vecArgs) {
	a, b, y := t.a[:t.n], t.b[:t.n], t.y[:t.n]
	for i := range y {
		y[i] = max(a[i], b[i])
	}
}

// axpyPortable computes y = y + s0·a.
func axpyPortable(t *vecArgs) {
	a, y, s := t.a[:t.n], t.y[:t.n], t.s[0]
	for i := range y {
		y[i] += s * a[i]
	}
}

// lerpPortable computes y = y + s0·(a - y).
func lerpPortable(t *vecArgs) {
	a, y, s := t.a[:t.n], t.y[:t.n], t.s[0]
	for i := range y {
		y[i] += s * (a[i] - y[i])
	}
}

// reluGradPortable computes y = a where s0 < b < s1, else 0.
func reluGradPortable(t *vecArgs) {
	a, b, y := t.a[:t.n], t.b[:t.n], t.y[:t.n]
	for i, v := range b {
		if t.s[0] < v && v < t.s[1] {
			y[i] = a[i]
		} else {
			y[i] = 0
		}
	}
}

// adamPortable is one step of Adam; AdamStep.scalars says what s holds.
func adamPortable(t *vecArgs) {
	p, m, v, g := t.y[:t.n], t.a[:t.n], t.b[:t.n], t.g[:t.n]
	b1, c1, b2, c2, l2 := t.s[0], t.s[1], t.s[2], t.s[3], t.s[4]
	keep, rate, root, eps, scale := t.s[5], t.s[6], t.s[7], t.s[8], t.s[9]
	for i := range p {
		gi := scale*g[i] + l2*p[i]
		m[i] = b1*m[i] + c1*gi
		v[i] = b2*v[i] + c2*gi*gi
		p[i] = p[i]*keep - rate*m[i]/(float32(math.Sqrt(float64(v[i])))*root+eps)
	}
}

// sumPortable computes y[0] = Σ a.
func sumPortable(t *vecArgs) {
	var sum float32
	for _, v := range t.a[:t.n] {
		sum += v
	}
	t.y[0] = sum
}
