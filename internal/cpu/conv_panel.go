package cpu

// A convolution as a matrix product, channels by pixels: the output pixels of
// all images stand in one row of N·OH·OW columns, cut into tiles. For each
// tile the input pixels under it are packed into a panel, row (r,s,c) by row,
// and multiplied with each panel of weights. The matrix of all input pixels
// (im2col) never exists.

// convTask computes one convolution; a piece is a block of tiles for some of
// the panels of weights of one group.
type convTask struct {
	k       *kernels
	s       ConvShape
	y, x, w []float32
	e       Epilogue
	lo, hi  float32

	pixels int // OH·OW
	total  int // columns: N·pixels
	tiles  int // of k.cols columns
	block  int // tiles that a piece packs at once
	blocks int
	panels int // of weights in a group
	splits int // pieces that share a block, each with its part of the panels
}

// panelBytes is how much packed input a piece holds: it stays in the second
// level cache beside a panel of weights.
const panelBytes = 256 << 10

func (t *convTask) run(d *Device, s ConvShape, y, x, w []float32, e Epilogue) {
	t.y, t.x, t.w, t.e = y, x, w, e
	t.lo, t.hi = e.limits()
	t.cut(d.k, s)
	d.team.run(s.Groups*t.blocks*t.splits, t)
	t.y, t.x, t.w, t.e = nil, nil, nil, Epilogue{}
}

// cut chooses the pieces.
func (t *convTask) cut(k *kernels, s ConvShape) {
	t.k, t.s = k, s
	t.pixels = s.OH * s.OW
	t.total = s.N * t.pixels
	t.tiles = ceilDiv(t.total, k.cols)
	t.panels = ceilDiv(s.K/s.Groups, k.rows)
	t.block, t.splits = blocking(s.depth(), t.tiles, t.panels, s.Groups, k.cols)
	t.blocks = ceilDiv(t.tiles, t.block)
}

// scratch is what the task takes, once cut.
func (t *convTask) scratch() Scratch {
	return Scratch{panel: t.block*t.s.depth()*t.k.cols + t.k.cols, edge: t.k.rows * t.k.cols, runs: t.k.cols}
}

// blocking chooses how many tiles are packed at once, and into how many pieces
// a block's panels are split, so that there are pieces enough for the threads.
func blocking(depth, tiles, panels, groups, cols int) (block, splits int) {
	const pieces = 32
	block = min(max(1, panelBytes/(4*cols*max(1, depth))), 16, max(1, tiles*groups/pieces))
	splits = min(ceilDiv(pieces, ceilDiv(tiles, block)*groups), max(1, panels/3))
	return block, max(1, splits)
}

func (t *convTask) piece(w *worker, i int) {
	split := i % t.splits
	g := i / t.splits / t.blocks
	first := i / t.splits % t.blocks * t.block
	last := min(first+t.block, t.tiles)
	depth, cols := t.s.depth(), t.k.cols
	size := depth * cols
	packed := scratch(w, &w.panel, t.block*size+cols)
	for j := first; j < last; j++ {
		t.pack(w, packed[(j-first)*size:], g, j)
	}
	kg := t.s.K / t.s.Groups
	for p := part(t.panels, t.splits, split); p < part(t.panels, t.splits, split+1); p++ {
		k0, k1 := part(kg, t.panels, p), part(kg, t.panels, p+1)
		for j := first; j < last; j++ {
			t.tile(w, packed[(j-first)*size:], g*kg+k0, k1-k0, j)
		}
	}
}

// tile multiplies the panel of weights of h channels from k on with the packed
// tile j, and stores the result.
func (t *convTask) tile(w *worker, packed []float32, k, h, j int) {
	a := &w.tile
	depth, cols := t.s.depth(), t.k.cols
	a.a, a.ai, a.al = t.w[k*depth:(k+h)*depth], 1, h
	a.b, a.bl, a.k = packed, cols, depth
	a.lo, a.hi = t.lo, t.hi
	a.bias, a.add = nil, nil
	if t.e.Bias != nil {
		a.bias = t.e.Bias[k : k+h]
	}
	q := j * cols
	n, p := q/t.pixels, q%t.pixels
	at := (n*t.s.K+k)*t.pixels + p
	if p+cols > t.pixels {
		t.edge(w, k, h, q)
		return
	}
	end := at + (h-1)*t.pixels + cols
	a.c, a.ci = t.y[at:end], t.pixels
	if t.e.Add != nil {
		a.add = t.e.Add[at:end]
	}
	t.k.tiles[h](a)
}

