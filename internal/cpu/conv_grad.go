package cpu

// ConvGradInput computes the gradient by the input, dx (N,C,H,W), from dy
// (N,K,OH,OW) and the weights w (K,C/Groups,R,S). It overwrites dx.
//
//	dx[n,c,h,v] = Σ over k,r,s,p,q with h = p·StrideH-PadTop+r·DilationH and
//	    v = q·StrideW-PadLeft+s·DilationW of w[k,c,r,s] · dy[n,k,p,q]
//
// Without strides that is a convolution of dy with the weights turned by 180°
// and their channels exchanged. With strides, only some of the taps meet a
// pixel: always the same for every StrideH-th row and StrideW-th column. Each
// of these phases is such a convolution with its share of the taps (a 3×3 window
// of stride 2 has phases of 1, 2, 2 and 4), and dx is put together from them.
func (d *Device) ConvGradInput(s ConvShape, dx, dy, w []float32) {
	dx, dy, w = dx[:s.N*s.C*s.H*s.W], dy[:s.N*s.K*s.OH*s.OW], w[:s.K*s.depth()]
	var apart []float32 // the phases, one behind the other
	if s.strided() {
		apart = grow(&d.phases, len(dx))
	}
	s.eachPhase(func(back ConvShape, rows, cols phase) {
		to := dx
		if s.strided() {
			size := s.N * s.C * rows.n * cols.n
			to, apart = apart[:size], apart[size:]
		}
		if rows.taps*cols.taps == 0 {
			clear(to)
			return
		}
		d.convOnce(to, dy, panelTask{w: w, s: back, turned: true, from: phaseTaps{rows, cols, s.R, s.S}}, Epilogue{})
	})
	if s.strided() {
		d.joining = joinTask{s, dx, d.phases}
		d.team.run(s.N*s.C, &d.joining)
		d.joining = joinTask{}
	}
}

// ConvGradInputScratch is what ConvGradInput takes.
func (d *Device) ConvGradInputScratch(s ConvShape) Scratch {
	var all Scratch
	if s.strided() {
		all.phases = s.N * s.C * s.H * s.W
	}
	s.eachPhase(func(back ConvShape, rows, cols phase) {
		if rows.taps*cols.taps > 0 {
			all = all.Or(d.ConvOnceScratch(back))
		}
	})
	return all
}

func (s *ConvShape) strided() bool { return s.StrideH > 1 || s.StrideW > 1 }

// eachPhase calls f for each phase of the gradient by the input with the
// convolution of dy that gives it.
func (s *ConvShape) eachPhase(f func(back ConvShape, rows, cols phase)) {
	back := ConvShape{N: s.N, C: s.K, H: s.OH, W: s.OW, K: s.C, StrideH: 1, StrideW: 1, Groups: s.Groups}
	for a := range min(s.StrideH, s.H) {
		rows := phaseOf(a, s.H, s.StrideH, s.PadTop, s.DilationH, s.R)
		back.R, back.OH, back.PadTop, back.DilationH = rows.taps, rows.n, rows.pad, rows.dilation
		for b := range min(s.StrideW, s.W) {
			cols := phaseOf(b, s.W, s.StrideW, s.PadLeft, s.DilationW, s.S)
			back.S, back.OW, back.PadLeft, back.DilationW = cols.taps, cols.n, cols.pad, cols.dilation
			f(back, rows, cols)
		}
	}
}

// phase is every stride-th pixel of one axis of a convolution's input, from
// first on, and the taps that meet them: tap, tap+step, …. The gradients of
// these pixels are a convolution of dy, of stride 1, with the taps turned.
type phase struct {
	first, n        int // pixels
	tap, step, taps int
	pad, dilation   int // of the convolution of dy
}

// phaseOf works out the phase from first < size on of an axis of size pixels.
func phaseOf(first, size, stride, pad, dilation, taps int) phase {
	f := phase{first: first, n: ceilDiv(size-first, stride), step: 1}
	for f.step*dilation%stride != 0 {
		f.step++
	}
	f.dilation = f.step * dilation / stride
	for t := range min(f.step, taps) {
		if from := first + pad - t*dilation; from%stride == 0 { // pixel first meets tap t in output from/stride
			f.tap, f.taps = t, ceilDiv(taps-t, f.step)
			f.pad = (f.taps-1)*f.dilation - from/stride
		}
	}
	return f
}

// joinTask puts together one plane of dx from the phases' planes.
type joinTask struct {
	s         ConvShape
	dx, apart []float32
}

func (t *joinTask) piece(_ *worker, i int) {
	s := &t.s
	dx, apart := t.dx[i*s.H*s.W:][:s.H*s.W], t.apart
	for a := range min(s.StrideH, s.H) {
		rows := ceilDiv(s.H-a, s.StrideH)
		for b := range min(s.StrideW, s.W) {
			cols := ceilDiv(s.W-b, s.StrideW)
			from := apart[i*rows*cols:][:rows*cols]
			apart = apart[s.N*s.C*rows*cols:]
			for p := range rows {
				to := dx[(a+p*s.StrideH)*s.W+b:]
				for q, v := range from[p*cols:][:cols] {
					to[q*s.StrideW] = v
				}
			}
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
// a matrix product (see convGradMatrix) or of one for each point of Winograd's
// tiles (see convGradTiled). For dot products the images are cut into parts
// by their number only; the parts' sums are added in order.
func (d *Device) ConvGradWeight(s ConvShape, dw, dbias, dy, x []float32) {
	dw, dy, x = dw[:s.K*s.depth()], dy[:s.N*s.K*s.OH*s.OW], x[:s.N*s.C*s.H*s.W]
	t := &d.gradWeight
	t.phase = gradSum
	if dbias != nil {
		t.k, t.s, t.dy, t.dbias = d.k, s, dy, dbias[:s.K]
		d.team.run(s.K, gradBias{t})
	}
	if len(dy) == 0 {
		clear(dw)
	} else if !s.asMatrix() {
		t.run(d, s.flat(), dw, dy, x)
	} else if a := s.gradTiling(); a != Direct {
		d.convGradTiled(a, s, dw, dy, x)
	} else {
		d.convGradMatrix(s, dw, dy, x)
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
		if a := s.gradTiling(); a != Direct {
			return d.gradTiledScratch(a, s)
		}
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
