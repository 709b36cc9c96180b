package main

import (
	"fmt"
	"slices"
)

// transforms writes Winograd's transforms. A tile is transformed half by half:
// the channels do not meet.
func (g *neon) transforms() {
	for _, v := range []struct {
		kind  string
		write func(f winograd, name string)
	}{{"winoIn", g.winoIn}, {"winoOut", g.winoOut}, {"winoPool", g.winoPool}} {
		var names []string
		for _, f := range winograds {
			name := fmt.Sprintf("%sNEON%d", v.kind, f.m)
			g.kernel(name, "winoArgs", fmt.Sprintf("is %sPortable for F(%d×%d,3×3).", v.kind, f.m, f.m))
			v.write(f, name)
			names = append(names, fmt.Sprintf("%d: %s", f.m, name))
		}
		g.list(v.kind+"NEON", "winoArgs", names)
	}
}

// Registers of a transform.
const (
	winCount gp = iota + 1
	winFrom
	winTo
	winScratch
	winStepIn
	winStepOut
	winStepAdd
	winAddend
	winHalf
	winP
	winQ
)

// Vector registers of a transform: numbers come first, factors last.
const (
	winT    vec = 8  // to 11, for results
	winHold vec = 12 // to 14, for maxima
	winLow  vec = 15
	winHigh vec = 16
	winBia  vec = 17
)

// factors loads the absolute factors of rows, 0 and 1 aside, into the last
// registers.
func (g *neon) factors(rows [][]float32) map[float32]vec {
	of := map[float32]vec{}
	g.load(winConsts, winP)
	for i, f := range winogradTable {
		if slices.ContainsFunc(rows, func(row []float32) bool { return slices.Contains(row, f) || slices.Contains(row, -f) }) {
			of[f] = vec(31 - len(of))
			g.op("FMOVQ %d(%v), F%d", i*blockBytes, winP, of[f])
		}
	}
	return of
}

// A factor times a register.
type scaled struct {
	f float32
	v vec
}

// sum sets d to the sum of terms, of which one has a positive factor. It
// begins with those of factor 1.
func (g *neon) sum(of map[float32]vec, d vec, terms []scaled) {
	terms = slices.DeleteFunc(terms, func(t scaled) bool { return t.f == 0 })
	slices.SortStableFunc(terms, func(p, q scaled) int { return rank(p.f) - rank(q.f) })
	first := terms[0]
	switch {
	case first.f < 0:
		panic("a sum without a positive factor")
	case first.f != 1:
		g.lanewise("fmul", d, first.v, of[first.f])
	default:
		g.move(first.v, d)
	}
	for _, t := range terms[1:] {
		switch {
		case t.f == 1:
			g.lanewise("fadd", d, d, t.v)
		case t.f == -1:
			g.lanewise("fsub", d, d, t.v)
		case t.f > 0:
			g.op("VFMLA %v.S4, %v.S4, %v.S4", of[t.f], t.v, d)
		default:
			g.op("VFMLS %v.S4, %v.S4, %v.S4", of[-t.f], t.v, d)
		}
	}
}

// inputRow hands the results of Bᵀ·d to emit in their order. Those of a pair
// of rows are the sum and the difference of the even and the odd terms.
func (g *neon) inputRow(f winograd, of map[float32]vec, d []vec, emit func(i int, v vec)) {
	a := f.m + 2
	part := func(t vec, i, from, step int) {
		var terms []scaled
		for k := from; k < a; k += step {
			terms = append(terms, scaled{f.bt[i][k], d[k]})
		}
		g.sum(of, t, terms)
	}
	for i := 0; i < a; i++ {
		if i == 0 || i == a-1 {
			part(winT, i, 0, 1)
			emit(i, winT)
			continue
		}
		part(winT, i, 0, 2)
		part(winT+1, i, 1, 2)
		g.lanewise("fadd", winT+2, winT, winT+1)
		g.lanewise("fsub", winT+3, winT, winT+1)
		emit(i, winT+2)
		emit(i+1, winT+3)
		i++
	}
}

// outputRow hands the results of Aᵀ·p to emit in their order; p is overwritten.
func (g *neon) outputRow(f winograd, of map[float32]vec, p []vec, emit func(i int, v vec)) {
	a, free := f.m+2, winT
	p = slices.Clone(p)
	for k := 1; k < a-1; k += 2 { // p[k], p[k+1] become their sum and difference
		g.lanewise("fadd", free, p[k], p[k+1])
		g.lanewise("fsub", p[k+1], p[k], p[k+1])
		p[k], free = free, p[k]
	}
	for i := range f.m {
		terms := []scaled{{f.at[i][0], p[0]}, {f.at[i][a-1], p[a-1]}}
		for k := 1; k < a-1; k += 2 {
			terms = append(terms, scaled{f.at[i][k], p[k+i%2]})
		}
		t := winT + 1 + vec(i%2)
		g.sum(of, t, terms)
		emit(i, t)
	}
}

