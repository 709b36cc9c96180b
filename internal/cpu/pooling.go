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
	d.Parallel(s.N*s.C, func(i int) {
		in, out := x[i*s.H*s.W:][:s.H*s.W], y[i*s.OH*s.OW:][:s.OH*s.OW]
		for p := range s.OH {
			for q := range s.OW {
				out[p*s.OW+q], _ = s.max(in, p, q)
			}
		}
	})
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

// MaxPoolGrad computes dx (N,C,H,W) from dy, y (N,C,OH,OW) and x: each window's
// gradient goes to its first largest pixel (a NaN, if there is one), as torch
// does. It overwrites dx.
func (d *Device) MaxPoolGrad(s PoolShape, dx, dy, y, x []float32) {
	d.Parallel(s.N*s.C, func(i int) {
		in, out := x[i*s.H*s.W:][:s.H*s.W], dx[i*s.H*s.W:][:s.H*s.W]
		g := dy[i*s.OH*s.OW:][:s.OH*s.OW]
		clear(out)
		for p := range s.OH {
			for q := range s.OW {
				if _, at := s.max(in, p, q); at >= 0 {
					out[at] += g[p*s.OW+q]
				}
			}
		}
	})
}

// AvgPool computes the mean of each window's pixels inside x. With countPad
// the padding counts as zeros: the sum is divided by all taps of the window
// but those beyond the padding.
func (d *Device) AvgPool(s PoolShape, y, x []float32, countPad bool) {
	d.Parallel(s.N*s.C, func(i int) {
		in, out := x[i*s.H*s.W:][:s.H*s.W], y[i*s.OH*s.OW:][:s.OH*s.OW]
		for p := range s.OH {
			for q := range s.OW {
				var sum float32
				r0, r1 := window(p, s.StrideH, s.PadTop, s.DilationH, s.R, s.H)
				t0, t1 := window(q, s.StrideW, s.PadLeft, s.DilationW, s.S, s.W)
				for r := r0; r < r1; r++ {
					row := (p*s.StrideH-s.PadTop+r*s.DilationH)*s.W + q*s.StrideW - s.PadLeft
					for t := t0; t < t1; t++ {
						sum += in[row+t*s.DilationW]
					}
				}
				out[p*s.OW+q] = sum / s.count(p, q, countPad)
			}
		}
	})
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
	d.Parallel(s.N*s.C, func(i int) {
		out, g := dx[i*s.H*s.W:][:s.H*s.W], dy[i*s.OH*s.OW:][:s.OH*s.OW]
		clear(out)
		for p := range s.OH {
			for q := range s.OW {
				share := g[p*s.OW+q] / s.count(p, q, countPad)
				r0, r1 := window(p, s.StrideH, s.PadTop, s.DilationH, s.R, s.H)
				t0, t1 := window(q, s.StrideW, s.PadLeft, s.DilationW, s.S, s.W)
				for r := r0; r < r1; r++ {
					row := (p*s.StrideH-s.PadTop+r*s.DilationH)*s.W + q*s.StrideW - s.PadLeft
					for t := t0; t < t1; t++ {
						out[row+t*s.DilationW] += share
					}
				}
			}
		}
	})
}
