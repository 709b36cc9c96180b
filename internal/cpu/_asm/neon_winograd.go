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
		write func(f winograd)
	}{{"winoIn", g.winoIn}, {"winoOut", g.winoOut}, {"winoPool", g.winoPool}} {
		var names []string
		for _, f := range winograds {
			if f.m == 5 { // stays portable
				continue
			}
			name := fmt.Sprintf("%sNEON%d", v.kind, f.m)
			g.kernel(name, "winoArgs", fmt.Sprintf("is %sPortable for F(%d×%d,3×3).", v.kind, f.m, f.m))
			v.write(f)
			names = append(names, fmt.Sprintf("%d: %s", f.m, name))
		}
		g.list(v.kind+"NEON", "winoArgs", names)
	}
}

// Registers of a transform.
const (
	regTiles   gp = iota + 1
	regIn         // the tile's input, of the half
	regOut        // the tile's output
	regAddend     // the tile's addend
	regAdding     // zero where there is none
	regScratch    // a·a halves
	regInStep
	regOutStep
	regAddStep
	regHalf // 0 or 16
	regP
	regQ
)

// Vector registers of a transform: numbers come first, factors last.
const (
	vecResult vec = 8  // to 11
	vecHold   vec = 12 // to 14, for maxima
	vecLo     vec = 15
	vecHi     vec = 16
	vecBias   vec = 17
	vecAdd    vec = 18
)

// factors loads the absolute factors of rows, 0 and 1 aside, into the last
// registers.
func (g *neon) factors(rows [][]float32) map[float32]vec {
	of := map[float32]vec{}
	g.load(winConsts, regP)
	for i, f := range winogradTable {
		if slices.ContainsFunc(rows, func(row []float32) bool { return slices.Contains(row, f) || slices.Contains(row, -f) }) {
			of[f] = vec(31 - len(of))
			g.op("FMOVQ %d(%v), F%d", i*blockBytes, regP, of[f])
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
			part(vecResult, i, 0, 1)
			emit(i, vecResult)
			continue
		}
		part(vecResult, i, 0, 2)
		part(vecResult+1, i, 1, 2)
		g.lanewise("fadd", vecResult+2, vecResult, vecResult+1)
		g.lanewise("fsub", vecResult+3, vecResult, vecResult+1)
		emit(i, vecResult+2)
		emit(i+1, vecResult+3)
		i++
	}
}

// outputRow hands the results of Aᵀ·p to emit in their order; p is overwritten.
func (g *neon) outputRow(f winograd, of map[float32]vec, p []vec, emit func(i int, v vec)) {
	a, free := f.m+2, vecResult
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
		t := vecResult + 1 + vec(i%2)
		g.sum(of, t, terms)
		emit(i, t)
	}
}

// tiles writes the loops over halves and tiles around body, which does a half
// of a tile. It lies in bytes behind the one before, its output out bytes.
func (g *neon) tiles(in, out int, body func()) {
	g.load(winTmp, regScratch)
	g.op("MOVD ZR, %v", regHalf)
	g.label("half")
	g.load(winN, regTiles)
	for _, p := range []struct {
		offset int
		r      gp
	}{{winX, regIn}, {winY, regOut}, {winAdd, regAddend}} {
		g.load(p.offset, p.r)
		g.op("ADD %v, %v", regHalf, p.r)
	}
	g.load(winAdd, regAdding)
	g.label("tile")
	body()
	g.op("ADD $%d, %v", in, regIn)
	g.op("ADD $%d, %v", out, regOut)
	g.op("ADD $%d, %v", out, regAddend)
	g.loop(regTiles, "tile")
	g.op("ADD $%d, %v", halfBytes, regHalf)
	g.op("CMP $%d, %v", blockBytes, regHalf)
	g.op("BNE half")
	g.op("RET")
}

// keep writes v to place i of the scratch memory; take loads it from there.
func (g *neon) keep(i int, v vec) { g.op("FMOVQ F%d, %d(%v)", v, i*halfBytes, regScratch) }
func (g *neon) take(i int, v vec) { g.op("FMOVQ %d(%v), F%d", i*halfBytes, regScratch, v) }