// halves writes the loop over tiles and halves; the body does one half, which
// lies at winFrom and winTo, and with add at winAddend. A tile ends from and to
// bytes behind its beginning.
func (g *neon) halves(from, to int, add bool, body func()) {
	g.load(winN, winCount)
	g.load(winTmp, winScratch)
	g.label("tile")
	g.op("MOVD $2, %v", winHalf)
	g.label("half")
	body()
	pointers := map[gp]int{winFrom: from, winTo: to}
	if add {
		pointers[winAddend] = to
	}
	for r := winFrom; r <= winAddend; r++ {
		if _, ok := pointers[r]; ok {
			g.op("ADD $%d, %v", halfBytes, r)
		}
	}
	g.loop(winHalf, "half")
	for r := winFrom; r <= winAddend; r++ {
		if size, ok := pointers[r]; ok && size > blockBytes {
			g.op("ADD $%d, %v", size-blockBytes, r)
		}
	}
	g.loop(winCount, "tile")
	g.op("RET")
}

// keep writes result v to place i of the scratch memory, take loads it.
func (g *neon) keep(i int, v vec) { g.op("FMOVQ F%d, %d(%v)", v, i*halfBytes, winScratch) }
func (g *neon) take(i int, v vec) { g.op("FMOVQ %d(%v), F%d", i*halfBytes, winScratch, v) }

// winoIn writes an input transform.
func (g *neon) winoIn(f winograd, _ string) {
	a := f.m + 2
	d, of := vecs(0, a), g.factors(f.bt)
	g.load(winX, winFrom)
	g.load(winY, winTo)
	g.loadBytes(winXRow, winStepIn)
	g.loadBytes(winYPoint, winStepOut)
	g.halves(f.m*blockBytes, blockBytes, false, func() {
		for j := range a {
			g.op("ADD $%d, %v, %v", j*blockBytes, winFrom, winP)
			for i := range a {
				g.op("VLD1.P (%v)(%v), [%v.S4]", winP, winStepIn, d[i])
			}
			g.inputRow(f, of, d, func(i int, v vec) { g.keep(i*a+j, v) })
		}
		g.op("MOVD %v, %v", winTo, winP)
		for i := range a {
			for j := range a {
				g.take(i*a+j, d[j])
			}
			g.inputRow(f, of, d, func(_ int, v vec) { g.op("VST1.P [%v.S4], (%v)(%v)", v, winP, winStepOut) })
		}
	})
}

// product begins an output transform: it loads the arguments and returns what
// writes the transform of a half's rows, and of its column j.
func (g *neon) product(f winograd) (rows func(), column func(j int, emit func(i int, v vec))) {
	a := f.m + 2
	d, of := vecs(0, a), g.factors(f.at)
	g.load(winX, winFrom)
	g.load(winY, winTo)
	g.loadBytes(winXPoint, winStepIn)
	g.loadBytes(winYRow, winStepOut)
	g.broadcast(winLo, winLow, winP)
	g.broadcast(winHi, winHigh, winP)
	rows = func() {
		g.op("MOVD %v, %v", winFrom, winP)
		for i := range a {
			for j := range a {
				g.op("VLD1.P (%v)(%v), [%v.S4]", winP, winStepIn, d[j])
			}
			g.outputRow(f, of, d, func(j int, v vec) { g.keep(i*f.m+j, v) })
		}
		g.bias()
	}
	return rows, func(j int, emit func(i int, v vec)) {
		for i := range a {
			g.take(i*f.m+j, d[i])
		}
		g.outputRow(f, of, d, emit)
	}
}

// bias loads the half's part of the bias.
func (g *neon) bias() {
	g.load(winBias, winP)
	g.op("SUB $2, %v, %v", winHalf, winQ)
	g.op("SUB %v<<4, %v, %v", winQ, winP, winP) // 0 or 16 bytes on
	g.op("FMOVQ (%v), F%d", winP, winBia)
}

// finish clamps v and stores it at winP, a row on.
func (g *neon) finish(v vec) {
	g.lanewise("fmax", v, v, winLow)
	g.lanewise("fmin", v, v, winHigh)
	g.op("VST1.P [%v.S4], (%v)(%v)", v, winP, winStepOut)
}

// winoOut writes an output transform.
func (g *neon) winoOut(f winograd, _ string) {
	rows, column := g.product(f)
	g.load(winAdd, winAddend)
	g.loadBytes(winAddRow, winStepAdd)
	g.op("CBZ %v, plain", winAddend)
	size := f.m * blockBytes
	_ = size
	_ = rows
	_ = column
}
