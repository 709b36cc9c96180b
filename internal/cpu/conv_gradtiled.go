package cpu

import "math"

// The gradient by the weights of a 3×3 convolution by the transpose of
// Winograd's minimal filtering, with its matrices (see winogradMatrices): m×m
// outputs' gradients dy and the a×a inputs d that they saw give
//
//	dw = Gᵀ · Σ over tiles of [(A·dy·Aᵀ) ⊙ (Bᵀ·d·B)] · G
//
// The sum is over the tiles of all images, and is taken at the points: a matrix
// product for each of them, (m+2)² products where the plain loop has 9·m². The
// transforms are matrix products as well, with A⊗A, Bᵀ⊗Bᵀ and Gᵀ⊗Gᵀ: by the
// model of gradTiling a fifth of all work at 512 channels, most of it at 64.

// gradTiledTask computes dw (K,C,3,3). A piece of its first phase transforms a
// panel of channels of one image, of x or of dy; one of its second phase is a
// block of panels of x with some of the output channels.
type gradTiledTask struct {
	k      *kernels
	s      ConvShape
	m, a   int
	dw     []float32
	x, dy  tiledMaps
	th, tw int // tiles of an image, down and across
	tiles  int // of all images
	step   int // from a point of a panel to the next, in tiles
	block  int // panels of x
	splits int // of the output channels
	sums   bool
	back   [7][]float32 // by m: Gᵀ⊗Gᵀ, (9,a²)
}

// tiledMaps are maps in panels of as many channels as a register tile has
// columns, the last one filled up with zeros.
type tiledMaps struct {
	maps      []float32 // (N,channels,h,w)
	channels  int
	h, w      int
	top, left int          // where the first tile begins, before the first pixel
	side      int          // pixels of a tile across
	points    []float32    // (panel,a²,step,columns)
	factors   [7][]float32 // by m: what makes a tile's pixels points, (a²,side²)
}

// gradTiledDepth is how many tiles are summed up in registers: with 16 columns
// the points of a panel of x and one of dy fill the first level cache.
const gradTiledDepth = 256

// The model of gradTiling, in multiply-adds, measured with go test -bench Training:
const (
	gradTiledPoint = 16 // for each point of a tile and channel of a map: written and read
	gradTiledSum   = 16 // for each sum at a point: the same
)

// gradTiledMost is how many points of both maps may be held, in float32: 256 MiB.
const gradTiledMost = 64 << 20

// gradTiling returns the way to compute the gradient by the weights.
func (s *ConvShape) gradTiling() Algorithm {
	return s.cheapest(func(m, points, tiles int) int {
		if points*tiles*(s.C+s.K) > gradTiledMost {
			return math.MaxInt
		}
		return points * (tiles*(s.C*s.K+(points+gradTiledPoint)*s.C+(m*m+gradTiledPoint)*s.K) + (9+gradTiledSum)*s.C*s.K)
	})
}

// convGradTiled computes dw (K,C,3,3) by tiles of algorithm a.
func (d *Device) convGradTiled(a Algorithm, s ConvShape, dw, dy, x []float32) {
	t := &d.gradTiled
	t.dw, t.x.maps, t.dy.maps = dw, x, dy
	t.cut(d.k, s, a)
	t.x.points = grow(&d.gradMatrix.x, t.size(&t.x))
	t.dy.points = grow(&d.gradMatrix.dy, t.size(&t.dy))
	t.prepare()
	t.sums = false
	d.team.run(s.N*(t.panels(&t.x)+t.panels(&t.dy)), t)
	t.sums = true
	d.team.run(ceilDiv(t.panels(&t.x), t.block)*t.splits, t)
	t.dw, t.x.maps, t.dy.maps, t.x.points, t.dy.points = nil, nil, nil, nil, nil
}