// loadStep and storeStep move r on by step bytes.
func (g *neon) loadStep(r, step gp, v vec)  { g.op("VLD1.P (%v)(%v), [%v.S4]", r, step, v) }
func (g *neon) storeStep(v vec, r, step gp) { g.op("VST1.P [%v.S4], (%v)(%v)", v, r, step) }

// winoIn writes an input transform: the columns, then the rows.
func (g *neon) winoIn(f winograd) {
	a := f.m + 2
	d, of := vecs(0, a), g.factors(f.bt)
	g.loadBytes(winXRow, regInStep)
	g.loadBytes(winYPoint, regOutStep)
	g.tiles(f.m*blockBytes, blockBytes, func() {
		for j := range a {
			g.op("ADD $%d, %v, %v", j*blockBytes, regIn, regP)
			for i := range a {
				g.loadStep(regP, regInStep, d[i])
			}
			g.inputRow(f, of, d, func(i int, v vec) { g.keep(i*a+j, v) })
		}
		g.op("MOVD %v, %v", regOut, regP)
		for i := range a {
			for j := range a {
				g.take(i*a+j, d[j])
			}
			g.inputRow(f, of, d, func(_ int, v vec) { g.storeStep(v, regP, regOutStep) })
		}
	})
}

// product writes an output transform: the rows, then the columns, of which
// emit stores result i of column j. A tile's output is size pixels wide.
func (g *neon) product(f winograd, size int, emit func(i, j int, v vec)) {
	a := f.m + 2
	p, of := vecs(0, a), g.factors(f.at)
	g.loadBytes(winXPoint, regInStep)
	g.loadBytes(winYRow, regOutStep)
	g.loadBytes(winAddRow, regAddStep)
	g.broadcast(winLo, vecLo, regP)
	g.broadcast(winHi, vecHi, regP)
	g.tiles(blockBytes, size*blockBytes, func() {
		g.load(winBias, regP)
		g.op("ADD %v, %v", regHalf, regP)
		g.op("FMOVQ (%v), F%d", regP, vecBias)
		g.op("MOVD %v, %v", regIn, regP)
		for i := range a {
			for j := range a {
				g.loadStep(regP, regInStep, p[j])
			}
			g.outputRow(f, of, p, func(j int, v vec) { g.keep(i*f.m+j, v) })
		}
		for j := range f.m {
			g.op("ADD $%d, %v, %v", j*size/f.m*blockBytes, regOut, regP)
			g.op("ADD $%d, %v, %v", j*size/f.m*blockBytes, regAddend, regQ)
			for i := range a {
				g.take(i*f.m+j, p[i])
			}
			g.outputRow(f, of, p, func(i int, v vec) { emit(i, j, v) })
		}
	})
}

// finish clamps v and stores it at regP, which goes on to the next row.
func (g *neon) finish(v vec) {
	g.lanewise("fmax", v, v, vecLo)
	g.lanewise("fmin", v, v, vecHi)
	g.storeStep(v, regP, regOutStep)
}

// winoOut writes an output transform with bias, addend and limits.
func (g *neon) winoOut(f winograd) {
	g.product(f, f.m, func(i, j int, v vec) {
		g.lanewise("fadd", v, v, vecBias)
		g.op("CBZ %v, sum%d_%d", regAdding, i, j)
		g.loadStep(regQ, regAddStep, vecAdd)
		g.lanewise("fadd", v, v, vecAdd)
		g.label("sum%d_%d", i, j)
		g.finish(v)
	})
}

// winoPool writes an output transform with the maximum of each 2×2 results.
// The maxima of an even column wait for the next.
func (g *neon) winoPool(f winograd) {
	g.product(f, f.m/2, func(i, j int, v vec) {
		hold := vecHold + vec(i/2)
		if i%2 == 0 && j%2 == 0 {
			g.move(v, hold)
			return
		}
		g.lanewise("fmax", hold, hold, v)
		if i%2 == 1 && j%2 == 1 {
			g.lanewise("fadd", hold, hold, vecBias)
			g.finish(hold)
		}
	})
}
