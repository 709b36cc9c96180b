package cpu

import "math"

//go:generate go run -C _asm . -dir ..

// kernels is one implementation of the inner loops. Everything else in this
// package is blocking, and is the same for all of them.
type kernels struct {
	name       string // "portable", "avx2", "avx512" or "neon"
	rows, cols int    // the largest register tile

	tiles   []func(*tileArgs) // by number of rows, 1 … rows; cols columns
	strips  []func(*tileArgs) // the same, b's rows at listed offsets, up to cols columns
	row     func(*tileArgs)   // one row by rowCols columns
	rowCols int

	dots             []func(*dotArgs) // dotRows×dotCols, dotRows×1, 1×dotCols, 1×1
	dotRows, dotCols int

	columns []func(*columnArgs) // by source step, for at most cols columns

	clamp, add, mul, max, axpy, lerp, reluGrad, adam, sum func(*vecArgs)
	lanes                                                 int // elements of one vecArgs.n

	// Of maps in channel blocks of as many channels as lanes; by number of pixels.
	block, narrow                  []func(*blockArgs) // two blocks and one, a block of inputs a step
	scalar, scalarNarrow           []func(*blockArgs) // the same, one number a step
	tapMax, tapSum, tapMul, gather func(*tapArgs)
	winoIn, winoOut, winoPool      []func(*winoArgs)    // by m
	low                            [Int8 + 1]lowKernels // by precision; without kernels where there are none
}

// blockLanes is the number of channels in a block.
func (k *kernels) blockLanes() int { return k.cols / 2 }

// kernelsPortable is the plain Go implementation: the truth for the others.
var kernelsPortable = &kernels{
	name: "portable", rows: 4, cols: 16,
	tiles:  tileSet(4, func(t *tileArgs, rows int) { tilePortable(t, rows, 16) }),
	strips: tileSet(4, stripPortable),
	row:    func(t *tileArgs) { tilePortable(t, 1, 64) }, rowCols: 64,
	dots: []func(*dotArgs){
		func(t *dotArgs) { dotsPortable(t, 2, 4) }, func(t *dotArgs) { dotsPortable(t, 2, 1) },
		func(t *dotArgs) { dotsPortable(t, 1, 4) }, func(t *dotArgs) { dotsPortable(t, 1, 1) }},
	dotRows: 2, dotCols: 4,
	columns: []func(*columnArgs){nil,
		func(t *columnArgs) { columnsPortable(t, 1) }, func(t *columnArgs) { columnsPortable(t, 2) }},
	clamp: clampPortable, add: addPortable, mul: mulPortable, max: maxPortable, axpy: axpyPortable, lerp: lerpPortable,
	reluGrad: reluGradPortable, adam: adamPortable, sum: sumPortable, lanes: 1,
	block: blockSet(2, blockLanes), narrow: blockSet(1, blockLanes), scalar: blockSet(2, 1), scalarNarrow: blockSet(1, 1),
	tapMax: tapMaxPortable, tapSum: tapSumPortable, tapMul: tapMulPortable, gather: gatherPortable,
	winoIn: winoSet(winoInPortable), winoOut: winoSet(winoOutPortable), winoPool: winoSet(winoPoolPortable),
	low: lowPortable,
}

// tileSet lists f by number of rows, 1 … most.
func tileSet(most int, f func(t *tileArgs, rows int)) (set []func(*tileArgs)) {
	set = []func(*tileArgs){nil}
	for rows := 1; rows <= most; rows++ {
		set = append(set, func(t *tileArgs) { f(t, rows) })
	}
	return set
}

// tileArgs are the operands of a tile of a matrix product. Steps count
// elements. The generator knows the layout of the struct.
type tileArgs struct {
	c    []float32 // out: row i starts at i·ci
	add  []float32 // added to c, laid out like it; or nil; may be c
	bias []float32 // one number for each row, or nil
	a    []float32 // element (i,l) at i·ai + l·al
	b    []float32 // tile: row l at l·bl; strip: at offs[l]
	offs []int
	k    int // length of the sums
	ai   int
	al   int
	bl   int
	ci   int
	cols int     // strip: valid columns
	mask []int32 // strip: cols lanes of -1, then zeros
	lo   float32
	hi   float32
}

// tilePortable computes, for i < rows and j < cols,
//
//	c[i·ci+j] = min(max(bias[i] + add[i·ci+j] + Σ over l < k of a[i·ai+l·al] · b[l·bl+j], lo), hi)
func tilePortable(t *tileArgs, rows, cols int) {
	for i := 0; i < rows; i += 2 {
		for j := 0; j < cols; j += 4 {
			if i+1 < rows {
				tile2x4(t, i, j)
			} else {
				tile1x4(t, i, j)
			}
		}
	}
}

// tile2x4 computes two rows by four columns: as many sums as fit in registers.
func tile2x4(t *tileArgs, i, j int) {
	var c00, c01, c02, c03, c10, c11, c12, c13 float32
	x, y, b := t.a[i*t.ai:], t.a[(i+1)*t.ai:], t.b[j:]
	al, bl, p, o := t.al, t.bl, 0, 0
	for range t.k {
		v := (*[4]float32)(b[o:])
		a0, a1 := x[p], y[p]
		c00 += a0 * v[0]
		c01 += a0 * v[1]
		c02 += a0 * v[2]
		c03 += a0 * v[3]
		c10 += a1 * v[0]
		c11 += a1 * v[1]
		c12 += a1 * v[2]
		c13 += a1 * v[3]
		p, o = p+al, o+bl
	}
	t.store(i, j, c00, c01, c02, c03)
	t.store(i+1, j, c10, c11, c12, c13)
}

