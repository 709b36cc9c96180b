package cpu

// A 3×3 convolution by Winograd's minimal filtering F(m×m,3×3): each tile of
// m×m outputs sees a×a inputs, a = m+2. They are transformed to a² points; at
// each point all channels of all tiles are multiplied with the transformed
// weights, which is a matrix product; the products are transformed back.
//
// There are two orders. Throughout: a piece takes some tiles through all three
// steps and keeps them in its second level cache; the weights are read once
// for each piece. In passes: the steps are three passes over all tiles, with
// the points written and read in between; the weights are read once. The one
// that is thought to move fewer bytes is taken.

// winoTask computes one convolution.
type winoTask struct {
	k      *kernels
	c      *BlockConv
	s      ConvShape
	y, x   Blocks
	e      BlockEpilogue
	lo, hi float32
	m, a   int
	consts []float32

	th, tw int // tiles of an image, down and across
	tiles  int // of all images
	block  int // tiles of a piece; 0: in passes
	ranges int // of the pass: into how many runs the tiles of a block of channels are cut

	pass           int        // 0: all steps at once; else the one that runs
	points, result tilePoints // of the three passes
}

// winoBytes is how many bytes of points a piece keeps in the cache.
const winoBytes = 640 << 10

// tileRow is a run of tiles side by side in one image.
type tileRow struct {
	image, ty, tx, n int
	at               int // the first one's number
}

func (t *winoTask) run(d *Device, c *BlockConv, s ConvShape, y, x Blocks, e BlockEpilogue) {
	t.e = e
	t.lo, t.hi, _ = e.limits()
	t.consts = d.consts()
	if t.cut(d, c, s, y, x); t.block == 0 {
		t.passes(d)
	} else {
		t.pass = 0
		d.team.run(ceilDiv(t.tiles, t.block), t)
	}
	t.c, t.y, t.x, t.e = nil, Blocks{}, Blocks{}, BlockEpilogue{}
	t.points, t.result = tilePoints{}, tilePoints{}
}

// cut chooses the order and the pieces.
func (t *winoTask) cut(d *Device, c *BlockConv, s ConvShape, y, x Blocks) {
	t.k, t.c, t.s, t.y, t.x = d.k, c, s, y, x
	t.m = int(c.algorithm)
	t.a = t.m + 2
	t.th, t.tw = ceilDiv(s.OH, t.m), ceilDiv(s.OW, t.m)
	t.tiles = s.N * t.th * t.tw
	t.block = max(1, winoBytes/(4*t.a*t.a*t.x.count()*t.x.Lanes*t.k.rows)) * t.k.rows
	blocks, threads, weights := ceilDiv(t.tiles, t.block), d.Threads(), 4*c.size
	if weights <= settledBytes {
		blocks = max(blocks, min(2*threads, ceilDiv(t.tiles, t.k.rows)))
	} else if rest := blocks % threads; rest > 0 { // as many for each thread
		blocks = min(blocks+threads-rest, ceilDiv(2*t.tiles, t.k.rows))
	}
	if t.block = ceilDiv(t.tiles, blocks); t.inPasses(blocks, threads, weights) {
		t.block = 0
	}
}

// scratch is what the task takes, once cut. A row of tiles at a border, with
// the zeros around it, is as long as the image or as the piece's tiles.
func (t *winoTask) scratch() Scratch {
	l, points := t.x.Lanes, t.a*t.a
	s := Scratch{edge: points * l, offs: t.x.count() + 1}
	row := t.tw
	if t.block == 0 {
		s.shared = points*(t.stride(t.x.count(), t.tiles)+t.stride(t.y.count(), t.tiles)) + l
	} else {
		s.panel, s.plane = points*t.stride(t.x.count(), t.block), points*t.stride(2, t.block)
		row = min(row, t.block)
	}
	s.strip = t.a * (row*t.m + 2) * l
	return s
}

// settledBytes is the size up to which weights stay in the second level cache
// from one piece to the next.
const settledBytes = 1 << 20

// The model of inPasses, in bytes: what is written between the passes moves
// several times, and more often if it is too much for the last level cache.
const (
	betweenCost = 3
	spilled     = 12 << 20
	spilledCost = 4.5
)

