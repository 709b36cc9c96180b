package cpu

// A convolution with few input or output channels in a group, depthwise ones
// and first layers among them, computed in strips of an output row straight from the input: packing
// would cost as much as multiplying. Where the window leaves the image or
// steps by more than a column, a band of input rows is first copied into a
// padded plane with the columns of each stride phase side by side, so that
// neighbouring outputs always read neighbouring numbers.

// stripTask computes one convolution; a piece is a band of output rows of one
// image and group.
type stripTask struct {
	k       *kernels
	s       ConvShape
	y, x, w []float32
	e       Epilogue
	lo, hi  float32
	plane   planes
	bands   int
	rows    int // output rows of a band
}

// planes says where a convolution finds its input pixels: output (p,q) and
// weight position (r,t,c) are at p·step + q + offs[(r·S+t)·C/G+c].
type planes struct {
	copied bool // from padded copies, else from x itself
	rows   int  // of a copied plane
	phase  int  // columns of one stride phase
	line   int  // numbers in a row
	step   int  // from an output row to the next
	size   int  // of all planes of a group
	offs   []int
}

// stripwise reports whether strips suit the shape better than panels.
func (s *ConvShape) stripwise(k *kernels) bool {
	kg, cg := s.K/s.Groups, s.C/s.Groups
	if kg <= 2 {
		return true
	}
	full := 10 * s.OW / (ceilDiv(s.OW, k.cols) * k.cols) // tenths of the strips' columns
	return (kg <= 32 || cg <= 4) && full >= 7 && s.R*s.S > 1
}

// find works out the planes for bands of that many output rows. With
// channelFirst the offsets are in the order of the weights, (c,r,s).
func (p *planes) find(s *ConvShape, rows int, channelFirst bool) {
	right := (s.OW-1)*s.StrideW - s.PadLeft + (s.S-1)*s.DilationW
	bottom := (s.OH-1)*s.StrideH - s.PadTop + (s.R-1)*s.DilationH
	p.copied = s.StrideW > 1 || s.PadLeft != 0 || s.PadTop != 0 || right >= s.W || bottom >= s.H
	p.rows, p.phase, p.line = s.H, s.W, s.W
	if p.copied {
		p.rows = (rows-1)*s.StrideH + (s.R-1)*s.DilationH + 1
		p.phase = s.OW + (s.S-1)*s.DilationW/s.StrideW
		p.line = p.phase * s.StrideW
	}
	cg := s.C / s.Groups
	p.step = s.StrideH * p.line
	p.size = cg * p.rows * p.line
	p.offs = grow(&p.offs, s.depth())
	for r := range s.R {
		for t := range s.S {
			for c := range cg {
				i := (r*s.S+t)*cg + c
				if channelFirst {
					i = (c*s.R+r)*s.S + t
				}
				u := t * s.DilationW
				p.offs[i] = (c*p.rows+r*s.DilationH)*p.line + u%s.StrideW*p.phase + u/s.StrideW
			}
		}
	}
}

// scratch is what of takes.
func (p *planes) scratch() (s Scratch) {
	if p.copied {
		s.plane = p.size
	}
	return s
}

// of returns the planes of image n and group g from output row p0 on.
func (p *planes) of(w *worker, s *ConvShape, x []float32, n, g, p0 int) []float32 {
	cg := s.C / s.Groups
	from := x[(n*s.C+g*cg)*s.H*s.W:][:cg*s.H*s.W]
	if !p.copied {
		return from[p0*s.StrideH*s.W:]
	}
	to := scratch(w, &w.plane, p.size)
	for c := range cg {
		for r := range p.rows {
			row := to[(c*p.rows+r)*p.line:][:p.line]
			h := p0*s.StrideH - s.PadTop + r
			if h < 0 || h >= s.H {
				clear(row)
				continue
			}
			p.copyRow(s, row, from[(c*s.H+h)*s.W:][:s.W])
		}
	}
	return to
}

// copyRow copies an image row into a padded row, phase by phase.
func (p *planes) copyRow(s *ConvShape, to, from []float32) {
	for f := range s.StrideW {
		row := to[f*p.phase:][:p.phase]
		lo, hi := validColumns(s.W, s.StrideW, s.PadLeft-f)
		lo, hi = min(lo, p.phase), min(hi, p.phase)
		clear(row[:lo])
		if hi <= lo {
			clear(row)
			continue
		}
		if v := lo*s.StrideW + f - s.PadLeft; s.StrideW == 1 {
			copy(row[lo:hi], from[v:])
		} else {
			for q := lo; q < hi; q++ {
				row[q] = from[v]
				v += s.StrideW
			}
		}
		clear(row[hi:])
	}
}

func (t *stripTask) run(d *Device, s ConvShape, y, x, w []float32, e Epilogue) {
	t.y, t.x, t.w, t.e = y, x, w, e
	t.lo, t.hi = e.limits()
	t.cut(d.k, s)
	d.team.run(s.N*s.Groups*t.bands, t)
	t.y, t.x, t.w, t.e = nil, nil, nil, Epilogue{}
}

// cut chooses the bands.
func (t *stripTask) cut(k *kernels, s ConvShape) {
	t.k, t.s = k, s
	t.bands = min(s.OH, ceilDiv(32, s.N*s.Groups))
	t.rows = ceilDiv(s.OH, t.bands)
	t.bands = ceilDiv(s.OH, t.rows)
	t.plane.find(&t.s, t.rows, false)
}

func (t *stripTask) piece(w *worker, i int) {
	s := &t.s
	n, g, p0 := i/t.bands/s.Groups, i/t.bands%s.Groups, i%t.bands*t.rows
	in := t.plane.of(w, s, t.x, n, g, p0)
	kg := s.K / s.Groups
	panels := ceilDiv(kg, t.k.rows)
	for p := p0; p < min(p0+t.rows, s.OH); p++ {
		for next := 0; next < s.OW; next += t.k.cols {
			q := next
			if t.e.Add == nil { // the last strip is whole too: some outputs are computed twice
				q = max(0, min(q, s.OW-t.k.cols))
			}
			for j := range panels {
				k0, k1 := part(kg, panels, j), part(kg, panels, j+1)
				t.strip(w, in[(p-p0)*t.plane.step+q:], n, g*kg+k0, k1-k0, p*s.OW+q, min(t.k.cols, s.OW-q))
			}
		}
	}
}

// strip computes cols outputs from pixel at on, of h channels from k on.
func (t *stripTask) strip(w *worker, in []float32, n, k, h, at, cols int) {
	a := &w.tile
	depth, pixels := t.s.depth(), t.s.OH*t.s.OW
	a.a, a.ai, a.al = t.w[k*depth:(k+h)*depth], 1, h
	a.b, a.offs, a.k = in, t.plane.offs, depth
	a.lo, a.hi = t.lo, t.hi
	a.cols = cols
	if cols <= 16 {
		a.mask = lanes(cols)
	}
	a.bias, a.add = nil, nil
	if t.e.Bias != nil {
		a.bias = t.e.Bias[k : k+h]
	}
	from := (n*t.s.K+k)*pixels + at
	end := from + (h-1)*pixels + cols
	a.c, a.ci = t.y[from:end], pixels
	if t.e.Add != nil {
		a.add = t.e.Add[from:end]
	}
	t.k.strips[h](a)
}
