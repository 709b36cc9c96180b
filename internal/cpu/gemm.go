package cpu

// GemmEpilogue is what Gemm adds to the product.
type GemmEpilogue struct {
	Bias       []float32 // (n), added to every row, or nil
	Accumulate bool      // add to what c holds instead of overwriting it
}

// Gemm computes C (m,n) from A and B, all in row order:
//
//	c[i,j] = bias[j] + Σ over l of opA[i,l] · opB[l,j]    (+ c[i,j] if Accumulate)
//
// opA (m,k) is a, or with transA the transpose of a (k,m); opB (k,n) is b, or
// with transB the transpose of b (n,k).
func (d *Device) Gemm(transA, transB bool, m, n, k int, c, a, b []float32, e GemmEpilogue) {
	if m*n == 0 {
		return
	}
	g := newProduct(transA, transB, m, n, k)
	g.c, g.a, g.b = c[:m*n], a[:m*k], b[:k*n]
	g.start(e)
	if k == 0 {
		return
	}
	switch g.way() {
	case narrowB:
		d.gemmNarrow(g)
	case turnedC:
		d.gemmTurned(g)
	case dotted:
		d.gemmDots(g)
	default:
		d.gemm.run(d, g)
	}
}

// The ways to compute a product.
const (
	inTiles = iota
	narrowB
	turnedC
	dotted
)

// way chooses how to compute g, a column as a row.
func (g *product) way() int {
	if g.n == 1 && g.m > 1 { // cᵀ = opBᵀ·opAᵀ
		*g = product{m: 1, n: g.m, k: g.k, ai: g.bj, al: g.bl, bl: g.al, bj: g.ai, c: g.c, a: g.b, b: g.a}
	}
	switch {
	case g.n < narrow && g.m >= 4*g.n && g.al == 1 && g.bl != 1 && g.n > 1:
		return narrowB
	case g.n < narrow && g.m >= 4*g.n && g.ai == 1:
		return turnedC
	case g.rowsTogether() && (g.m <= 64 || g.n < narrow):
		return dotted
	}
	return inTiles
}

// GemmScratch is what Gemm takes.
func (d *Device) GemmScratch(transA, transB bool, m, n, k int) Scratch {
	if m*n*k == 0 {
		return Scratch{}
	}
	g := newProduct(transA, transB, m, n, k)
	switch g.way() {
	case narrowB:
		return g.dotScratch().Or(Scratch{shared: k * n})
	case turnedC:
		return d.tileScratch(g.turned()).Or(Scratch{shared: m * n})
	case dotted:
		return g.dotScratch()
	}
	return d.tileScratch(g)
}

// dotScratch is what gemmDots takes.
func (g *product) dotScratch() Scratch {
	return Scratch{offs: max(dotBlock, min(g.n, g.m))}
}

// tileScratch is what gemmTask takes.
func (d *Device) tileScratch(g product) Scratch {
	var t gemmTask
	t.cut(d.k, g)
	return Scratch{panel: t.block*t.deep*t.cols + t.cols, edge: d.k.rows * t.cols}
}

// narrow is the number of columns below which a tile would be mostly empty.
const narrow = 8

// product is c[i·n+j] += Σ over l < k of a[i·ai+l·al] · b[l·bl+j·bj].
type product struct {
	m, n, k        int
	ai, al, bl, bj int
	c, a, b        []float32
}

// newProduct is opA·opB without its numbers.
func newProduct(transA, transB bool, m, n, k int) product {
	g := product{m: m, n: n, k: k, ai: k, al: 1, bl: n, bj: 1}
	if transA {
		g.ai, g.al = 1, m
	}
	if transB {
		g.bl, g.bj = 1, k
	}
	return g
}

// turned is cᵀ = bᵀ·aᵀ without its result.
func (g *product) turned() product {
	return product{m: g.n, n: g.m, k: g.k, ai: g.bj, al: g.bl, bl: g.al, bj: g.ai, a: g.b, b: g.a}
}

