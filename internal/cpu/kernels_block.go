package cpu

// The kernels of feature maps in channel blocks: a block is as many channels
// as a vector has lanes, and a pixel of a block is one vector.

// blockArgs are the operands of a tile of a convolution over channel blocks.
// Steps count float32 numbers. The generator knows the layout of the struct.
type blockArgs struct {
	y     []float32 // out: pixel i of block j at i·lanes + j·yj
	add   []float32 // or nil; pixel i of block j at i·lanes + j·addj; may be y
	bias  []float32 // one for each output channel of the tile
	x     []float32 // pixel i of step s begins at offs[s] + i·xi
	w     []float32 // (steps, numbers a step, output channels of the tile)
	offs  []int     // one more than steps: the kernels look ahead
	steps int
	xi    int
	yj    int
	addj  int
	clamp int // 0: none, 1: lo only, 2: both
	tiles int // how many, side by side
	ahead int // bytes by which each step looks further ahead in what is added or stored
	left  int // the kernels' own, here to line2: steps to do
	line  int
	line2 int

	fetched int // bytes behind next that the call begins to ask for
	fetch   int // bytes by which it goes on for every fetchSteps numbers of input
	lo      float32
	hi      float32
	next    []float32 // weights that are needed next, or nil
}

// blockPortable computes, for i < tiles·pixels, j < blocks and lane v,
//
//	y[i·L+j·yj+v] = clamp(bias[j·L+v] + add[i·L+j·addj+v] + Σ over s < steps, u < depth of
//	    x[offs[s]+i·xi+u] · w[((s·depth+u)·blocks+j)·L+v])
func blockPortable(t *blockArgs, pixels, blocks, depth int) {
	n := t.tiles * pixels
	for i := 0; i < n; i += 2 {
		for j := range blocks {
			for v := 0; v < blockLanes; v += 4 {
				if i+1 < n {
					block2x4(t, i, j, v, blocks, depth)
				} else {
					block1x4(t, i, j, v, blocks, depth)
				}
			}
		}
	}
}

// blockLanes is the length of the portable kernels' pretended vector.
const blockLanes = 8

func block2x4(t *blockArgs, i, j, v, blocks, depth int) {
	var c, d [4]float32
	w, o, step := t.w[j*blockLanes+v:], 0, blocks*blockLanes
	for _, at := range t.offs[:t.steps] {
		x, y := t.x[at+i*t.xi:][:depth], t.x[at+(i+1)*t.xi:][:depth]
		for u, p := range x {
			q, f := y[u], (*[4]float32)(w[o:])
			c[0] += p * f[0]
			c[1] += p * f[1]
			c[2] += p * f[2]
			c[3] += p * f[3]
			d[0] += q * f[0]
			d[1] += q * f[1]
			d[2] += q * f[2]
			d[3] += q * f[3]
			o += step
		}
	}
	t.store(i, j, v, &c)
	t.store(i+1, j, v, &d)
}

func block1x4(t *blockArgs, i, j, v, blocks, depth int) {
	var c [4]float32
	w, o, step := t.w[j*blockLanes+v:], 0, blocks*blockLanes
	for _, at := range t.offs[:t.steps] {
		for _, p := range t.x[at+i*t.xi:][:depth] {
			f := (*[4]float32)(w[o:])
			c[0] += p * f[0]
			c[1] += p * f[1]
			c[2] += p * f[2]
			c[3] += p * f[3]
			o += step
		}
	}
	t.store(i, j, v, &c)
}

// store finishes four sums of pixel i and block j from lane v on.
func (t *blockArgs) store(i, j, v int, sums *[4]float32) {
	for n, sum := range sums {
		sum += t.bias[j*blockLanes+v+n]
		if t.add != nil {
			sum += t.add[i*blockLanes+j*t.addj+v+n]
		}
		if t.clamp > 0 && sum < t.lo {
			sum = t.lo
		}
		if t.clamp > 1 && sum > t.hi {
			sum = t.hi
		}
		t.y[i*blockLanes+j*t.yj+v+n] = sum
	}
}