func tile1x4(t *tileArgs, i, j int) {
	var c0, c1, c2, c3 float32
	x, b := t.a[i*t.ai:], t.b[j:]
	al, bl, p, o := t.al, t.bl, 0, 0
	for range t.k {
		v := (*[4]float32)(b[o:])
		a := x[p]
		c0 += a * v[0]
		c1 += a * v[1]
		c2 += a * v[2]
		c3 += a * v[3]
		p, o = p+al, o+bl
	}
	t.store(i, j, c0, c1, c2, c3)
}

// stripPortable computes the same for j < t.cols, with b[offs[l]+j] in place
// of b[l·bl+j].
func stripPortable(t *tileArgs, rows int) {
	for i := range rows {
		j := 0
		for ; j+4 <= t.cols; j += 4 {
			strip1x4(t, i, j)
		}
		for ; j < t.cols; j++ {
			var sum float32
			p := i * t.ai
			for _, o := range t.offs[:t.k] {
				sum += t.a[p] * t.b[o+j]
				p += t.al
			}
			t.store(i, j, sum)
		}
	}
}

func strip1x4(t *tileArgs, i, j int) {
	var c0, c1, c2, c3 float32
	x, b := t.a[i*t.ai:], t.b[j:]
	al, p := t.al, 0
	for _, o := range t.offs[:t.k] {
		v := (*[4]float32)(b[o:])
		a := x[p]
		c0 += a * v[0]
		c1 += a * v[1]
		c2 += a * v[2]
		c3 += a * v[3]
		p += al
	}
	t.store(i, j, c0, c1, c2, c3)
}

// store finishes the sums of row i from column j on.
func (t *tileArgs) store(i, j int, sums ...float32) {
	at := i*t.ci + j
	for n, v := range sums {
		if t.bias != nil {
			v += t.bias[i]
		}
		if t.add != nil {
			v += t.add[at+n]
		}
		if v < t.lo {
			v = t.lo
		}
		if v > t.hi {
			v = t.hi
		}
		t.c[at+n] = v
	}
}

// unclamped sets limits that change nothing.
func (t *tileArgs) unclamped() {
	t.lo, t.hi = float32(math.Inf(-1)), float32(math.Inf(1))
}

// dotArgs are the operands of a tile of dot products over lines of numbers.
type dotArgs struct {
	a    []float32 // row i starts at i·ai
	b    []float32 // row j starts at offs[j]
	out  []float32 // product (i,j) is added to element i·oi + j
	offs []int
	mask []int32 // cols lanes of -1, then zeros
	rows int     // lines
	n    int     // whole vectors in a line
	ai   int
	ap   int // from the end of a line's whole vectors in a to the next line
	bp   int // the same in b
	oi   int
	cols int // numbers in a line beyond the whole vectors
}

// dotsPortable computes, with P the step from line to line in a and Q in b,
// for i < rows and j < cols,
//
//	out[i·oi+j] += Σ over p < t.rows and q < line length of a[i·ai+p·P+q] · b[offs[j]+p·Q+q]
func dotsPortable(t *dotArgs, rows, cols int) {
	whole := t.n * portableLanes
	line := whole + t.cols
	for i := range rows {
		for j := range cols {
			var sum float32
			p, q := i*t.ai, t.offs[j]
			for range t.rows {
				sum += dot(t.a[p:p+line], t.b[q:q+line])
				p += whole + t.ap
				q += whole + t.bp
			}
			t.out[i*t.oi+j] += sum
		}
	}
}

// dot is Σ a[x]·b[x], in four sums that do not wait for each other.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		u, v := (*[4]float32)(a), (*[4]float32)(b)
		s0 += u[0] * v[0]
		s1 += u[1] * v[1]
		s2 += u[2] * v[2]
		s3 += u[3] * v[3]
		a, b = a[4:], b[4:]
	}
	for x, v := range a {
		s0 += v * b[x]
	}
	return s0 + s1 + (s2 + s3)
}

// portableLanes is the length of the portable kernels' pretended vector: that
// of the strips' width halved, as in the assembly.
const portableLanes = 8

// columnArgs are the operands of a copy of columns.
type columnArgs struct {
	dst     []float32
	src     []float32
	mask    []int32 // cols lanes of -1, then zeros
	wide    []int32 // 2·cols-1 lanes of -1, then zeros
	rows    int
	dstStep int
	srcStep int
	cols    int
}

// columnsPortable computes dst[i·dstStep+j] = src[i·srcStep+j·step] for
// i < rows and j < cols.
func columnsPortable(t *columnArgs, step int) {
	for i := range t.rows {
		d, s := t.dst[i*t.dstStep:][:t.cols], t.src[i*t.srcStep:]
		if step == 1 {
			copy(d, s[:t.cols])
			continue
		}
		for j := range d {
			d[j] = s[j*step]
		}
	}
}

// laneMasks holds 32 lanes of -1, then 32 of 0.
var laneMasks = func() (m [64]int32) {
	for i := range 32 {
		m[i] = -1
	}
	return m
}()

// lanes returns a mask of n lanes of -1, then zeros, for n ≤ 32.
func lanes(n int) []int32 { return laneMasks[32-n:] }
