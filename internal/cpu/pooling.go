package cpu

import "math"

// PoolShape is the geometry of pooling. The padding below and to the right
// follows from OH and OW. Global pooling is a window of the whole image.
type PoolShape struct {
	N, C, H, W           int // input (N,C,H,W)
	R, S                 int // window
	OH, OW               int // output (N,C,OH,OW)
	StrideH, StrideW     int
	PadTop, PadLeft      int
	DilationH, DilationW int

	// BeyondH and BeyondW are the rows and columns by which the last window
	// reaches beyond even the padding (ceil_mode). AvgPool never counts them.
	BeyondH, BeyondW int
}

// window returns the valid part of output p's window along one axis: the
// first tap r0, and r1 one past the last.
func window(p, stride, pad, dilation, taps, size int) (r0, r1 int) {
	start := p*stride - pad
	if start < 0 {
		r0 = (-start + dilation - 1) / dilation
	}
	r1 = taps
	if start+(taps-1)*dilation >= size {
		r1 = (size - start + dilation - 1) / dilation
	}
	return r0, max(r0, r1)
}

// MaxPool computes
//
//	y[n,c,p,q] = max over r,s of x[n,c, p·StrideH-PadTop+r·DilationH, q·StrideW-PadLeft+s·DilationW]
//
// over the pixels inside x; NaN counts as larger than any number.
func (d *Device) MaxPool(s PoolShape, y, x []float32) {
	d.pool = poolTask{s: s, y: y, x: x, f: (*poolTask).maxPlane}
	d.pool.run(d)
}

// MaxPoolScratch is what MaxPool takes.
func (d *Device) MaxPoolScratch(s PoolShape) Scratch { return Scratch{plane: 2 * s.W} }

// maxPlane takes, for each output row, the largest of the window's rows, then
// of that row and itself shifted by each tap, and keeps each StrideW-th. Only
// windows that leave the image to the left or right are done one by one.
func (t *poolTask) maxPlane(w *worker, i int) {
	s := &t.s
	in, out := t.in(t.x, i), t.out(t.y, i)
	tall := scratch(w, &w.plane, 2*s.W)
	wide := tall[s.W:]
	n := s.W - (s.S-1)*s.DilationW // windows at every pixel
	q0 := min(s.OW, ceilDiv(s.PadLeft, s.StrideW))
	q1 := max(q0, min(s.OW, ceilDiv(n+s.PadLeft, s.StrideW)))
	for p := range s.OH {
		row := out[p*s.OW:][:s.OW]
		r0, r1 := window(p, s.StrideH, s.PadTop, s.DilationH, s.R, s.H)
		if r0 == r1 {
			fill(row, float32(math.Inf(-1)))
			continue
		}
		copy(tall, in[(p*s.StrideH-s.PadTop+r0*s.DilationH)*s.W:][:s.W])
		for r := r0 + 1; r < r1; r++ {
			t.larger(w, tall[:s.W], in[(p*s.StrideH-s.PadTop+r*s.DilationH)*s.W:])
		}
		for q := range s.OW {
			if q < q0 || q >= q1 {
				row[q] = s.maxTaps(tall[:s.W], q)
			}
		}
		if q1 > q0 {
			copy(wide[:n], tall)
			for v := 1; v < s.S; v++ {
				t.larger(w, wide[:n], tall[v*s.DilationW:])
			}
			t.subsample(w, row[q0:q1], wide[q0*s.StrideW-s.PadLeft:])
		}
	}
}

// larger sets y to the larger of y and x, element by element.
func (t *poolTask) larger(w *worker, y, x []float32) {
	w.vec.y, w.vec.a, w.vec.b = y, y, x
	t.k.whole(t.k.max, maxPortable, &w.vec, len(y))
}

// maxTaps is the largest of the taps of window q of one row that lie inside.
func (s *PoolShape) maxTaps(row []float32, q int) float32 {
	best := float32(math.Inf(-1))
	t0, t1 := window(q, s.StrideW, s.PadLeft, s.DilationW, s.S, s.W)
	for t := t0; t < t1; t++ {
		best = max(best, row[q*s.StrideW-s.PadLeft+t*s.DilationW])
	}
	return best
}

