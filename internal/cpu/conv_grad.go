package cpu

// ConvGradInput computes the gradient by the input, dx (N,C,H,W), from dy
// (N,K,OH,OW) and the weights w (K,C/Groups,R,S). It overwrites dx.
//
//	dx[n,c,h,v] = Σ over k,r,s,p,q with h = p·StrideH-PadTop+r·DilationH and
//	    v = q·StrideW-PadLeft+s·DilationW of w[k,c,r,s] · dy[n,k,p,q]
//
// That is a convolution of dy, with StrideH-1 and StrideW-1 zeros between its
// pixels, with the weights turned by 180° and their channels exchanged. (The
// zeros are multiplied too: with stride 2, four times the products needed; but
// for a 1×1 window, whose zeros are put in afterwards.)
func (d *Device) ConvGradInput(s ConvShape, dx, dy, w []float32) {
	dx, dy, w = dx[:s.N*s.C*s.H*s.W], dy[:s.N*s.K*s.OH*s.OW], w[:s.K*s.depth()]
	if s.spreads() {
		d.gradInputSpread(s, dx, dy, w)
		return
	}
	back, spread := s.back()
	scratch := grow(&d.scratch, len(w)+spread)
	flipped, wide := scratch[:len(w)], scratch[len(w):]
	d.packWeights(flipped, w, back, true)
	if spread > 0 {
		d.fill = fillTask{back: back, s: s, wide: wide, dy: dy}
		d.team.run(s.N*s.K, &d.fill)
		dy = wide
	}
	d.fill = fillTask{}
	d.convolve(back, dx, dy, flipped, Epilogue{})
}

// spreads reports whether the gradient by the input is that of pixels side by
// side, with zeros put in afterwards.
func (s *ConvShape) spreads() bool {
	return s.strided() && s.R*s.S == 1 && s.PadTop == 0 && s.PadLeft == 0 &&
		(s.OH-1)*s.StrideH < s.H && (s.OW-1)*s.StrideW < s.W
}

func (s *ConvShape) strided() bool { return s.StrideH > 1 || s.StrideW > 1 }

// back is the convolution of dy that gives dx, and how many numbers dy has with
// zeros between its pixels; 0 where it needs none.
func (s *ConvShape) back() (back ConvShape, spread int) {
	back = ConvShape{
		N: s.N, C: s.K, H: (s.OH-1)*s.StrideH + 1, W: (s.OW-1)*s.StrideW + 1,
		K: s.C, R: s.R, S: s.S, OH: s.H, OW: s.W, StrideH: 1, StrideW: 1,
		PadTop: (s.R-1)*s.DilationH - s.PadTop, PadLeft: (s.S-1)*s.DilationW - s.PadLeft,
		DilationH: s.DilationH, DilationW: s.DilationW, Groups: s.Groups,
	}
	if s.strided() {
		spread = back.N * back.C * back.H * back.W
	}
	return back, spread
}

// sideBySide is s of the pixels that a 1×1 window with a stride looks at.
func (s ConvShape) sideBySide() ConvShape {
	s.H, s.W, s.StrideH, s.StrideW = s.OH, s.OW, 1, 1
	return s
}

// ConvGradInputScratch is what ConvGradInput takes.
func (d *Device) ConvGradInputScratch(s ConvShape) Scratch {
	if s.spreads() {
		return d.ConvGradInputScratch(s.sideBySide()).Or(Scratch{spread: s.N * s.C * s.OH * s.OW})
	}
	back, spread := s.back()
	return d.ConvScratch(back).Or(Scratch{shared: s.K*s.depth() + spread})
}

// gradInputSpread is ConvGradInput of a 1×1 window with a stride: pixels that no
// window looked at have the gradient 0.
func (d *Device) gradInputSpread(s ConvShape, dx, dy, w []float32) {
	small := grow(&d.spread, s.N*s.C*s.OH*s.OW)
	d.ConvGradInput(s.sideBySide(), small, dy, w)
	d.fill = fillTask{back: s, s: s, wide: dx, dy: small}
	d.team.run(s.N*s.C, &d.fill)
	d.fill = fillTask{}
}

