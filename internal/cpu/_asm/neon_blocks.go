package main

import "fmt"

// neonRows is the largest tile: 6 pixels by two blocks take 24 registers for
// the sums, 6 for input numbers and 2 for weights.
const neonRows = 6

// blocks writes the register tiles of convolutions over channel blocks: 1 …
// neonRows pixels by one or two blocks of output channels, with a block of
// input channels a step or one number.
func (g *neon) blocks() {
	for _, v := range []struct {
		name   string
		n      int
		scalar bool
	}{{"block", 2, false}, {"narrow", 1, false}, {"scalar", 2, true}, {"scalarNarrow", 1, true}} {
		names := []string{"nil"}
		for m := 1; m <= neonRows; m++ {
			t := &neonTile{neon: g, m: m, n: v.n}
			name := fmt.Sprintf("%sNEONx%d", v.name, m)
			t.write(name, v.scalar)
			names = append(names, name)
		}
		g.list(v.name+"NEON", "blockArgs", names)
	}
}

// A neonTile is m pixels by n blocks. Sums lie in the first registers, input
// numbers behind them, weights in what is left.
type neonTile struct {
	*neon
	m, n int
	next int // pair of registers for weights
}

// Registers of a tile; pixels' addresses are from regPixel on.
const (
	regBase gp = iota + 1
	regX
	regOffs
	regWeights
	regSteps
	regStep
	regSpare
	regPixel
)

// acc are the halves of block j of pixel i.
func (t *neonTile) acc(i, j int) (vec, vec) {
	v := vec(2 * (i*t.n + j))
	return v, v + 1
}

// weights is the next free pair of registers.
func (t *neonTile) weights() (vec, vec) {
	first := 2*t.m*t.n + t.m
	t.next = (t.next + 1) % min(2, (32-first)/2)
	v := vec(first + 2*t.next)
	return v, v + 1
}

// input is the register of pixel i's numbers.
func (t *neonTile) input(i int) vec { return vec(2*t.m*t.n + i) }

// pixel is the register with pixel i's address.
func (t *neonTile) pixel(i int) gp { return regPixel + gp(i) }

// write writes a tile of a convolution. The numbers of a pixel lie in the
// lanes of its register; each is multiplied with all its weights in turn.
func (t *neonTile) write(name string, scalar bool) {
	numbers := 8
	if scalar {
		numbers = 1
	}
	t.kernel(name, "blockArgs", fmt.Sprintf("is blockPortable for %d pixels by %d channels, depth %d.", t.m, 8*t.n, numbers))
	t.begin()
	t.label("step")
	t.op("MOVD.P 8(%v), %v", regOffs, t.pixel(0))
	t.op("ADD %v<<2, %v, %v", t.pixel(0), regX, t.pixel(0))
	for i := 1; i < t.m; i++ {
		t.op("ADD %v, %v, %v", regStep, t.pixel(i-1), t.pixel(i))
	}
	for u := range numbers {
		t.number(u, scalar)
	}
	t.op("ADD $%d, %v", numbers*t.n*blockBytes, regWeights)
	t.loop(regSteps, "step")
	t.add()
	t.clamp()
	t.store()
	t.op("RET")
}

// begin loads the arguments and sets the sums to the bias.
func (t *neonTile) begin() {
	t.load(blkBias, regBase)
	for j := range t.n {
		a, b := t.acc(0, j)
		t.loadPair(j*blockBytes, regBase, a, b)
	}
	for i := 1; i < t.m; i++ {
		for j := range 2 * t.n {
			t.move(vec(j), vec(2*i*t.n+j))
		}
	}
	t.load(blkX, regX)
	t.load(blkOffs, regOffs)
	t.load(blkW, regWeights)
	t.load(blkSteps, regSteps)
	t.loadBytes(blkXi, regStep)
}

// number multiplies number u of a step of each pixel with its weights.
func (t *neonTile) number(u int, scalar bool) {
	for i := range t.m {
		if scalar {
			t.op("FMOVS (%v), F%d", t.pixel(i), t.input(i))
		} else if u%4 == 0 {
			t.op("FMOVQ %d(%v), F%d", 4*u, t.pixel(i), t.input(i))
		}
	}
	for j := range t.n {
		w0, w1 := t.weights()
		t.loadPair((u*t.n+j)*blockBytes, regWeights, w0, w1)
		for i := range t.m {
			a, b := t.acc(i, j)
			t.fmla(a, w0, t.input(i), u%4)
			t.fmla(b, w1, t.input(i), u%4)
		}
	}
}

// each calls f for all sums, with the displacement of a pixel from the block's
// first; between blocks it adds the argument at step to regBase.
func (t *neonTile) each(step int, f func(a, b vec, disp int)) {
	for j := range t.n {
		for i := range t.m {
			a, b := t.acc(i, j)
			f(a, b, i*blockBytes)
		}
		if j < t.n-1 {
			t.loadBytes(step, regSpare)
			t.op("ADD %v, %v", regSpare, regBase)
		}
	}
}

// add adds the addend, if there is one.
func (t *neonTile) add() {
	t.load(blkAdd, regBase)
	t.op("CBZ %v, noAdd", regBase)
	t.each(blkAddj, t.addPair)
	t.label("noAdd")
}

// addPair adds the eight numbers at regBase + disp to a and b.
func (t *neonTile) addPair(a, b vec, disp int) {
	w0, w1 := t.weights()
	t.loadPair(disp, regBase, w0, w1)
	t.lanewise("fadd", a, a, w0)
	t.lanewise("fadd", b, b, w1)
}

// limit applies fmax or fmin with v to all sums.
func (t *neonTile) limit(name string, v vec) {
	for _, sum := range vecs(0, 2*t.m*t.n) {
		t.lanewise(name, sum, sum, v)
	}
}

// clamp limits the sums from below and from above, as the arguments say.
func (t *neonTile) clamp() {
	one := t.input(0)
	t.load(blkClamp, regSteps)
	t.op("CBZ %v, store", regSteps)
	t.broadcast(blkLo, one, regSpare)
	t.limit("fmax", one)
	t.op("SUB $1, %v, %v", regSteps, regSteps)
	t.op("CBZ %v, store", regSteps)
	t.broadcast(blkHi, one, regSpare)
	t.limit("fmin", one)
	t.label("store")
}

// store writes the sums to y.
func (t *neonTile) store() {
	t.load(blkY, regBase)
	t.each(blkYj, func(a, b vec, disp int) { t.storePair(a, b, disp, regBase) })
}
