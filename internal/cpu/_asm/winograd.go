package main

import (
	"fmt"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// winograd holds the matrices of F(m×m,3×3): the input is transformed by
// Bᵀ (a,a), a = m+2, and the product by Aᵀ (m,a). They are those of
// internal/cpu/winograd_matrices.go; rows 2k-1 and 2k of Bᵀ, and columns 2k-1
// and 2k of Aᵀ, differ only in the signs of odd places, but for the point 1/2
// of m = 5: see inputRow5.
type winograd struct {
	m      int
	bt, at [][]float32
}

var winograds = []winograd{
	{2, [][]float32{{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}},
		[][]float32{{1, 1, 1, 0}, {0, 1, -1, 1}}},
	{4, [][]float32{{4, 0, -5, 0, 1, 0}, {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0}, {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}},
		[][]float32{{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}}},
	{5, nil,
		[][]float32{{1, 1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0.5, 0}, {0, 1, 1, 4, 4, 0.25, 0}, {0, 1, -1, 8, -8, 0.125, 0}, {0, 1, 1, 16, 16, 0.0625, 1}}},
	{6, [][]float32{{1, 0, -5.25, 0, 5.25, 0, -1, 0}, {0, 1, 1, -4.25, -4.25, 1, 1, 0}, {0, -1, 1, 4.25, -4.25, -1, 1, 0},
		{0, 0.5, 0.25, -2.5, -1.25, 2, 1, 0}, {0, -0.5, 0.25, 2.5, -1.25, -2, 1, 0},
		{0, 2, 4, -2.5, -5, 0.5, 1, 0}, {0, -2, 4, 2.5, -5, -0.5, 1, 0}, {0, -1, 0, 5.25, 0, -5.25, 0, 1}},
		[][]float32{{1, 1, 1, 1, 1, 32, 32, 0}, {0, 1, -1, 2, -2, 16, -16, 0}, {0, 1, 1, 4, 4, 8, 8, 0},
			{0, 1, -1, 8, -8, 4, -4, 0}, {0, 1, 1, 16, 16, 2, 2, 0}, {0, 1, -1, 32, -32, 1, -1, 1}}},
}

// transforms writes the input and output transforms, and the output transform
// with a 2×2 maximum.
func transforms(s isa) {
	in, out, pool := "", "", ""
	for _, f := range winograds {
		f.input(s)
		f.output(s, false)
		if f.m%2 == 0 {
			f.output(s, true)
			pool += fmt.Sprintf("%d: winoPool%s%d, ", f.m, s.name, f.m)
		}
		in += fmt.Sprintf("%d: winoIn%s%d, ", f.m, s.name, f.m)
		out += fmt.Sprintf("%d: winoOut%s%d, ", f.m, s.name, f.m)
	}
	for _, v := range [][2]string{{"winoIn", in}, {"winoOut", out}, {"winoPool", pool}} {
		fmt.Fprintf(&stubs, "var %s%s = [...]func(*winoArgs){%s}\n\n", v[0], s.name, v[1])
	}
}

// constants are the factors of a transform, in registers where there are
// enough of them, else in the table that the kernel is given.
type constants struct {
	s     isa
	table reg.GPVirtual
	index map[float32]int
	regs  int // how many lie in the last registers
}

// newConstants prepares the absolute factors of rows, ±1 aside.
func newConstants(s isa, arg operand.Mem, table []float32, rows [][]float32, spare int) *constants {
	c := &constants{s, load(arg), map[float32]int{}, 0}
	for _, row := range rows {
		for _, f := range row {
			if f = max(f, -f); f == 0 || f == 1 {
				continue
			}
			if _, ok := c.index[f]; !ok {
				c.index[f] = len(c.index)
			}
		}
	}
	for _, f := range table {
		if i, ok := c.index[f]; ok && i < spare {
			c.regs++
			VMOVUPS(c.mem(table, f), s.v(s.regs-1-i))
		}
	}
	return c
}

// mem is where the table holds f.
func (c *constants) mem(table []float32, f float32) operand.Mem {
	i := slices.Index(table, f)
	if i < 0 {
		panic(fmt.Sprint("no constant ", f))
	}
	return at(c.table, i*c.s.bytes)
}

// of returns the operand for factor f > 0.
func (c *constants) of(f float32) operand.Op {
	if i := c.index[f]; i < c.regs {
		return c.s.v(c.s.regs - 1 - i)
	}
	return c.mem(winogradTable, f)
}

// winogradTable is the order of internal/cpu's table of constants.
var winogradTable = []float32{0.0625, 0.125, 0.25, 0.5, 1.25, 2, 2.5, 4, 4.25, 5, 5.25, 8, 16, 32}

// term is a factor times a register.
type term struct {
	f float32
	v reg.VecPhysical
}

// sum sets dst to the sum of terms; dst is none of them. A term of factor 1
// comes first where there is one.
func (c *constants) sum(dst reg.VecPhysical, terms ...term) {
	terms = slices.DeleteFunc(slices.Clone(terms), func(t term) bool { return t.f == 0 })
	if i := slices.IndexFunc(terms, func(t term) bool { return t.f == 1 }); i > 0 {
		terms[0], terms[i] = terms[i], terms[0]
	}
	first := terms[0]
	switch {
	case first.f != 1:
		if first.f < 0 {
			panic("a sum begins with a negative term")
		}
		VMULPS(c.of(first.f), first.v, dst)
		terms = terms[1:]
	case len(terms) == 1:
		VMOVAPS(first.v, dst)
		return
	case terms[1].f == 1:
		VADDPS(terms[1].v, first.v, dst)
		terms = terms[2:]
	case terms[1].f == -1:
		VSUBPS(terms[1].v, first.v, dst)
		terms = terms[2:]
	default:
		VMOVAPS(first.v, dst)
		terms = terms[1:]
	}
	for _, t := range terms {
		switch {
		case t.f == 1:
			VADDPS(t.v, dst, dst)
		case t.f == -1:
			VSUBPS(t.v, dst, dst)
		case t.f > 0:
			VFMADD231PS(c.of(t.f), t.v, dst)
		default:
			VFNMADD231PS(c.of(-t.f), t.v, dst)
		}
	}
}

// positive reports whether some factor is above zero, so that a sum can begin.
func positive(row []float32, parity int) bool {
	for k, f := range row {
		if k%2 == parity && f > 0 {
			return true
		}
	}
	return false
}

// inputRow sets the a results of Bᵀ·d one after another in a register and
// hands them to emit. d are registers; t three free ones.
func (f winograd) inputRow(c *constants, d, t []reg.VecPhysical, emit func(i int, v reg.VecPhysical)) {
	if f.m == 5 {
		inputRow5(c, d, t, emit)
		return
	}
	a := f.m + 2
	terms := func(row []float32, parity int, sign float32) (out []term) {
		for k, x := range row {
			if parity < 0 || k%2 == parity {
				out = append(out, term{sign * x, d[k]})
			}
		}
		slices.SortStableFunc(out, func(p, q term) int { return rank(p.f) - rank(q.f) })
		return out
	}
	for _, i := range []int{0, a - 1} {
		c.sum(t[0], terms(f.bt[i], -1, 1)...)
		emit(i, t[0])
	}
	for i := 1; i < a-1; i += 2 {
		row, sign := f.bt[i], float32(1)
		if !positive(row, 1) {
			sign = -1
		}
		even, evenSign := terms(row, 0, 1), float32(1)
		if !positive(row, 0) {
			even, evenSign = terms(row, 0, -1), -1
		}
		if evenSign < 0 {
			panic("even part without a positive factor")
		}
		c.sum(t[0], even...)
		c.sum(t[1], terms(row, 1, sign)...)
		p, q := i, i+1
		if sign < 0 {
			p, q = q, p
		}
		VADDPS(t[1], t[0], t[2])
		emit(p, t[2])
		VSUBPS(t[1], t[0], t[0])
		emit(q, t[0])
	}
}

// f4 are the matrices that m = 5 builds on, and half its last point.
var f4 = winograds[1]

const half = 0.5

// inputRow5 is inputRow for m = 5. Its rows but that of the point 1/2 are m = 4's
// times x - 1/2, taken as polynomials: so they are m = 4's of the differences
// d[k+1] - d[k]/2.
func inputRow5(c *constants, d, t []reg.VecPhysical, emit func(i int, v reg.VecPhysical)) {
	c.sum(t[0], term{1, d[5]}, term{4, d[1]}, term{-5, d[3]})
	emit(5, t[0])
	for k := range 6 {
		VFNMADD213PS(d[k+1], c.of(half), d[k])
	}
	f4.inputRow(c, d[:6], t, func(i int, v reg.VecPhysical) {
		if i == 5 {
			i = 6
		}
		emit(i, v)
	})
}

// factors are those that the input transform multiplies with.
func (f winograd) factors() [][]float32 {
	if f.m == 5 {
		return append([][]float32{{half}}, f4.bt...)
	}
	return f.bt
}

// rank puts factors of 1 first, then other positive ones, then negative ones.
func rank(f float32) int {
	switch {
	case f == 1:
		return 0
	case f > 0:
		return 1
	}
	return 2
}

// outputRow sets the m results of Aᵀ·p; p (a registers) is overwritten and t
// are two free ones.
func (f winograd) outputRow(c *constants, p, t []reg.VecPhysical, emit func(i int, v reg.VecPhysical)) {
	a := f.m + 2
	for k := 1; k < a-2; k += 2 { // p[k], p[k+1] become their sum and difference
		VADDPS(p[k+1], p[k], t[0])
		VSUBPS(p[k+1], p[k], p[k+1])
		VMOVAPS(t[0], p[k])
	}
	for i := range f.m {
		var terms []term
		for k := range a {
			switch {
			case k == 0 || k == a-1 || k == a-2 && a%2 == 1:
				terms = append(terms, term{f.at[i][k], p[k]})
			case k%2 == 1:
				terms = append(terms, term{f.at[i][k], p[k+i%2]})
			}
		}
		slices.SortStableFunc(terms, func(p, q term) int { return rank(p.f) - rank(q.f) })
		c.sum(t[i%2], terms...)
		emit(i, t[i%2])
	}
}

// ahead is how many tiles before it is used a point's line is asked for: there
// are too many of them for the processor to guess.
const ahead = 2

// input writes winoIn: the tiles of a row, one by one.
func (f winograd) input(s isa) {
	a := f.m + 2
	arg := kernel(fmt.Sprintf("winoIn%s%d", s.name, f.m), "winoArgs", fmt.Sprintf("is winoInPortable for F(%d×%d,3×3).", f.m, f.m))
	c := newConstants(s, arg(winConsts), winogradTable, f.factors(), s.regs-a-3)
	n, x, y, tmp := load(arg(winN)), load(arg(winX)), load(arg(winY)), load(arg(winTmp))
	row, point := loadBytes(arg(winXRow)), loadBytes(arg(winYPoint))
	d, t := registers(s, 0, a), registers(s, a, a+3)
	p := GP64()
	Label("tile")
	for j := range a {
		MOVQ(x, p)
		for i := range a {
			VMOVUPS(at(p, j*s.bytes), d[i])
			if i < a-1 {
				ADDQ(row, p)
			}
		}
		f.inputRow(c, d, t, func(i int, v reg.VecPhysical) { VMOVUPS(v, at(tmp, (i*a+j)*s.bytes)) })
	}
	// Rows of points lie a·point apart; those of a row, point apart.
	point3, point5, point7 := GP64(), GP64(), GP64()
	LEAQ(indexed(point, point, 2, 0), point3)
	LEAQ(indexed(point, point, 4, 0), point5)
	LEAQ(indexed(point3, point, 4, 0), point7)
	MOVQ(y, p)
	for i := range a {
		for j := range a {
			VMOVUPS(at(tmp, (i*a+j)*s.bytes), d[j])
		}
		f.inputRow(c, d, t, func(j int, v reg.VecPhysical) {
			to := pointAt(p, j, point, point3, point5, point7)
			VMOVUPS(v, to)
			to.Disp += ahead * s.bytes
			PREFETCHT0(to)
		})
		if i < a-1 {
			advance(p, a, point, point3)
		}
	}
	ADDQ(operand.U32(f.m*s.bytes), x)
	ADDQ(operand.U32(s.bytes), y)
	DECQ(n)
	JNZ(operand.LabelRef("tile"))
	end()
}

// pointAt is p + j·point for j < 8.
func pointAt(p reg.Register, j int, point, point3, point5, point7 reg.Register) operand.Mem {
	switch j {
	case 0:
		return at(p, 0)
	case 3:
		return indexed(p, point3, 1, 0)
	case 5:
		return indexed(p, point5, 1, 0)
	case 6:
		return indexed(p, point3, 2, 0)
	case 7:
		return indexed(p, point7, 1, 0)
	}
	return indexed(p, point, uint8(j), 0)
}

// advance adds a·point to p for a = 4, 6, 7, 8.
func advance(p reg.Register, a int, point, point3 reg.Register) {
	if a == 6 {
		LEAQ(indexed(p, point3, 2, 0), p)
		return
	}
	LEAQ(indexed(p, point, 4, 0), p)
	switch a {
	case 7:
		ADDQ(point3, p)
	case 8:
		LEAQ(indexed(p, point, 4, 0), p)
	}
}

func registers(s isa, lo, hi int) (out []reg.VecPhysical) {
	for i := lo; i < hi; i++ {
		out = append(out, s.v(i))
	}
	return out
}

// output writes winoOut or winoPool.
func (f winograd) output(s isa, pool bool) {
	a, kind := f.m+2, "winoOut"
	if pool {
		kind = "winoPool"
	}
	arg := kernel(fmt.Sprintf("%s%s%d", kind, s.name, f.m), "winoArgs", fmt.Sprintf("is %sPortable for F(%d×%d,3×3).", kind, f.m, f.m))
	c := newConstants(s, arg(winConsts), winogradTable, f.at, s.regs-a-6)
	n, x, y, tmp := load(arg(winN)), load(arg(winX)), load(arg(winY)), load(arg(winTmp))
	point, row := loadBytes(arg(winXPoint)), loadBytes(arg(winYRow))
	d, t := registers(s, 0, a), registers(s, a, a+2)
	end4 := registers(s, a+2, a+6) // free for the epilogue
	p, bias, add := GP64(), load(arg(winBias)), load(arg(winAdd))
	Label("tile")
	MOVQ(x, p)
	for i := range a {
		for j := range a {
			VMOVUPS(at(p, 0), d[j])
			PREFETCHT0(at(p, ahead*s.bytes))
			if i*a+j < a*a-1 {
				ADDQ(point, p)
			}
		}
		f.outputRow(c, d, t, func(j int, v reg.VecPhysical) { VMOVUPS(v, at(tmp, (i*f.m+j)*s.bytes)) })
	}
	if !pool {
		TESTQ(add, add)
		JNZ(operand.LabelRef("adding"))
	}
	finish := func(v reg.VecPhysical) { // accumulator last: NaN passes through
		VBROADCASTSS(arg(winLo), end4[2])
		VMAXPS(v, end4[2], v)
		VBROADCASTSS(arg(winHi), end4[2])
		VMINPS(v, end4[2], v)
	}
	column := func(j int, emit func(i int, v reg.VecPhysical)) {
		for i := range a {
			VMOVUPS(at(tmp, (i*f.m+j)*s.bytes), d[i])
		}
		f.outputRow(c, d, t, emit)
	}
	if pool {
		f.pooled(s, column, func(v reg.VecPhysical) {
			VADDPS(at(bias, 0), v, v)
			finish(v)
		}, y, row, tmp, end4)
		ADDQ(operand.U32(f.m/2*s.bytes), y)
	} else {
		for _, adding := range []bool{false, true} {
			if adding {
				Label("adding")
				addRow := loadBytes(arg(winAddRow))
				f.columns(s, column, func(i, j int, v reg.VecPhysical, q, qa reg.Register) {
					VADDPS(at(bias, 0), v, v)
					VADDPS(at(qa, j*s.bytes), v, v)
					finish(v)
					VMOVUPS(v, at(q, j*s.bytes))
					if i < f.m-1 {
						ADDQ(row, q)
						ADDQ(addRow, qa)
					}
				}, y, add)
				ADDQ(operand.U32(f.m*s.bytes), add)
			} else {
				f.columns(s, column, func(i, j int, v reg.VecPhysical, q, _ reg.Register) {
					VADDPS(at(bias, 0), v, v)
					finish(v)
					VMOVUPS(v, at(q, j*s.bytes))
					if i < f.m-1 {
						ADDQ(row, q)
					}
				}, y, nil)
				JMP(operand.LabelRef("stored"))
			}
		}
		Label("stored")
		ADDQ(operand.U32(f.m*s.bytes), y)
	}
	ADDQ(operand.U32(s.bytes), x)
	DECQ(n)
	JNZ(operand.LabelRef("tile"))
	end()
}

// columns finishes and stores the m columns of a tile.
func (f winograd) columns(s isa, column func(int, func(int, reg.VecPhysical)), store func(i, j int, v reg.VecPhysical, q, qa reg.Register), y, add reg.Register) {
	q, qa := GP64(), GP64()
	for j := range f.m {
		MOVQ(y, q)
		if add != nil {
			MOVQ(add, qa)
		}
		column(j, func(i int, v reg.VecPhysical) { store(i, j, v, q, qa) })
	}
}

// pooled stores the maxima of 2×2 results. The even column of a pair waits in
// tmp, whose column has been read by then.
func (f winograd) pooled(s isa, column func(int, func(int, reg.VecPhysical)), finish func(reg.VecPhysical), y, row, tmp reg.Register, free []reg.VecPhysical) {
	q := GP64()
	for j := 0; j < f.m; j += 2 {
		column(j, func(i int, v reg.VecPhysical) {
			if i%2 == 0 {
				VMOVAPS(v, free[0])
				return
			}
			larger(s, v, free[0], free[1])
			VMOVUPS(free[0], at(tmp, (i*f.m+j)*s.bytes))
		})
		MOVQ(y, q)
		column(j+1, func(i int, v reg.VecPhysical) {
			if i%2 == 0 {
				VMOVAPS(v, free[0])
				return
			}
			larger(s, v, free[0], free[1])
			VMOVUPS(at(tmp, (i*f.m+j)*s.bytes), free[3])
			larger(s, free[3], free[0], free[1])
			finish(free[0])
			VMOVUPS(free[0], at(q, j/2*s.bytes))
			if i < f.m-1 {
				ADDQ(row, q)
			}
		})
	}
}
