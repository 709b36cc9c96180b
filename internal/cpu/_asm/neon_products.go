package main

import "fmt"

// products writes the register tiles of matrix products: 1 … neonRows rows by
// 16 columns, and one row by 64. They are tiles of pixels by channels with
// another way to walk through the operands.
func (g *neon) products() {
	names := []string{"nil"}
	for m := 1; m <= neonRows; m++ {
		name := fmt.Sprintf("tileNEONx%d", m)
		(&neonTile{neon: g, m: m, n: 2}).product(name)
		names = append(names, name)
	}
	g.list("tilesNEON", "tileArgs", names)
	(&neonTile{neon: g, m: 1, n: 8}).product("rowNEON")
}

// Registers that such a tile uses otherwise: the steps from column to column
// in a, from row to row in b, and in c.
const regAl, regBl, regCi = regX, regStep, regOffs

// product writes a tile of rows by columns.
func (t *neonTile) product(name string) {
	t.kernel(name, "tileArgs", fmt.Sprintf("is tilePortable for %d rows by %d columns.", t.m, 8*t.n))
	for _, v := range vecs(0, 2*t.m*t.n) {
		t.op("VEOR %v.B16, %v.B16, %v.B16", v, v, v)
	}
	t.load(tileA, t.pixel(0))
	t.loadBytes(tileAi, regSpare)
	for i := 1; i < t.m; i++ {
		t.op("ADD %v, %v, %v", regSpare, t.pixel(i-1), t.pixel(i))
	}
	t.load(tileB, regWeights)
	t.loadBytes(tileAl, regAl)
	t.loadBytes(tileBl, regBl)
	t.loadBytes(tileCi, regCi)
	t.load(tileK, regSteps)
	t.op("CBZ %v, summed", regSteps)
	t.label("step")
	t.number(0, true)
	for i := range t.m {
		t.op("ADD %v, %v", regAl, t.pixel(i))
	}
	t.op("ADD %v, %v", regBl, regWeights)
	t.loop(regSteps, "step")
	t.label("summed")
	t.finishProduct()
}

// finishProduct adds bias and addend, limits and stores the sums.
func (t *neonTile) finishProduct() {
	one := t.input(0)
	t.load(tileBias, regBase)
	t.op("CBZ %v, noBias", regBase)
	for i := range t.m {
		t.op("VLD1R.P 4(%v), [%v.S4]", regBase, one)
		for _, v := range vecs(2*i*t.n, 2*(i+1)*t.n) {
			t.lanewise("fadd", v, v, one)
		}
	}
	t.label("noBias")
	t.load(tileAdd, regBase)
	t.op("CBZ %v, noAdd", regBase)
	t.rows(t.addPair)
	t.label("noAdd")
	t.broadcast(tileLo, one, regSpare)
	t.limit("fmax", one)
	t.broadcast(tileHi, one, regSpare)
	t.limit("fmin", one)
	t.load(tileC, regBase)
	t.rows(func(a, b vec, disp int) { t.storePair(a, b, disp, regBase) })
	t.op("RET")
}

// rows calls f for all sums, row by row, with regBase at the row.
func (t *neonTile) rows(f func(a, b vec, disp int)) {
	for i := range t.m {
		for j := range t.n {
			a, b := t.acc(i, j)
			f(a, b, j*blockBytes)
		}
		t.op("ADD %v, %v", regCi, regBase)
	}
}