// inPasses compares the bytes that the two orders move, with the tiles cut into
// so many blocks or, after rounding, a few less. Fewer blocks than threads would
// leave some idle.
func (t *winoTask) inPasses(blocks, threads, weights int) bool {
	between := 4 * float64(t.a*t.a*t.tiles*(t.x.count()+t.y.count())*t.x.Lanes)
	moved := between * betweenCost
	if between > spilled {
		moved = between * spilledCost
	}
	reads := blocks
	if weights <= settledBytes {
		reads = min(blocks, threads)
	}
	return blocks < threads || float64(weights)+moved < float64(reads)*float64(weights)
}

// stride is the distance of points in float32: an odd number of cache lines,
// so that they do not fall into the same cache sets.
func (t *winoTask) stride(blocks, tiles int) int { return (blocks*tiles | 1) * t.x.Lanes }

func (t *winoTask) piece(w *worker, i int) {
	switch t.pass {
	case 0:
		t.throughout(w, i*t.block, min((i+1)*t.block, t.tiles))
	case 1:
		t0, t1 := t.rangeOf(i / t.x.count())
		t.transform(w, t.points, i%t.x.count(), t0, t1)
	case 2:
		t.multiply(w, i)
	case 3:
		t0, t1 := t.rangeOf(i / t.y.count())
		t.finish(w, t.result, i%t.y.count(), i%t.y.count(), t0, t1)
	}
}

// rangeOf is range i of the tiles, in a pass.
func (t *winoTask) rangeOf(i int) (t0, t1 int) {
	return part(t.tiles, t.ranges, i), part(t.tiles, t.ranges, i+1)
}

// tilePoints are the points of tiles first … first+n-1 in some blocks of
// channels: point p of block b and tile i at p·stride + (b·n + i-first)·L.
type tilePoints struct {
	data             []float32
	stride, first, n int
}

// throughout takes tiles t0 … t1-1 through all steps.
func (t *winoTask) throughout(w *worker, t0, t1 int) {
	n, l := t1-t0, t.x.Lanes
	points := tilePoints{stride: t.stride(t.x.count(), n), first: t0, n: n}
	points.data = scratch(w, &w.panel, t.a*t.a*points.stride)
	result := tilePoints{stride: t.stride(2, n), first: t0, n: n}
	result.data = scratch(w, &w.plane, t.a*t.a*result.stride)
	for cb := range t.x.count() {
		t.transform(w, points, cb, t0, t1)
	}
	offs := t.offsets(w, n)
	a := &w.block
	for _, p := range t.c.panels {
		*a = blockArgs{offs: offs, steps: len(offs) - 1, xi: l, yj: n * l, bias: noBias[:2*l]}
		for xi := range t.a * t.a {
			t.product(a, p, xi, t.weights(p, xi+1), points.data[xi*points.stride:], result.data[xi*result.stride:], n)
		}
		for j := range p.blocks {
			t.finish(w, result, j, p.block+j, t0, t1)
		}
	}
	*a = blockArgs{}
}

// offsets lists where the blocks of a point begin when there are n tiles.
func (t *winoTask) offsets(w *worker, n int) []int {
	offs := scratch(w, &w.offs, t.x.count()+1)
	for i := range offs {
		offs[i] = i * n * t.x.Lanes
	}
	return offs // one more than steps: kernels look ahead
}

// product multiplies n tiles of one point with a panel.
func (t *winoTask) product(a *blockArgs, p panel, xi int, next, points, result []float32, n int) {
	l := t.x.Lanes
	a.w, a.next = t.weights(p, xi), next
	a.x, a.y = points, result
	a.run(t.k.blockKernels(p), n, l)
}

// weights is what a panel multiplies point xi with, and what lies behind.
func (t *winoTask) weights(p panel, xi int) []float32 {
	l := t.x.Lanes
	return t.c.weights[p.at+xi*t.x.count()*l*p.blocks*l:]
}

