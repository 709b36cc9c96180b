package cpu

import "math"

// vectorPiece is the number of elements that one piece of an elementwise task
// takes: 64 KiB of each operand.
const vectorPiece = 16 << 10

// Relu computes y[i] = max(x[i], 0); NaN passes through. y may be x.
func (d *Device) Relu(y, x []float32) { d.Clamp(y, x, 0, float32(math.Inf(1))) }

// Clamp computes y[i] = min(max(x[i], lo), hi); NaN passes through. y may be x.
func (d *Device) Clamp(y, x []float32, lo, hi float32) {
	d.vec.s = [10]float32{lo, hi}
	d.each2(d.k.clamp, clampPortable, y, x, x)
}

// ClampGrad computes dx[i] = dy[i] where lo < x[i] < hi, else 0: the gradient
// of Clamp, and of Relu with (0, +Inf). For that the output serves as x. dx
// may be dy.
func (d *Device) ClampGrad(dx, dy, x []float32, lo, hi float32) {
	d.vec.s = [10]float32{lo, hi}
	d.each2(d.k.reluGrad, reluGradPortable, dx, dy, x)
}

// Add computes y[i] = a[i] + b[i]. y may be a or b.
func (d *Device) Add(y, a, b []float32) { d.each2(d.k.add, addPortable, y, a, b) }

// Mul computes y[i] = a[i] · b[i]. y may be a or b.
func (d *Device) Mul(y, a, b []float32) { d.each2(d.k.mul, mulPortable, y, a, b) }

// Axpy computes y[i] += a · x[i].
func (d *Device) Axpy(a float32, y, x []float32) {
	d.vec.s = [10]float32{a}
	d.each2(d.k.axpy, axpyPortable, y, x, x)
}

// Lerp computes y[i] += a · (x[i] - y[i]): y moves the share a of the way to x.
func (d *Device) Lerp(a float32, y, x []float32) {
	d.vec.s = [10]float32{a}
	d.each2(d.k.lerp, lerpPortable, y, x, x)
}

// Sum returns the sum of x.
func (d *Device) Sum(x []float32) float32 { return d.k.total(&d.team.workers[0].vec, x) }

// Dot returns Σ x[i]·y[i].
func (d *Device) Dot(x, y []float32) float32 {
	w := d.team.workers[0]
	out := scratch(w, &w.edge, 1)
	out[0] = 0
	w.dot = dotArgs{a: x, b: y[:len(x)], out: out, offs: zeroOffset[:], rows: 1}
	d.k.line(&w.dot, len(x))
	d.k.dots[3](&w.dot)
	w.dot.a, w.dot.b = nil, nil
	return out[0]
}

var zeroOffset [1]int

// vecTask runs an elementwise kernel; a piece is vectorPiece elements.
type vecTask struct {
	k             *kernels
	kernel, plain func(*vecArgs)
	y, a, b       []float32
	s             [10]float32
}

// each2 runs an elementwise kernel over y, a and b.
func (d *Device) each2(kernel, plain func(*vecArgs), y, a, b []float32) {
	n := len(y)
	t := &d.vec
	t.k, t.kernel, t.plain = d.k, kernel, plain
	t.y, t.a, t.b = y, a[:n], b[:n]
	d.team.run(ceilDiv(n, vectorPiece), t)
	t.y, t.a, t.b = nil, nil, nil
}

func (t *vecTask) piece(w *worker, i int) {
	from, to := i*vectorPiece, min((i+1)*vectorPiece, len(t.y))
	v := &w.vec
	v.y, v.a, v.b, v.s = t.y[from:to], t.a[from:to], t.b[from:to], t.s
	t.k.whole(t.kernel, t.plain, v, to-from)
}

// whole runs kernel over the whole vectors of n elements, and its portable
// twin over the rest.
func (k *kernels) whole(kernel, plain func(*vecArgs), v *vecArgs, n int) {
	v.n = n / k.lanes
	kernel(v)
	done := v.n * k.lanes
	if done == n {
		return
	}
	v.y, v.a, v.b = v.y[done:], v.a[done:], v.b[done:]
	if v.g != nil {
		v.g = v.g[done:]
	}
	v.n = n - done
	plain(v)
}

// total returns the sum of x.
func (k *kernels) total(v *vecArgs, x []float32) float32 {
	v.y, v.a, v.n = v.out[:], x, len(x)/k.lanes
	k.sum(v)
	sum := v.out[0]
	for _, r := range x[v.n*k.lanes:] {
		sum += r
	}
	return sum
}