// fillTask copies one plane of dy with zeros between its pixels.
type fillTask struct {
	back, s  ConvShape
	wide, dy []float32
}

func (t *fillTask) piece(_ *worker, i int) {
	s, b := &t.s, &t.back
	to := t.wide[i*b.H*b.W:][:b.H*b.W]
	clear(to)
	for p := range s.OH {
		row := to[p*s.StrideH*b.W:][:b.W]
		for q, v := range t.dy[(i*s.OH+p)*s.OW:][:s.OW] {
			row[q*s.StrideW] = v
		}
	}
}

// ConvGradWeight computes the gradients by the weights, dw (K,C/Groups,R,S),
// and by the bias, dbias (K), which may be nil, from dy (N,K,OH,OW) and x
// (N,C,H,W). It overwrites both.
//
//	dw[k,c,r,s] = Σ over n,p,q of dy[n,k,p,q] ·
//	    x[n, g·C/G+c, p·StrideH-PadTop+r·DilationH, q·StrideW-PadLeft+s·DilationW]
//	dbias[k] = Σ over n,p,q of dy[n,k,p,q]
//
// With few channels each weight's gradient is a dot product along the output
// rows, of dy with rows of x (or of padded copies, see planes), with many one of
// a matrix product (see convGradMatrix). For dot products the images are cut into parts
// by their number only; the parts' sums are added in order.
func (d *Device) ConvGradWeight(s ConvShape, dw, dbias, dy, x []float32) {
	dw, dy, x = dw[:s.K*s.depth()], dy[:s.N*s.K*s.OH*s.OW], x[:s.N*s.C*s.H*s.W]
	t := &d.gradWeight
	t.phase = gradSum
	if dbias != nil {
		t.k, t.s, t.dy, t.dbias = d.k, s, dy, dbias[:s.K]
		d.team.run(s.K, gradBias{t})
	}
	if s.asMatrix() {
		d.convGradMatrix(s, dw, dy, x)
	} else {
		t.run(d, s.flat(), dw, dy, x)
	}
	t.dw, t.dbias, t.dy, t.x = nil, nil, nil, nil
}

// gradWeightTask computes dw; a piece is a part of the images and some output
// channels of one group. In its second phase it adds up the parts.
type gradWeightTask struct {
	k                *kernels
	s                ConvShape
	dw, dbias, dy, x []float32
	plane            planes
	phase            int
	parts, splits    int
	sums             []float32 // (parts, K·depth)
}

const (
	gradSum = iota
	gradAdd
)

// smallWeights is the number of weights up to which ConvGradWeight holds a sum
// for each part of the images.
const smallWeights = 64 << 10

func (t *gradWeightTask) run(d *Device, s ConvShape, dw, dy, x []float32) {
	t.dw, t.dy, t.x, t.sums = dw, dy, x, dw
	t.cut(d.k, s)
	if t.parts > 1 {
		t.sums = grow(&d.scratch, t.parts*len(dw))
	}
	d.team.run(t.parts*s.Groups*t.splits, t)
	if t.parts > 1 {
		t.phase = gradAdd
		d.team.run(ceilDiv(len(dw), vectorPiece), t)
	}
	t.sums = nil
}

// cut chooses the pieces.
func (t *gradWeightTask) cut(k *kernels, s ConvShape) {
	t.k, t.s = k, s
	t.plane.find(&t.s, s.OH, true)
	t.parts, t.splits = 1, 1
	if kg := s.K / s.Groups; s.K*s.depth() > smallWeights {
		t.splits = min(ceilDiv(16, s.Groups), ceilDiv(kg, k.dotRows))
	} else {
		t.parts = max(1, min(s.N, 16))
	}
}