// passes does the three steps one after another.
func (t *winoTask) passes(d *Device) {
	in, out := t.stride(t.x.count(), t.tiles), t.stride(t.y.count(), t.tiles)
	points := t.a * t.a
	both := grow(&d.scratch, points*(in+out)+t.x.Lanes)
	t.points = tilePoints{both[:points*in], in, 0, t.tiles}
	t.result = tilePoints{both[points*in:], out, 0, t.tiles}
	for pass, pieces := range []int{t.x.count(), points * ceilDiv(len(t.c.panels), panelsAtOnce), t.y.count()} {
		if t.pass, t.ranges = pass+1, 1; t.pass != 2 { // a block of channels for each thread, if there are enough
			t.ranges = min(t.tiles, ceilDiv(d.Threads(), pieces))
		}
		d.team.run(t.ranges*pieces, t)
	}
}

// panelsAtOnce is how many panels of a point a piece of the second pass does.
const panelsAtOnce = 2

// multiply is a piece of the second pass: some panels of one point.
func (t *winoTask) multiply(w *worker, i int) {
	pieces := ceilDiv(len(t.c.panels), panelsAtOnce)
	xi, first := i/pieces, i%pieces*panelsAtOnce
	l := t.x.Lanes
	offs := t.offsets(w, t.tiles)
	a := &w.block
	*a = blockArgs{offs: offs, steps: len(offs) - 1, xi: l, yj: t.tiles * l, bias: noBias[:2*l]}
	last := min(first+panelsAtOnce, len(t.c.panels))
	for j, p := range t.c.panels[first:last] {
		next := t.following(i)
		if first+j+1 < last {
			next = t.weights(t.c.panels[first+j+1], xi)
		}
		t.product(a, p, xi, next, t.points.data[xi*t.points.stride:], t.result.data[xi*t.result.stride+p.block*t.tiles*l:], t.tiles)
	}
	*a = blockArgs{}
}

// following is the weights of the piece behind piece i, which the same worker
// will likely do.
func (t *winoTask) following(i int) []float32 {
	pieces := ceilDiv(len(t.c.panels), panelsAtOnce)
	if i++; i >= t.a*t.a*pieces {
		return nil
	}
	return t.weights(t.c.panels[i%pieces*panelsAtOnce], i/pieces)
}

// noBias is the bias of a product of points.
var noBias [64]float32

// rows calls f for the runs of tiles t0 … t1-1.
func (t *winoTask) rows(t0, t1 int, f func(r tileRow)) {
	for i := t0; i < t1; {
		tx := i % t.tw
		n := min(t.tw-tx, t1-i)
		r := i / t.tw
		f(tileRow{r / t.th, r % t.th, tx, n, i})
		i += n
	}
}

// transform sets the points of block cb for tiles t0 … t1-1.
func (t *winoTask) transform(w *worker, points tilePoints, cb, t0, t1 int) {
	l := t.x.Lanes
	w.wino = winoArgs{tmp: scratch(w, &w.edge, t.a*t.a*l), consts: t.consts, yPoint: points.stride}
	t.rows(t0, t1, func(r tileRow) {
		y := points.data[(cb*points.n+r.at-points.first)*l:]
		top := r.ty*t.m - t.s.PadTop
		inside := top >= 0 && top+t.a <= t.s.H
		for i := 0; i < r.n; {
			n := 1
			if left := (r.tx+i)*t.m - t.s.PadLeft; inside && left >= 0 && left+t.a <= t.s.W {
				n = min(r.n-i, (t.s.W-t.a-left)/t.m+1)
				t.inner(w, y[i*l:], cb, r, i, n)
			} else {
				if !inside {
					n = r.n - i
				}
				t.border(w, y[i*l:], cb, r, i, n)
			}
			i += n
		}
	})
	w.wino = winoArgs{}
}

// inner transforms n tiles whose inputs all lie inside the image.
func (t *winoTask) inner(w *worker, y []float32, cb int, r tileRow, i, n int) {
	a, s, l := &w.wino, &t.s, t.x.Lanes
	top, left := r.ty*t.m-s.PadTop, (r.tx+i)*t.m-s.PadLeft
	a.x, a.xRow, a.y, a.n = t.x.Data[cb*t.x.Stride+((r.image*s.H+top)*s.W+left)*l:], s.W*l, y, n
	t.k.winoIn[t.m](a)
}