// cut works out the tiles and the pieces, for any number of threads alike.
func (t *gradTiledTask) cut(k *kernels, s ConvShape, a Algorithm) {
	t.k, t.s, t.m, t.a = k, s, int(a), int(a)+2
	t.th, t.tw = ceilDiv(s.OH, t.m), ceilDiv(s.OW, t.m)
	t.tiles = s.N * t.th * t.tw
	t.step = t.tiles | 1 // no power of two, so that points do not share sets of a cache
	t.x.channels, t.x.h, t.x.w, t.x.top, t.x.left, t.x.side = s.C, s.H, s.W, s.PadTop, s.PadLeft, t.a
	t.dy.channels, t.dy.h, t.dy.w, t.dy.side = s.K, s.OH, s.OW, t.m
	const pieces = 32
	t.block = max(1, min(gradBlock, t.panels(&t.x)/4))
	t.splits = min(ceilDiv(pieces, ceilDiv(t.panels(&t.x), t.block)), ceilDiv(s.K, k.rows))
}

// prepare makes the matrices of the transforms for the task's m.
func (t *gradTiledTask) prepare() {
	if t.back[t.m] != nil {
		return
	}
	f := &winograds[t.m]
	t.x.factors[t.m] = kronecker(t.a, t.a, func(i, j int) float64 { return float64(f.bt[i][j]) })
	t.dy.factors[t.m] = kronecker(t.a, t.m, func(i, j int) float64 { return float64(f.at[j][i]) })
	t.back[t.m] = kronecker(3, t.a, func(i, j int) float64 { return f.g[j][i] })
}

// kronecker returns M⊗M for M (rows,cols): M·d·Mᵀ is its product with the
// numbers of d.
func kronecker(rows, cols int, m func(i, j int) float64) []float32 {
	f := make([]float32, 0, rows*rows*cols*cols)
	for i := range rows * rows {
		for j := range cols * cols {
			f = append(f, float32(m(i/rows, j/cols)*m(i%rows, j%cols)))
		}
	}
	return f
}

func (t *gradTiledTask) panels(m *tiledMaps) int { return ceilDiv(m.channels, t.k.cols) }

func (t *gradTiledTask) size(m *tiledMaps) int { return t.panels(m) * t.a * t.a * t.step * t.k.cols }

// gradTiledScratch is what convGradTiled takes.
func (d *Device) gradTiledScratch(a Algorithm, s ConvShape) Scratch {
	var t gradTiledTask
	t.cut(d.k, s, a)
	cols := d.k.cols
	image := max(s.H*s.W, s.OH*s.OW) * cols
	sums := t.block * ceilDiv(s.K, t.splits) * t.a * t.a * cols
	return Scratch{x: t.size(&t.x), dy: t.size(&t.dy), plane: max(image, sums), edge: t.a * t.a * cols}
}

func (t *gradTiledTask) piece(w *worker, i int) {
	w.tile.bias, w.tile.add = nil, nil
	w.tile.unclamped()
	if t.sums {
		t.product(w, i/t.splits*t.block, i%t.splits)
	} else if of := t.s.N * t.panels(&t.x); i < of {
		t.transform(w, &t.x, i/t.s.N, i%t.s.N)
	} else {
		t.transform(w, &t.dy, (i-of)/t.s.N, i%t.s.N)
	}
}

// transform sets the points of image n for one panel of channels.
func (t *gradTiledTask) transform(w *worker, m *tiledMaps, panel, n int) {
	cols, points := t.k.cols, t.a*t.a
	first := panel * cols
	pixels := scratch(w, &w.plane, m.h*m.w*cols)
	interleave(pixels, m.maps[(n*m.channels+first)*m.h*m.w:], min(cols, m.channels-first), cols, m.h*m.w)
	tile := scratch(w, &w.edge, m.side*m.side*cols)
	to := m.points[panel*points*t.step*cols:][:points*t.step*cols]
	runs := ceilDiv(points, t.k.rows)
	a := &w.tile
	a.b, a.bl, a.k, a.ai, a.al, a.ci = tile, cols, m.side*m.side, m.side*m.side, 1, t.step*cols
	for i := range t.th * t.tw {
		m.window(tile, pixels, i/t.tw*t.m-m.top, i%t.tw*t.m-m.left, cols)
		at := n*t.th*t.tw + i
		for r := range runs {
			r0, r1 := part(points, runs, r), part(points, runs, r+1)
			a.a, a.c = m.factors[t.m][r0*a.k:], to[(r0*t.step+at)*cols:]
			t.k.tiles[r1-r0](a)
		}
	}
}