// ConvGradWeightScratch is what ConvGradWeight takes.
func (d *Device) ConvGradWeightScratch(s ConvShape) Scratch {
	if s.asMatrix() {
		return d.gradMatrixScratch(s)
	}
	var t gradWeightTask
	t.cut(d.k, s.flat())
	all := t.plane.scratch()
	if t.parts > 1 {
		all.shared = t.parts * s.K * s.depth()
	}
	return all
}

func (t *gradWeightTask) piece(w *worker, i int) {
	if t.phase == gradAdd {
		t.addParts(w, i)
		return
	}
	s := &t.s
	split, g, p := i%t.splits, i/t.splits%s.Groups, i/t.splits/s.Groups
	depth, kg := s.depth(), s.K/s.Groups
	k0, k1 := g*kg+part(kg, t.splits, split), g*kg+part(kg, t.splits, split+1)
	out := t.sums[(p*s.K+k0)*depth:][:(k1-k0)*depth]
	clear(out)
	for n := part(s.N, t.parts, p); n < part(s.N, t.parts, p+1); n++ {
		in := t.plane.of(w, s, t.x, n, g, 0)
		t.image(w, out, in, n, k0, k1)
	}
}

// image adds image n's share of the gradients of output channels k0 … k1-1.
func (t *gradWeightTask) image(w *worker, out, in []float32, n, k0, k1 int) {
	s, a := &t.s, &w.dot
	pixels := s.OH * s.OW
	a.rows, a.ai = s.OH, pixels
	whole := t.k.line(a, s.OW)
	a.ap, a.bp = s.OW-whole, t.plane.step-whole
	a.a, a.b, a.out, a.oi = t.dy[(n*s.K+k0)*pixels:][:(k1-k0)*pixels], in, out, s.depth()
	t.k.product(a, t.plane.offs, k1-k0)
}

// line sets the length of the lines of dot products, and returns the numbers
// in its whole vectors.
func (k *kernels) line(a *dotArgs, n int) (whole int) {
	lanes := k.cols / 2
	a.n, a.cols = n/lanes, n%lanes
	a.mask = laneMasks[32-a.cols:]
	return a.n * lanes
}

// product adds to out the dot products of all rows of a with the rows of b at
// offs, tile by tile.
func (k *kernels) product(a *dotArgs, offs []int, rows int) {
	from, out := a.a, a.out
	for i := 0; i < rows; {
		kind, m := 0, k.dotRows
		if rows-i < m {
			kind, m = 2, 1
		}
		a.a = from[i*a.ai:]
		for j := 0; j < len(offs); {
			single, n := 0, k.dotCols
			if len(offs)-j < n {
				single, n = 1, 1
			}
			a.offs, a.out = offs[j:j+n], out[i*a.oi+j:]
			k.dots[kind+single](a)
			j += n
		}
		i += m
	}
	a.a, a.out = from, out
}

// addParts adds up the parts' sums for one span of the weights.
func (t *gradWeightTask) addParts(w *worker, i int) {
	n := len(t.dw)
	from, to := i*vectorPiece, min((i+1)*vectorPiece, n)
	dw := t.dw[from:to]
	copy(dw, t.sums[from:to])
	for p := 1; p < t.parts; p++ {
		w.vec.y, w.vec.a, w.vec.b = dw, dw, t.sums[p*n+from:p*n+to]
		t.k.whole(t.k.add, addPortable, &w.vec, to-from)
	}
}

// gradBias sums dy for one output channel.
type gradBias struct{ *gradWeightTask }

func (t gradBias) piece(w *worker, k int) {
	s := &t.s
	pixels := s.OH * s.OW
	var sum float32
	for n := range s.N {
		sum += t.k.total(&w.vec, t.dy[(n*s.K+k)*pixels:][:pixels])
	}
	t.dbias[k] = sum
}