// subsample sets y[i] = x[i·StrideW].
func (t *poolTask) subsample(w *worker, y, x []float32) {
	for len(y) > 0 {
		n := min(len(y), 16)
		step := t.s.StrideW
		w.col = columnArgs{dst: y, src: x, rows: 1}
		if step > 2 || n < 16 { // the kernels may touch what lies behind y
			columnsPortable(columnsOf(&w.col, n), step)
		} else {
			t.k.copyColumns(&w.col, n, step)
		}
		if len(y) == n {
			return
		}
		y, x = y[n:], x[n*step:]
	}
}

// columnsOf sets the number of columns.
func columnsOf(a *columnArgs, n int) *columnArgs {
	a.cols = n
	return a
}

func fill(y []float32, v float32) {
	for i := range y {
		y[i] = v
	}
}

// exact reports whether every window lies inside the image and is dense.
func (s *PoolShape) exact() bool {
	return s.PadTop == 0 && s.PadLeft == 0 && s.DilationH == 1 && s.DilationW == 1 &&
		(s.OH-1)*s.StrideH+s.R <= s.H && (s.OW-1)*s.StrideW+s.S <= s.W
}

// max returns the largest pixel of one window and its index in the plane, the
// first one where several are equal. A window without pixels gives (-Inf, -1).
func (s *PoolShape) max(plane []float32, p, q int) (best float32, at int) {
	best, at = float32(math.Inf(-1)), -1
	r0, r1 := window(p, s.StrideH, s.PadTop, s.DilationH, s.R, s.H)
	t0, t1 := window(q, s.StrideW, s.PadLeft, s.DilationW, s.S, s.W)
	for r := r0; r < r1; r++ {
		row := (p*s.StrideH - s.PadTop + r*s.DilationH) * s.W
		for t := t0; t < t1; t++ {
			j := row + q*s.StrideW - s.PadLeft + t*s.DilationW
			if v := plane[j]; v > best || v != v || at < 0 {
				best, at = v, j
			}
		}
	}
	return best, at
}

// MaxPoolGrad computes dx (N,C,H,W) from dy, y (N,C,OH,OW) and x, where y must
// be MaxPool's answer: each window's
// gradient goes to its first largest pixel (a NaN, if there is one), as torch
// does. It overwrites dx.
func (d *Device) MaxPoolGrad(s PoolShape, dx, dy, y, x []float32) {
	d.pool = poolTask{s: s, dx: dx, dy: dy, y: y, x: x, f: (*poolTask).maxGradPlane}
	d.pool.run(d)
}

func (t *poolTask) maxGradPlane(_ *worker, i int) {
	s := &t.s
	in, out, g := t.in(t.x, i), t.in(t.dx, i), t.out(t.dy, i)
	clear(out)
	if s.R == 2 && s.S == 2 && s.StrideH == 2 && s.StrideW == 2 && s.exact() {
		s.maxGradPairs(out, g, t.out(t.y, i), in)
		return
	}
	for p := range s.OH {
		for q := range s.OW {
			if _, at := s.max(in, p, q); at >= 0 {
				out[at] += g[p*s.OW+q]
			}
		}
	}
}

// maxGradPairs is maxGradPlane for windows of 2×2 that do not overlap. It has
// no branches that depend on which pixel is the largest.
func (s *PoolShape) maxGradPairs(out, g, y, in []float32) {
	for p := range s.OH {
		a, b := in[2*p*s.W:][:2*s.OW], in[(2*p+1)*s.W:][:2*s.OW]
		c, d := out[2*p*s.W:][:2*s.OW], out[(2*p+1)*s.W:][:2*s.OW]
		gs, ys := g[p*s.OW:][:s.OW], y[p*s.OW:][:s.OW]
		for q, m := range ys {
			if m != m {
				if _, at := s.max(in, p, q); at >= 0 {
					out[at] = gs[q]
				}
				continue
			}
			v := math.Float32bits(gs[q])
			i, j := 2*q, 2*q+1
			k0 := mask(a[i] == m)
			k1 := mask(a[j] == m) &^ k0
			k2 := mask(b[i] == m) &^ (k0 | k1)
			k3 := ^(k0 | k1 | k2)
			c[i], c[j] = math.Float32frombits(v&k0), math.Float32frombits(v&k1)
			d[i], d[j] = math.Float32frombits(v&k2), math.Float32frombits(v&k3)
		}
	}
}