// edge computes a tile that crosses from one image to the next, or ends
// behind the last one, in a buffer and copies its valid columns.
func (t *convTask) edge(w *worker, k, h, q int) {
	a := &w.tile
	cols := t.k.cols
	buf := scratch(w, &w.edge, h*cols)
	a.c, a.ci = buf, cols
	if t.e.Add != nil {
		a.add = buf
		t.eachImage(q, func(at, j, n int) {
			for i := range h {
				copy(buf[i*cols+j:][:n], t.e.Add[at+(k+i)*t.pixels:])
			}
		})
	}
	t.k.tiles[h](a)
	t.eachImage(q, func(at, j, n int) {
		for i := range h {
			copy(t.y[at+(k+i)*t.pixels:][:n], buf[i*cols+j:])
		}
	})
}

// eachImage calls f for the parts of a tile from column q on that lie in one
// image: the place of channel 0 in y, first column of the tile, length.
func (t *convTask) eachImage(q int, f func(at, j, n int)) {
	for j := 0; j < t.k.cols && q+j < t.total; {
		image, p := (q+j)/t.pixels, (q+j)%t.pixels
		n := min(t.pixels-p, t.k.cols-j, t.total-q-j)
		f(image*t.s.K*t.pixels+p, j, n)
		j += n
	}
}

// A run is a part of a tile whose pixels lie in one output row.
type run struct{ col, n, image, p, q int }

// pack fills a panel with the input pixels under tile j for group g:
//
//	panel[((r·S+t)·C/G+c)·cols + col] = x[n, g·C/G+c, p·StrideH-PadTop+r·DilationH, q·StrideW-PadLeft+t·DilationW]
//
// with zeros outside the image and behind the last column.
func (t *convTask) pack(w *worker, panel []float32, g, j int) {
	s := &t.s
	cols, cg := t.k.cols, s.C/s.Groups
	t.findRuns(w, j*cols)
	full := min(cols, t.total-j*cols) == cols
	for r := range s.R {
		for c := range s.S {
			rows := panel[(r*s.S+c)*cg*cols:]
			lo, hi := validColumns(s.W, s.StrideW, s.PadLeft-c*s.DilationW)
			covered := 0
			for i := range w.runs {
				covered += w.runs[i].inside(s, r, lo, hi)
			}
			if covered < cols || !full {
				clear(rows[:cg*cols])
			}
			for i := range w.runs {
				t.packRun(w, rows, &w.runs[i], g, r, c, lo, hi)
			}
		}
	}
}

// findRuns sets w.runs to the runs of the tile from column at on.
func (t *convTask) findRuns(w *worker, at int) {
	w.runs = scratch(w, &w.runs, t.k.cols)[:0]
	image, p := at/t.pixels, at%t.pixels
	row, q := p/t.s.OW, p%t.s.OW
	for col := 0; col < t.k.cols && image < t.s.N; {
		n := min(t.s.OW-q, t.k.cols-col)
		w.runs = append(w.runs, run{col, n, image, row, q})
		col, row, q = col+n, row+1, 0
		if row == t.s.OH {
			image, row = image+1, 0
		}
	}
}

// validColumns returns the range of q for which 0 ≤ q·stride - pad < size.
func validColumns(size, stride, pad int) (lo, hi int) {
	if pad > 0 {
		lo = ceilDiv(pad, stride)
	}
	if size+pad > 0 {
		hi = ceilDiv(size+pad, stride)
	}
	return lo, hi
}

// inside is the number of columns of the run whose input pixels at weight row
// r lie inside the image.
func (u *run) inside(s *ConvShape, r, lo, hi int) int {
	h := u.p*s.StrideH - s.PadTop + r*s.DilationH
	if h < 0 || h >= s.H {
		return 0
	}
	return max(0, min(u.q+u.n, hi)-max(u.q, lo))
}

// packRun copies one run's pixels at weight position (r,c) for all channels.
func (t *convTask) packRun(w *worker, rows []float32, u *run, g, r, c, lo, hi int) {
	s := &t.s
	n := u.inside(s, r, lo, hi)
	if n == 0 {
		return
	}
	q := max(u.q, lo)
	h := u.p*s.StrideH - s.PadTop + r*s.DilationH
	v := q*s.StrideW - s.PadLeft + c*s.DilationW
	cg := s.C / s.Groups
	a := &w.col
	a.dst, a.dstStep = rows[u.col+q-u.q:], t.k.cols
	a.src, a.srcStep = t.x[((u.image*s.C+g*cg)*s.H+h)*s.W+v:], s.H*s.W
	a.rows = cg
	t.k.copyColumns(a, n, s.StrideW)
}

// copyColumns copies n ≤ k.cols columns of the given source step.
func (k *kernels) copyColumns(a *columnArgs, n, step int) {
	a.cols = n
	if step >= len(k.columns) {
		columnsPortable(a, step)
		return
	}
	if n <= 16 { // AVX2 takes its masks from memory
		a.mask, a.wide = lanes(n), lanes(2*n-1)
	}
	k.columns[step](a)
}