// border transforms n tiles from a copy of their inputs with zeros around it.
func (t *winoTask) border(w *worker, y []float32, cb int, r tileRow, i, n int) {
	a, s, l := &w.wino, &t.s, t.x.Lanes
	top, left, width := r.ty*t.m-s.PadTop, (r.tx+i)*t.m-s.PadLeft, n*t.m+2
	x := scratch(w, &w.strip, t.a*width*l)
	lo, hi := min(max(-left, 0), width), min(max(s.W-left, 0), width)
	for row := range t.a {
		line := x[row*width*l:][:width*l]
		if top+row < 0 || top+row >= s.H || lo >= hi {
			clear(line)
			continue
		}
		clear(line[:lo*l])
		clear(line[hi*l:])
		from := cb*t.x.Stride + ((r.image*s.H+top+row)*s.W+left+lo)*l
		copy(line[lo*l:hi*l], t.x.Data[from:])
	}
	a.x, a.xRow, a.y, a.n = x, width*l, y, n
	t.k.winoIn[t.m](a)
}

// finish transforms block j of the products back and stores it as block kb of
// the output, for tiles t0 … t1-1.
func (t *winoTask) finish(w *worker, result tilePoints, j, kb, t0, t1 int) {
	l := t.x.Lanes
	w.wino = winoArgs{tmp: scratch(w, &w.edge, t.a*t.a*l), consts: t.consts, xPoint: result.stride,
		bias: t.c.bias[kb*l:], lo: t.lo, hi: t.hi}
	t.rows(t0, t1, func(r tileRow) {
		x := result.data[(j*result.n+r.at-result.first)*l:]
		whole := 0 // tiles whose outputs all lie inside the image
		if (r.ty+1)*t.m <= t.s.OH {
			whole = min(r.n, t.s.OW/t.m-r.tx)
		}
		if whole > 0 {
			t.store(w, x, kb, r, whole)
		}
		if whole < r.n {
			r.tx, r.n = r.tx+whole, r.n-whole
			t.storePart(w, x[whole*l:], kb, r)
		}
	})
	w.wino = winoArgs{}
}

// step is the side of a tile in the stored output.
func (t *winoTask) step() int {
	if t.e.Pool {
		return t.m / 2
	}
	return t.m
}

// outKernel is the output transform.
func (t *winoTask) outKernel() func(*winoArgs) {
	if t.e.Pool {
		return t.k.winoPool[t.m]
	}
	return t.k.winoOut[t.m]
}

// place is where tile row r begins in block kb of maps like the output.
func (t *winoTask) place(b *Blocks, kb int, r tileRow) []float32 {
	m := t.step()
	return b.Data[kb*b.Stride+((r.image*b.H+r.ty*m)*b.W+r.tx*m)*b.Lanes:]
}

// store finishes the first n tiles of r in place.
func (t *winoTask) store(w *worker, x []float32, kb int, r tileRow, n int) {
	a := &w.wino
	a.x, a.y, a.yRow, a.n = x, t.place(&t.y, kb, r), t.y.W*t.y.Lanes, n
	a.add = nil
	if t.e.Add.Data != nil {
		a.add, a.addRow = t.place(&t.e.Add, kb, r), t.y.W*t.y.Lanes
	}
	t.outKernel()(a)
}

// storePart finishes the tiles of r in scratch memory and copies what lies
// inside the image.
func (t *winoTask) storePart(w *worker, x []float32, kb int, r tileRow) {
	a, m, l := &w.wino, t.step(), t.y.Lanes
	width := r.n * m
	rows, cols := min(m, t.y.H-r.ty*m), min(width, t.y.W-r.tx*m)
	y := scratch(w, &w.strip, m*width*l)
	a.x, a.y, a.yRow, a.n, a.add = x, y, width*l, r.n, nil
	if t.e.Add.Data != nil {
		from := t.place(&t.e.Add, kb, r)
		for i := range rows {
			copy(y[i*width*l:][:cols*l], from[i*t.y.W*l:])
		}
		a.add, a.addRow = y, width*l
	}
	t.outKernel()(a)
	to := t.place(&t.y, kb, r)
	for i := range rows {
		copy(to[i*t.y.W*l:][:cols*l], y[i*width*l:])
	}
}

// consts returns the table of factors for the Device's kernels.
func (d *Device) consts() []float32 {
	if d.factors == nil {
		d.factors = winogradConsts(d.Lanes())
	}
	return d.factors
}