// run computes n pixels by the kernels of a set.
func (t *blockArgs) run(kernels []func(*blockArgs), n, lanes int) {
	next := t.next
	t.fetched, t.fetch = 0, 0
	if next == nil {
		t.next = t.w // a line that is there already
	} else {
		t.fetch = fetchSteps * 4 * lanes * 2 / ceilDiv(n, len(kernels)-1)
	}
	for n > 0 {
		tiles, pixels := nextTiles(n, len(kernels)-1)
		t.tiles, t.ahead = tiles, lookAhead(pixels, t.steps, lanes)
		kernels[pixels](t)
		t.fetched += tiles * t.steps * lanes / fetchSteps * t.fetch
		t.x = t.x[min(tiles*pixels*t.xi, len(t.x)):]
		t.advance(tiles * pixels * lanes)
		n -= tiles * pixels
	}
	t.next = next
}

// fetchSteps is for how many numbers of input a kernel asks once for weights of
// the next call.
const fetchSteps = 4

// lookAhead is how many bytes further each of so many steps must look to have
// seen all pixels of a tile: whole ones.
func lookAhead(pixels, steps, lanes int) int { return 4 * lanes * ceilDiv(pixels, steps) }

// advance moves on in what is stored and added.
func (t *blockArgs) advance(numbers int) {
	t.y = t.y[min(numbers, len(t.y)):]
	if t.add != nil {
		t.add = t.add[min(numbers, len(t.add)):]
	}
}

// nextTiles begins to cut n pixels into tiles of at most rows: as many of the
// largest as leave no small rest, else half of what is left.
func nextTiles(n, rows int) (tiles, pixels int) {
	if n <= rows {
		return 1, n
	}
	tiles = n / rows
	if rest := n % rows; rest > 0 && rest < rows/2 {
		tiles--
	}
	if tiles == 0 {
		return 1, n / 2
	}
	return tiles, rows
}

// blockSet is the list of blockPortable by number of pixels.
func blockSet(blocks, depth int) (set []func(*blockArgs)) {
	set = []func(*blockArgs){nil}
	for pixels := 1; pixels <= 4; pixels++ {
		set = append(set, func(t *blockArgs) { blockPortable(t, pixels, blocks, depth) })
	}
	return set
}

// tapArgs are the operands of the kernels that look at the pixels under a
// window, channel by channel.
type tapArgs struct {
	y     []float32 // out: pixel i at i·lanes
	x     []float32 // pixel i under tap t at offs[t] + i·xi
	w     []float32 // (count, lanes)
	bias  []float32 // (lanes)
	offs  []int
	n     int // pixels
	xi    int
	count int // taps
	lo    float32
	hi    float32
	scale float32
}

// tapMaxPortable computes y[i·L+v] = max(lo, max over t of x[offs[t]+i·xi+v]).
func tapMaxPortable(t *tapArgs) {
	for i := range t.n {
		y := (*[blockLanes]float32)(t.y[i*blockLanes:])
		for v := range y {
			y[v] = t.lo
		}
		for _, o := range t.offs[:t.count] {
			for v, x := range (*[blockLanes]float32)(t.x[o+i*t.xi:]) {
				y[v] = max(y[v], x)
			}
		}
	}
}

// tapSumPortable computes y[i·L+v] = scale · Σ over t of x[offs[t]+i·xi+v].
func tapSumPortable(t *tapArgs) {
	for i := range t.n {
		var sum [blockLanes]float32
		for _, o := range t.offs[:t.count] {
			for v, x := range (*[blockLanes]float32)(t.x[o+i*t.xi:]) {
				sum[v] += x
			}
		}
		y := (*[blockLanes]float32)(t.y[i*blockLanes:])
		for v := range y {
			y[v] = t.scale * sum[v]
		}
	}
}

// tapMulPortable computes
// y[i·L+v] = min(max(bias[v] + Σ over t of w[t·L+v] · x[offs[t]+i·xi+v], lo), hi).
func tapMulPortable(t *tapArgs) {
	for i := range t.n {
		sum := *(*[blockLanes]float32)(t.bias)
		for k, o := range t.offs[:t.count] {
			w := (*[blockLanes]float32)(t.w[k*blockLanes:])
			for v, x := range (*[blockLanes]float32)(t.x[o+i*t.xi:]) {
				sum[v] += w[v] * x
			}
		}
		y := (*[blockLanes]float32)(t.y[i*blockLanes:])
		for v, x := range sum {
			if x < t.lo {
				x = t.lo
			}
			if x > t.hi {
				x = t.hi
			}
			y[v] = x
		}
	}
}

// gatherPortable computes y[i·L+v] = x[i·xi+v] for n pixels.
func gatherPortable(t *tapArgs) {
	for i := range t.n {
		*(*[blockLanes]float32)(t.y[i*blockLanes:]) = *(*[blockLanes]float32)(t.x[i*t.xi:])
	}
}
