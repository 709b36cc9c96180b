package cpu

// windowTask looks at the pixels under a window, channel by channel; a piece
// is some rows of a block. Windows that lie inside the image from left to
// right are done together, others one by one.
type windowTask struct {
	k              *kernels
	y, x           Blocks
	s              PoolShape
	kernel         func(*tapArgs)
	weights        []float32 // (blocks, R·S, L) or nil
	bias           []float32 // (blocks, L) or nil
	lo, hi         float32
	mean, countPad bool
	q0, q1         int // windows that lie inside from left to right
	rows           int // of a piece
}

func (t *windowTask) run(d *Device, task windowTask) {
	*t = task
	t.k = d.k
	s := &t.s
	t.q0 = min(s.OW, ceilDiv(s.PadLeft, s.StrideW))
	inside := s.W - (s.S-1)*s.DilationW + s.PadLeft // first column of a window that no longer fits
	t.q1 = max(t.q0, min(s.OW, ceilDiv(inside, s.StrideW)))
	t.rows = min(s.OH, max(1, 4096/(s.OW*t.y.Lanes)))
	d.team.run(t.y.count()*t.y.N*ceilDiv(s.OH, t.rows), t)
	*t = windowTask{}
}

func (t *windowTask) piece(w *worker, i int) {
	s, l := &t.s, t.y.Lanes
	parts := ceilDiv(s.OH, t.rows)
	b, n, p0 := i/parts/t.y.N, i/parts%t.y.N, i%parts*t.rows
	image := t.x.Data[b*t.x.Stride+n*s.H*s.W*l:][:s.H*s.W*l]
	offs := scratch(w, &w.offs, s.R*s.S)
	taps := scratch(w, &w.edge, s.R*s.S*l)
	for p := p0; p < min(p0+t.rows, s.OH); p++ {
		a := &w.tap
		*a = tapArgs{lo: t.lo, hi: t.hi, xi: s.StrideW * l}
		if t.bias != nil {
			a.bias = t.bias[b*l:]
		}
		row := t.y.Data[b*t.y.Stride+(n*s.OH+p)*s.OW*l:][:s.OW*l]
		r0, r1 := window(p, s.StrideH, s.PadTop, s.DilationH, s.R, s.H)
		for q := 0; q < s.OW; {
			count, s0, s1 := 1, 0, s.S
			if q == t.q0 && t.q1 > t.q0 {
				count = t.q1 - t.q0
			} else {
				s0, s1 = window(q, s.StrideW, s.PadLeft, s.DilationW, s.S, s.W)
			}
			a.n, a.y = count, row[q*l:]
			t.under(a, image, offs, taps, b, p, q, [4]int{r0, r1, s0, s1})
			q += count
		}
		*a = tapArgs{}
	}
}

// under computes a.n outputs from q on, with taps r0 … r1-1 by s0 … s1-1.
func (t *windowTask) under(a *tapArgs, image []float32, offs []int, taps []float32, b, p, q int, r [4]int) {
	s, l := &t.s, t.y.Lanes
	offs = offs[:0]
	first := -1
	for i := r[0]; i < r[1]; i++ {
		for j := r[2]; j < r[3]; j++ {
			at := ((p*s.StrideH-s.PadTop+i*s.DilationH)*s.W + q*s.StrideW - s.PadLeft + j*s.DilationW) * l
			if first < 0 {
				first = at
			}
			if t.weights != nil {
				copy(taps[len(offs)*l:], t.weights[(b*s.R*s.S+i*s.S+j)*l:][:l])
			}
			offs = append(offs, at-first)
		}
	}
	if len(offs) == 0 {
		t.nothing(a)
		return
	}
	a.offs, a.count, a.x, a.w = offs, len(offs), image[first:], taps
	if t.mean {
		a.scale = 1 / s.count(p, q, t.countPad)
	}
	t.kernel(a)
}

// nothing is the result of windows without a pixel: the kernel over no taps.
func (t *windowTask) nothing(a *tapArgs) {
	l := t.y.Lanes
	for i := range a.n * l {
		v := t.lo
		if t.bias != nil {
			v = min(max(a.bias[i%l], t.lo), t.hi)
		}
		a.y[i] = v
	}
}

// BlockWindowScratch is what BlockDepthwise, BlockMaxPool and BlockAvgPool take
// for a window of r×s pixels.
func (d *Device) BlockWindowScratch(r, s int) Scratch {
	return Scratch{offs: r * s, edge: r * s * d.Lanes()}
}

// BlockGlobalScratch is what BlockGlobalAvgPool takes for images of h×w pixels.
func (d *Device) BlockGlobalScratch(h, w int) Scratch {
	return Scratch{offs: max(h, w), edge: (h + 1) * d.Lanes()}
}

// BlockGlobalAvgPool sets y (N,C) to the mean of each channel's pixels.
func (d *Device) BlockGlobalAvgPool(y []float32, x Blocks) {
	d.global = globalTask{d.k, y[:x.N*x.C], x}
	d.team.run(x.N*x.count(), &d.global)
	d.global = globalTask{}
}

// globalTask averages; a piece is a block of an image.
type globalTask struct {
	k *kernels
	y []float32
	x Blocks
}

// piece sums the rows, then their sums: short sums lose little.
func (t *globalTask) piece(w *worker, i int) {
	x, l := &t.x, t.x.Lanes
	b, n := i/x.N, i%x.N
	offs := scratch(w, &w.offs, max(x.H, x.W))
	for k := range offs {
		offs[k] = k * l
	}
	sums := scratch(w, &w.edge, (x.H+1)*l)
	a := &w.tap
	for r := range x.H {
		*a = tapArgs{y: sums[(r+1)*l:], x: x.Data[b*x.Stride+(n*x.H+r)*x.W*l:], offs: offs, n: 1, count: x.W, scale: 1}
		t.k.tapSum(a)
	}
	*a = tapArgs{y: sums, x: sums[l:], offs: offs, n: 1, count: x.H, scale: 1 / float32(x.H*x.W)}
	t.k.tapSum(a)
	*a = tapArgs{}
	copy(t.y[n*x.C+b*l:][:min(l, x.C-b*l)], sums)
}