// window copies the pixels of the tile from (top,left) on; outside of the image
// there are zeros.
func (m *tiledMaps) window(tile, pixels []float32, top, left, cols int) {
	lo, hi := min(max(-left, 0), m.side), min(max(m.w-left, 0), m.side)
	for i := range m.side {
		row := tile[i*m.side*cols:][:m.side*cols]
		if h := top + i; h < 0 || h >= m.h || lo >= hi {
			clear(row)
		} else {
			clear(row[:lo*cols])
			copy(row[lo*cols:hi*cols], pixels[(h*m.w+left+lo)*cols:])
			clear(row[hi*cols:])
		}
	}
}

// interleave sets dst[q·width+c] = x[c·pixels+q] for c < channels, and zero for
// the others.
func interleave(dst, x []float32, channels, width, pixels int) {
	if channels < width {
		clear(dst)
	}
	for c := range channels {
		for q, v := range x[c*pixels:][:pixels] {
			dst[q*width+c] = v
		}
	}
}

// product computes the gradients between panels of x from first on and one
// part of the output channels.
func (t *gradTiledTask) product(w *worker, first, split int) {
	cols, points := t.k.cols, t.a*t.a
	n := min(t.block, t.panels(&t.x)-first)
	k0, k1 := part(t.s.K, t.splits, split), part(t.s.K, t.splits, split+1)
	sums := scratch(w, &w.plane, n*(k1-k0)*points*cols) // (panel of x, k, point, column)
	a := &w.tile
	a.ai, a.al, a.bl, a.ci = 1, cols, cols, points*cols
	for xi := range points {
		for from := 0; from < t.tiles; from += gradTiledDepth {
			a.k = min(gradTiledDepth, t.tiles-from)
			for k := k0; k < k1; {
				dy := t.dy.points[((k/cols*points+xi)*t.step+from)*cols+k%cols:]
				rows := min(cols-k%cols, k1-k) // of the panel
				runs := ceilDiv(rows, t.k.rows)
				for j := range n {
					a.b = t.x.points[(((first+j)*points+xi)*t.step+from)*cols:]
					for r := range runs {
						r0, r1 := part(rows, runs, r), part(rows, runs, r+1)
						a.a = dy[r0:]
						a.c, a.add = sums[((j*(k1-k0)+k-k0+r0)*points+xi)*cols:], nil
						if from > 0 {
							a.add = a.c
						}
						t.k.tiles[r1-r0](a)
					}
				}
				k += rows
			}
		}
	}
	a.add = nil
	for j := range n {
		for k := k0; k < k1; k++ {
			t.put(w, sums[(j*(k1-k0)+k-k0)*points*cols:], k, (first+j)*cols)
		}
	}
}

// put transforms the sums of output channel k with the input channels from c on
// back, and stores their gradients.
func (t *gradTiledTask) put(w *worker, sums []float32, k, c int) {
	cols, points := t.k.cols, t.a*t.a
	taps := scratch(w, &w.edge, 9*cols)
	runs := ceilDiv(9, t.k.rows)
	a := &w.tile
	a.b, a.bl, a.k, a.ai, a.al, a.ci = sums, cols, points, points, 1, cols
	for r := range runs {
		r0, r1 := part(9, runs, r), part(9, runs, r+1)
		a.a, a.c = t.back[t.m][r0*points:], taps[r0*cols:]
		t.k.tiles[r1-r0](a)
	}
	dw := t.dw[(k*t.s.C+c)*9:][:9*min(cols, t.s.C-c)]
	for i := range len(dw) / 9 {
		g := (*[9]float32)(dw[9*i:])
		for tap := range g {
			g[tap] = taps[tap*cols+i]
		}
	}
}