// mask is all ones if b, else zero.
func mask(b bool) uint32 {
	var m uint32
	if b {
		m = 1
	}
	return -m
}

// AvgPool computes the mean of each window's pixels inside x. With countPad
// the padding counts as zeros: the sum is divided by all taps of the window
// but those beyond the padding.
func (d *Device) AvgPool(s PoolShape, y, x []float32, countPad bool) {
	d.pool = poolTask{s: s, y: y, x: x, countPad: countPad, f: (*poolTask).avgPlane}
	d.pool.run(d)
}

func (t *poolTask) avgPlane(w *worker, i int) {
	s := &t.s
	in, out := t.in(t.x, i), t.out(t.y, i)
	if s.exact() && s.R == s.H && s.S == s.W { // global
		out[0] = t.k.total(&w.vec, in) / float32(s.H*s.W)
		return
	}
	for p := range s.OH {
		for q := range s.OW {
			var sum float32
			r0, r1 := window(p, s.StrideH, s.PadTop, s.DilationH, s.R, s.H)
			t0, t1 := window(q, s.StrideW, s.PadLeft, s.DilationW, s.S, s.W)
			for r := r0; r < r1; r++ {
				row := (p*s.StrideH-s.PadTop+r*s.DilationH)*s.W + q*s.StrideW - s.PadLeft
				for v := t0; v < t1; v++ {
					sum += in[row+v*s.DilationW]
				}
			}
			out[p*s.OW+q] = sum / s.count(p, q, t.countPad)
		}
	}
}

// count is the number by which AvgPool divides the sum of window (p,q).
func (s *PoolShape) count(p, q int, countPad bool) float32 {
	h, w := s.H, s.W
	padH, padW := s.PadTop, s.PadLeft
	if countPad { // as if the padding were part of the image
		h = (s.OH-1)*s.StrideH + (s.R-1)*s.DilationH + 1 - s.BeyondH
		w = (s.OW-1)*s.StrideW + (s.S-1)*s.DilationW + 1 - s.BeyondW
		padH, padW = 0, 0
	}
	r0, r1 := window(p, s.StrideH, padH, s.DilationH, s.R, h)
	t0, t1 := window(q, s.StrideW, padW, s.DilationW, s.S, w)
	return float32(max(1, (r1-r0)*(t1-t0)))
}

// AvgPoolGrad computes dx (N,C,H,W) from dy (N,C,OH,OW): each window's gradient
// is spread evenly over its pixels. It overwrites dx.
func (d *Device) AvgPoolGrad(s PoolShape, dx, dy []float32, countPad bool) {
	d.pool = poolTask{s: s, dx: dx, dy: dy, countPad: countPad, f: (*poolTask).avgGradPlane}
	d.pool.run(d)
}

func (t *poolTask) avgGradPlane(_ *worker, i int) {
	s := &t.s
	out, g := t.in(t.dx, i), t.out(t.dy, i)
	clear(out)
	for p := range s.OH {
		for q := range s.OW {
			share := g[p*s.OW+q] / s.count(p, q, t.countPad)
			r0, r1 := window(p, s.StrideH, s.PadTop, s.DilationH, s.R, s.H)
			t0, t1 := window(q, s.StrideW, s.PadLeft, s.DilationW, s.S, s.W)
			for r := r0; r < r1; r++ {
				row := (p*s.StrideH-s.PadTop+r*s.DilationH)*s.W + q*s.StrideW - s.PadLeft
				for v := t0; v < t1; v++ {
					out[row+v*s.DilationW] += share
				}
			}
		}
	}
}