// start sets c to the bias, zero, or what it was.
func (g *product) start(e GemmEpilogue) {
	if !e.Accumulate {
		clear(g.c)
	}
	if e.Bias == nil {
		return
	}
	for i := range g.m {
		row := g.c[i*g.n:][:g.n]
		for j, v := range e.Bias[:g.n] {
			row[j] += v
		}
	}
}

// rowsTogether reports whether the sums run along rows of both operands.
func (g *product) rowsTogether() bool { return g.bl == 1 && (g.al == 1) }

// gemmNarrow turns a narrow b (k,n) around first: its columns become rows.
func (d *Device) gemmNarrow(g product) {
	turned := grow(&d.scratch, g.k*g.n)
	for l := range g.k {
		for j := range g.n {
			turned[j*g.k+l] = g.b[l*g.bl+j*g.bj]
		}
	}
	g.b, g.bl, g.bj = turned, 1, g.k
	d.gemmDots(g)
}

// gemmTurned computes a narrow product as its transpose, whose columns are
// a's, and adds that to c.
func (d *Device) gemmTurned(g product) {
	turned := grow(&d.scratch, g.m*g.n)
	clear(turned)
	p := g.turned()
	p.c = turned
	d.gemm.run(d, p)
	for j := range g.n {
		for i, v := range turned[j*g.m:][:g.m] {
			g.c[i*g.n+j] += v
		}
	}
}

// gemmDots computes a product whose sums run along rows of both operands.
func (d *Device) gemmDots(g product) {
	t := &d.dots
	t.k, t.g = d.k, g
	t.swap = g.m < g.n
	if t.swap { // the longer side is cut into pieces, and is c's row or column
		t.blocks = ceilDiv(g.n, dotBlock)
	} else {
		t.blocks = ceilDiv(g.m, dotBlock)
	}
	d.team.run(t.blocks, t)
	t.g = product{}
}

// dotBlock is the number of rows or columns of c that one piece computes: a
// multiple of every dotRows.
const dotBlock = 12

// dotTask computes a product by dot products; a piece is dotBlock rows of c,
// or columns if there are more of them.
type dotTask struct {
	k      *kernels
	g      product
	swap   bool
	blocks int
}

func (t *dotTask) piece(w *worker, i int) {
	g, a := &t.g, &w.dot
	from := i * dotBlock
	a.rows, a.ap, a.bp = 1, 0, 0
	t.k.line(a, g.k)
	offs := scratch(w, &w.offs, max(dotBlock, min(g.n, g.m)))
	if !t.swap {
		a.a, a.ai, a.b = g.a[from*g.ai:], g.ai, g.b
		a.out, a.oi = g.c[from*g.n:], g.n
		for j := range offs[:g.n] {
			offs[j] = j * g.bj
		}
		t.k.product(a, offs[:g.n], min(dotBlock, g.m-from))
		return
	}
	n := min(dotBlock, g.n-from)
	if g.m == 1 { // c is a row, which may be taken as a column: rows of b are fewer loads
		a.a, a.ai, a.b = g.b[from*g.bj:], g.bj, g.a
		a.out, a.oi = g.c[from:], 1
		offs[0] = 0
		t.k.product(a, offs[:1], n)
		return
	}
	a.a, a.ai, a.b = g.a, g.ai, g.b[from*g.bj:]
	a.out, a.oi = g.c[from:], g.n
	for j := range offs[:n] {
		offs[j] = j * g.bj
	}
	t.k.product(a, offs[:n], g.m)
}

// gemmTask computes a product by tiles; a piece is a block of packed columns
// of b for some of the panels of rows of a. a is not packed: the kernel takes
// single numbers of it at any step.
type gemmTask struct {
	k *kernels
	product
	cols   int // of a tile
	tiles  int
	block  int
	blocks int
	panels int
	splits int
	deep   int // products summed between two passes over c
}

// gemmDepth bounds the depth of a panel: 2048 rows of 32 columns are 256 KiB.
const gemmDepth = 2048

