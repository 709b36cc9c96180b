package main

import "strings"

// Registers of the elementwise kernels.
const (
	regY gp = iota + 1
	regA
	regB
	regG
	regN
	regTmp
)

// vecScalar is the register of s[0]; the others follow.
const vecScalar vec = 16

// vectors writes the elementwise kernels, four numbers at a time.
func (g *neon) vectors() {
	g.elementwise("clamp", "a", 2, func(a, b, y vec) {
		g.lanewise("fmax", y, a, vecScalar)
		g.lanewise("fmin", y, y, vecScalar+1)
	})
	g.elementwise("add", "ab", 0, func(a, b, y vec) { g.lanewise("fadd", y, a, b) })
	g.elementwise("mul", "ab", 0, func(a, b, y vec) { g.lanewise("fmul", y, a, b) })
	g.elementwise("max", "ab", 0, func(a, b, y vec) { g.lanewise("fmax", y, a, b) })
	g.elementwise("axpy", "ay", 1, func(a, b, y vec) { g.op("VFMLA %v.S4, %v.S4, %v.S4", vecScalar, a, y) })
	g.elementwise("lerp", "ay", 1, func(a, b, y vec) {
		g.lanewise("fsub", b, a, y)
		g.op("VFMLA %v.S4, %v.S4, %v.S4", vecScalar, b, y)
	})
	g.elementwise("reluGrad", "ab", 2, func(a, b, y vec) {
		g.lanewise("fcmgt", y, b, vecScalar)
		g.lanewise("fcmgt", b, vecScalar+1, b)
		g.op("VAND %v.B16, %v.B16, %v.B16", b, y, y)
		g.op("VAND %v.B16, %v.B16, %v.B16", a, y, y)
	})
	g.adam()
	g.sumUp()
}

// vecBegin starts a kernel with that many scalars.
func (g *neon) vecBegin(kind string, scalars int) {
	g.kernel(kind+"NEON", "vecArgs", "is "+kind+"Portable, n counting vectors of 4.")
	for i := range scalars {
		g.broadcast(vecS+4*i, vecScalar+vec(i), regTmp)
	}
	g.load(vecY, regY)
	g.load(vecA, regA)
	g.load(vecB, regB)
	g.load(vecG, regG)
	g.load(vecN, regN)
	g.op("CBZ %v, done", regN)
	g.label("vector")
}

// vecEnd stores y and closes the loop.
func (g *neon) vecEnd(y vec) {
	g.op("FMOVQ.P F%d, %d(%v)", y, halfBytes, regY)
	g.loop(regN, "vector")
	g.label("done")
	g.op("RET")
}

// elementwise writes a kernel that sets y from those of a, b and y that it
// loads.
func (g *neon) elementwise(kind, loads string, scalars int, f func(a, b, y vec)) {
	const a, b, y vec = 0, 1, 2
	g.vecBegin(kind, scalars)
	if strings.Contains(loads, "a") {
		g.next(a, regA)
	}
	if strings.Contains(loads, "b") {
		g.next(b, regB)
	}
	if strings.Contains(loads, "y") {
		g.op("FMOVQ (%v), F%d", regY, y)
	}
	f(a, b, y)
	g.vecEnd(y)
}

// next loads v from r, which moves on.
func (g *neon) next(v vec, r gp) { g.op("FMOVQ.P %d(%v), F%d", halfBytes, r, v) }

// adam writes a step of Adam: p in y, m in a, v in b.
func (g *neon) adam() {
	const p, m, v, gi, t vec = 0, 1, 2, 3, 4
	s := func(i int) vec { return vecScalar + vec(i) }
	fma := func(d, a, b vec) { g.op("VFMLA %v.S4, %v.S4, %v.S4", a, b, d) }
	g.vecBegin("adam", 10)
	g.op("FMOVQ (%v), F%d", regY, p)
	g.op("FMOVQ (%v), F%d", regA, m)
	g.op("FMOVQ (%v), F%d", regB, v)
	g.next(gi, regG)
	g.lanewise("fmul", gi, gi, s(9))
	fma(gi, s(4), p)
	g.lanewise("fmul", m, m, s(0))
	fma(m, s(1), gi)
	g.lanewise("fmul", gi, gi, gi)
	g.lanewise("fmul", v, v, s(2))
	fma(v, s(3), gi)
	g.op("FMOVQ.P F%d, %d(%v)", m, halfBytes, regA)
	g.op("FMOVQ.P F%d, %d(%v)", v, halfBytes, regB)
	g.sqrt(t, v)
	g.lanewise("fmul", t, t, s(7))
	g.lanewise("fadd", t, t, s(8))
	g.lanewise("fmul", m, m, s(6))
	g.lanewise("fdiv", m, m, t)
	g.lanewise("fmul", p, p, s(5))
	g.lanewise("fsub", p, p, m)
	g.vecEnd(p)
}

// sumUp writes the sum: four vectors of sums that do not wait for each other.
func (g *neon) sumUp() {
	g.kernel("sumNEON", "vecArgs", "is sumPortable, n counting vectors of 4.")
	g.load(vecA, regA)
	g.load(vecN, regN)
	for _, v := range vecs(0, 4) {
		g.op("VEOR %v.B16, %v.B16, %v.B16", v, v, v)
	}
	for _, n := range []int{4, 1} {
		g.label("vectors%d", n)
		g.op("CMP $%d, %v", n, regN)
		g.op("BLT fewer%d", n)
		for _, v := range vecs(0, n) {
			g.next(v+4, regA)
			g.lanewise("fadd", v, v, v+4)
		}
		g.op("SUB $%d, %v", n, regN)
		g.op("B vectors%d", n)
		g.label("fewer%d", n)
	}
	g.lanewise("fadd", 0, 0, 1)
	g.lanewise("fadd", 2, 2, 3)
	g.lanewise("fadd", 0, 0, 2)
	g.lanewise("faddp", 0, 0, 0)
	g.lanewise("faddp", 0, 0, 0)
	g.load(vecY, regY)
	g.op("FMOVS F0, (%v)", regY)
	g.op("RET")
}
