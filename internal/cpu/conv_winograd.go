package cpu

// A 3×3 convolution whose weights learn, by Winograd's minimal filtering: maps
// go into channel blocks and back, and the filters are transformed anew in each
// call. That pays where the batch has many pixels for each filter.

// tiledTask is a convolution by tiles with its maps and weights; a piece of it
// transforms the filters of one panel, of w as panelTask reads it.
type tiledTask struct {
	k       *kernels
	from    panelTask
	conv    BlockConv
	x, y    []float32    // maps in channel blocks
	factors [7][]float32 // by m: G⊗G, (a²,9)
}

// The model of tiling, in multiply-adds, measured with go test -bench Training:
const (
	tiledPoint  = 32 // for each point of a tile and channel, in and out alike
	tiledFilter = 60 // for each point of a filter: transformed, written and read
	tiledTurn   = 60 // for each number of the maps, into blocks or back
)

// tiling returns the way to convolve with weights that serve for one call.
func (s *ConvShape) tiling() Algorithm {
	return s.cheapest(func(_, points, tiles int) int {
		return points*(tiles*(s.C*s.K+tiledPoint*(s.C+s.K))+tiledFilter*s.C*s.K) + tiledTurn*s.N*(s.C*s.H*s.W+s.K*s.OH*s.OW)
	})
}

// cheapest returns the tiles that cost the fewest multiply-adds, of m×m outputs
// with that many points and in that number, or Direct if the plain sum has fewer.
func (s *ConvShape) cheapest(cost func(m, points, tiles int) int) Algorithm {
	if !s.CanWinograd() {
		return Direct
	}
	best, least := Direct, s.N*s.K*s.OH*s.OW*s.depth()
	for _, m := range winogradTiles {
		if c := cost(m, (m+2)*(m+2), s.N*ceilDiv(s.OH, m)*ceilDiv(s.OW, m)); c < least {
			best, least = Algorithm(m), c
		}
	}
	return best
}

// convTiled convolves x with the weights of from by algorithm a.
func (d *Device) convTiled(a Algorithm, y, x []float32, from panelTask, e Epilogue) {
	t, s, l := &d.tiled, from.s, d.Lanes()
	c := &t.conv
	depth := ceilDiv(s.C, l) * l * int(a+2) * int(a+2)
	c.s, c.algorithm, c.size = s, a, ceilDiv(s.K, l)*l*depth
	c.panels = appendPanels(c.panels[:0], s.K, l, depth)
	c.weights = grow(&c.weights, c.size)
	c.bias = grow(&c.bias, ceilDiv(s.K, 2*l)*2*l)
	clear(c.bias[copy(c.bias, e.Bias):])
	t.k, t.from = d.k, from
	if t.factors[a] == nil {
		g := winograds[a].g // G⊗G: the points of a filter g, G·g·Gᵀ, are its product with the filter's nine numbers
		t.factors[a] = kronecker(len(g), 3, func(i, j int) float64 { return g[i][j] })
	}
	d.team.run(len(c.panels), t)
	t.from = panelTask{}

	in := d.Blocks(grow(&t.x, d.BlocksSize(s.N, s.C, s.H, s.W)), s.N, s.C, s.H, s.W)
	out := d.Blocks(grow(&t.y, d.BlocksSize(s.N, s.K, s.OH, s.OW)), s.N, s.K, s.OH, s.OW)
	d.ToBlocks(in, x)
	d.BlockConv(c, out, in, BlockEpilogue{Lo: e.Lo, Hi: e.Hi, Clamp: e.Clamp})
	d.FromBlocks(y, out)
}

// tiledScratch is what convTiled takes.
func (d *Device) tiledScratch(a Algorithm, s ConvShape) Scratch {
	l := d.Lanes()
	return d.BlockConvScratch(s, a).Or(Scratch{
		filters: ceilDiv(s.K, l) * l * ceilDiv(s.C, l) * l * int(a+2) * int(a+2), bias: ceilDiv(s.K, 2*l) * 2 * l,
		in: d.BlocksSize(s.N, s.C, s.H, s.W), out: d.BlocksSize(s.N, s.K, s.OH, s.OW),
		edge: 9 * min(2, ceilDiv(s.K, l)) * l, offs: 9,
	})
}

// piece transforms the filters of one panel, laid out as packTask does, for all
// its output channels at once: points by channels is a product of depth 9.
func (t *tiledTask) piece(w *worker, i int) {
	c, s, l := &t.conv, &t.from.s, t.k.blockLanes()
	p, points := c.panels[i], int(c.algorithm+2)*int(c.algorithm+2)
	cols, k0, depth := p.blocks*l, p.block*l, ceilDiv(s.C, l)*l
	n := min(cols, s.K-k0)
	first, perC, perI := t.from.place(0, k0)
	taps := scratch(w, &w.edge, 9*cols)
	clear(taps)
	offs := scratch(w, &w.offs, 9)
	for tap := range offs {
		offs[tap] = tap * cols
	}
	a := &w.tile
	a.bias, a.add = nil, nil
	a.b, a.offs, a.k, a.cols, a.ai, a.al, a.ci = taps, offs, 9, cols, 9, 1, depth*cols
	if cols <= 16 {
		a.mask = lanes(cols)
	}
	a.unclamped()
	out := c.weights[p.at:][:points*depth*cols]
	runs := ceilDiv(points, t.k.rows)
	for ch := range depth {
		if ch >= s.C { // finite, like the maps' lanes there
			clear(taps)
		} else {
			for tap := range 9 {
				from := t.from.w[first+ch*perC+t.from.tap(tap):]
				for i := range n {
					taps[tap*cols+i] = from[i*perI]
				}
			}
		}
		for r := range runs {
			r0, r1 := part(points, runs, r), part(points, runs, r+1)
			a.a, a.c = t.factors[c.algorithm][9*r0:9*r1], out[(r0*depth+ch)*cols:]
			t.k.strips[r1-r0](a)
		}
	}
}
