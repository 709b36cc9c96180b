package cpu

// winoArgs are the operands of the transforms of F(m×m,3×3): tiles of one row,
// one channel block. Steps count float32 numbers.
type winoArgs struct {
	x      []float32 // in: tile t of the input begins at t·m·L, a row xRow on; out: point p of tile t at p·xPoint + t·L
	y      []float32 // in: point p of tile t at p·yPoint + t·L; out: tile t begins at t·m·L (pool: t·m/2·L), a row yRow on
	add    []float32 // out: laid out like y, a row addRow on; or nil; may be y
	bias   []float32 // out: (L)
	tmp    []float32 // a·a·L numbers of scratch
	consts []float32 // winogradConsts
	n      int       // tiles
	xRow   int
	xPoint int
	yRow   int
	yPoint int
	addRow int
	lo     float32
	hi     float32
}

// winoInPortable computes V = Bᵀ·d·B for the a×a input pixels d of each tile:
// point i·a+j of tile t is V[i,j].
func winoInPortable(t *winoArgs, m int) {
	f, a := &winograds[m], m+2
	for n := range t.n {
		for v := range blockLanes {
			var d, e [8][8]float32
			for i := range a {
				for j := range a {
					d[i][j] = t.x[i*t.xRow+(n*m+j)*blockLanes+v]
				}
			}
			for j := range a { // e = Bᵀ·d
				for i := range a {
					e[i][j] = weighted(f.bt[i], func(k int) float32 { return d[k][j] })
				}
			}
			for i := range a {
				for j := range a {
					t.y[(i*a+j)*t.yPoint+n*blockLanes+v] = weighted(f.bt[j], func(k int) float32 { return e[i][k] })
				}
			}
		}
	}
}

// weighted is Σ f[k]·x(k) over the factors that are not zero.
func weighted(f []float32, x func(k int) float32) (sum float32) {
	for k, w := range f {
		if w != 0 {
			sum += w * x(k)
		}
	}
	return sum
}

// product sets y = Aᵀ·M·A for lane v of tile n.
func (t *winoArgs) product(y *[6][6]float32, m, n, v int) {
	f, a := &winograds[m], m+2
	var e [8][6]float32
	for i := range a {
		for j := range m {
			e[i][j] = weighted(f.at[j], func(k int) float32 { return t.x[(i*a+k)*t.xPoint+n*blockLanes+v] })
		}
	}
	for i := range m {
		for j := range m {
			y[i][j] = weighted(f.at[i], func(k int) float32 { return e[k][j] })
		}
	}
}

// clamped limits v, letting NaN through.
func (t *winoArgs) clamped(v float32) float32 {
	if v < t.lo {
		v = t.lo
	}
	if v > t.hi {
		v = t.hi
	}
	return v
}

// winoOutPortable computes the m×m outputs of each tile,
// y = clamp(bias + add + Aᵀ·M·A), where M[i,j] is point i·a+j.
func winoOutPortable(t *winoArgs, m int) {
	for n := range t.n {
		for v := range blockLanes {
			var y [6][6]float32
			t.product(&y, m, n, v)
			for i := range m {
				for j := range m {
					sum := y[i][j] + t.bias[v]
					if t.add != nil {
						sum += t.add[i*t.addRow+(n*m+j)*blockLanes+v]
					}
					t.y[i*t.yRow+(n*m+j)*blockLanes+v] = t.clamped(sum)
				}
			}
		}
	}
}

// winoPoolPortable computes the m/2×m/2 maxima over 2×2 outputs of each tile.
func winoPoolPortable(t *winoArgs, m int) {
	for n := range t.n {
		for v := range blockLanes {
			var y [6][6]float32
			t.product(&y, m, n, v)
			for i := range m / 2 {
				for j := range m / 2 {
					largest := max(y[2*i][2*j], y[2*i][2*j+1], y[2*i+1][2*j], y[2*i+1][2*j+1])
					t.y[i*t.yRow+(n*m/2+j)*blockLanes+v] = t.clamped(largest + t.bias[v])
				}
			}
		}
	}
}

// winoSet lists f by m.
func winoSet(f func(t *winoArgs, m int)) []func(*winoArgs) {
	set := make([]func(*winoArgs), 7)
	for _, m := range winogradTiles {
		set[m] = func(t *winoArgs) { f(t, m) }
	}
	return set
}