func (t *gemmTask) run(d *Device, g product) {
	t.cut(d.k, g)
	d.team.run(t.blocks*t.splits, t)
	t.product = product{}
}

// cut chooses the pieces.
func (t *gemmTask) cut(k *kernels, g product) {
	t.k, t.product = k, g
	t.cols = k.cols
	if g.m == 1 && g.bj == 1 {
		t.cols = k.rowCols
	}
	t.tiles = ceilDiv(g.n, t.cols)
	t.panels = ceilDiv(g.m, k.rows)
	t.deep = min(g.k, gemmDepth)
	t.block, t.splits = blocking(t.deep, t.tiles, t.panels, 1, t.cols)
	t.blocks = ceilDiv(t.tiles, t.block)
}

func (t *gemmTask) piece(w *worker, i int) {
	split, first := i%t.splits, i/t.splits*t.block
	last := min(first+t.block, t.tiles)
	for l := 0; l < t.k0(); l += t.deep {
		deep := min(t.deep, t.k0()-l)
		t.slice(w, l, deep, first, last, split)
	}
}

func (t *gemmTask) k0() int { return t.product.k }

// slice adds the products l … l+deep-1 to the tiles first … last-1.
func (t *gemmTask) slice(w *worker, l, deep, first, last, split int) {
	size := deep * t.cols
	direct := t.m == 1 && t.bj == 1
	packed := scratch(w, &w.panel, t.block*size+t.cols)
	for j := first; j < last; j++ {
		if n := min(t.cols, t.n-j*t.cols); !direct || n < t.cols {
			t.pack(w, packed[(j-first)*size:][:size+t.cols], l, deep, j*t.cols, n)
		}
	}
	for p := part(t.panels, t.splits, split); p < part(t.panels, t.splits, split+1); p++ {
		i0, i1 := part(t.m, t.panels, p), part(t.m, t.panels, p+1)
		for j := first; j < last; j++ {
			n := min(t.cols, t.n-j*t.cols)
			a := &w.tile
			a.b, a.bl = packed[(j-first)*size:], t.cols
			if direct && n == t.cols {
				a.b, a.bl = t.b[l*t.bl+j*t.cols:], t.bl
			}
			a.a, a.ai, a.al, a.k = t.a[i0*t.ai+l*t.al:], t.ai, t.al, deep
			t.tile(w, i0, i1-i0, j*t.cols, n)
		}
	}
}

// pack fills a panel: panel[x·cols+j] = opB[l+x, j0+j], zero for j ≥ n.
func (t *gemmTask) pack(w *worker, panel []float32, l, deep, j0, n int) {
	if n < t.cols {
		clear(panel)
	}
	if t.bj == 1 && n <= t.k.cols {
		w.col = columnArgs{dst: panel, dstStep: t.cols, src: t.b[l*t.bl+j0:], srcStep: t.bl, rows: deep}
		t.k.copyColumns(&w.col, n, 1)
		return
	}
	for j := range n {
		from := t.b[l*t.bl+(j0+j)*t.bj:]
		for x := range deep {
			panel[x*t.cols+j] = from[x*t.bl]
		}
	}
}

// tile adds one product of a panel of h rows and a packed tile to c.
func (t *gemmTask) tile(w *worker, i, h, j, n int) {
	a := &w.tile
	a.bias = nil
	a.unclamped()
	kernel := t.k.tiles[h]
	if t.cols > t.k.cols {
		kernel = t.k.row
	}
	c := t.c[i*t.n+j:]
	if n == t.cols {
		a.c, a.add, a.ci = c, c, t.n
		kernel(a)
		return
	}
	buf := scratch(w, &w.edge, h*t.cols)
	for x := range h {
		copy(buf[x*t.cols:][:n], c[x*t.n:])
	}
	a.c, a.add, a.ci = buf, buf, t.cols
	kernel(a)
	for x := range h {
		copy(c[x*t.n:][:n], buf[x*t.cols:])
	}
}
