package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tiles writes the register tiles of 1 … s.rows rows by two vectors, once with
// rows of b at a fixed step and once (strips) at listed offsets with masked
// columns; and the one-row tile of eight vectors.
func tiles(s isa) {
	list, strips := "", ""
	for m := 1; m <= s.rows; m++ {
		name := fmt.Sprintf("tile%sx%d", s.name, m)
		tile(s, name, m, 2, false)
		tile(s, "strip"+name[4:], m, 2, true)
		list += ", " + name
		strips += ", strip" + name[4:]
	}
	tile(s, "row"+s.name, 1, 8, false)
	fmt.Fprintf(&stubs, "var tiles%s = [...]func(*tileArgs){nil%s}\n\nvar strips%s = [...]func(*tileArgs){nil%s}\n\n", s.name, list, s.name, strips)
}

// tile writes a tile of m rows by n vectors. Accumulators stay in registers
// for the whole sum: each step loads a row of b and, for each row of a, one
// number that is multiplied with all of it.
func tile(s isa, name string, m, n int, strip bool) {
	doc := "is tilePortable for %d rows by %d columns."
	if strip {
		doc = "is stripPortable for %d rows by up to %d columns."
	}
	arg := kernel(name, "tileArgs", fmt.Sprintf(doc, m, n*s.lanes))
	acc := func(i, j int) reg.VecPhysical { return s.v(i*n + j) }
	row := func(j int) reg.VecPhysical { return s.v(m*n + j) }
	one := func(i int) reg.VecPhysical { return s.v(m*n + n + i%min(2, s.regs-m*n-n)) }
	if m == 1 && !strip { // b is used from memory
		one = func(int) reg.VecPhysical { return s.v(n) }
	}

	k, offs := load(arg(tileK)), GP64()
	b, bl := load(arg(tileB)), GP64()
	if strip {
		MOVQ(arg(tileOffs), offs)
		if s.bytes == 64 {
			masks512(arg(tileCols))
		} else {
			MOVQ(arg(tileMask), bl)
		}
	} else {
		MOVQ(arg(tileBl), bl)
		SHLQ(operand.Imm(2), bl)
	}
	al := loadBytes(arg(tileAl))
	bases, a := rowsOf(load(arg(tileA)), loadBytes(arg(tileAi)), m)

	for i := range m {
		for j := range n {
			VXORPS(acc(i, j), acc(i, j), acc(i, j))
		}
	}
	// step multiplies one row of b, and is done k times.
	step := func(name string, masked bool) {
		Label(name)
		if strip {
			at := GP64()
			MOVQ(operand.Mem{Base: offs}, at)
			ADDQ(operand.Imm(8), offs)
			for j := range n {
				if from := indexed(b, at, 4, j*s.bytes); masked {
					loadMasked(s, from, row(j), j, bl)
				} else {
					VMOVUPS(from, row(j))
				}
			}
		} else if m > 1 {
			for j := range n {
				VMOVUPS(at(b, j*s.bytes), row(j))
			}
		}
		for i := range m {
			VBROADCASTSS(a(i), one(i))
			for j := range n {
				if m == 1 && !strip {
					VFMADD231PS(at(b, j*s.bytes), one(i), acc(i, j))
				} else {
					VFMADD231PS(row(j), one(i), acc(i, j))
				}
			}
		}
		if !strip {
			ADDQ(bl, b)
		}
		for _, r := range bases {
			ADDQ(al, r)
		}
		DECQ(k)
		JNZ(operand.LabelRef(name))
	}
	TESTQ(k, k)
	JZ(operand.LabelRef("done"))
	if strip && s.dearMasks() {
		CMPQ(arg(tileCols), operand.I32(int32(n*s.lanes)))
		JLT(operand.LabelRef("step"))
		step("full", false)
		JMP(operand.LabelRef("done"))
	}
	step("step", strip)
	Label("done")
	tileEnd(s, arg, m, n, acc, strip, bl)
	end()
}

// dearMasks reports whether a masked load or store costs several plain ones:
// AVX2's do on AMD's processors, AVX-512's do not.
func (s isa) dearMasks() bool { return s.bytes != 64 }

// rowsOf returns how to address m rows that lie step bytes apart, and the
// registers to advance for their next column: x86 adds a register's single or
// double to an address, so there is one for every third row.
func rowsOf(first, step reg.GPVirtual, m int) (bases []reg.GPVirtual, row func(i int) operand.Mem) {
	bases = []reg.GPVirtual{first}
	for i := 3; i < m; i += 3 {
		r := GP64()
		LEAQ(indexed(bases[len(bases)-1], step, 2, 0), r)
		ADDQ(step, r)
		bases = append(bases, r)
	}
	return bases, func(i int) operand.Mem {
		if i%3 == 0 {
			return at(bases[i/3], 0)
		}
		return indexed(bases[i/3], step, uint8(i%3), 0)
	}
}

// tileEnd adds bias and add, clamps and stores.
func tileEnd(s isa, arg func(int) operand.Mem, m, n int, acc func(i, j int) reg.VecPhysical, strip bool, mask reg.Register) {
	tmp := s.v(m*n + n - 1)
	bias := load(arg(tileBias))
	TESTQ(bias, bias)
	JZ(operand.LabelRef("noBias"))
	for i := range m {
		VBROADCASTSS(at(bias, 4*i), tmp)
		for j := range n {
			VADDPS(tmp, acc(i, j), acc(i, j))
		}
	}
	Label("noBias")
	ci := loadBytes(arg(tileCi))
	add := load(arg(tileAdd))
	TESTQ(add, add)
	JZ(operand.LabelRef("noAdd"))
	for i := range m {
		for j := range n {
			if strip {
				loadMasked(s, at(add, j*s.bytes), tmp, j, mask)
				VADDPS(tmp, acc(i, j), acc(i, j))
			} else {
				VADDPS(at(add, j*s.bytes), acc(i, j), acc(i, j))
			}
		}
		ADDQ(ci, add)
	}
	Label("noAdd")
	// The accumulator is the last source, so that a NaN passes through.
	lo, hi := s.v(m*n), s.v(m*n+1)
	VBROADCASTSS(arg(tileLo), lo)
	VBROADCASTSS(arg(tileHi), hi)
	for i := range m {
		for j := range n {
			VMAXPS(acc(i, j), lo, acc(i, j))
			VMINPS(acc(i, j), hi, acc(i, j))
		}
	}
	store := func(masked bool) {
		c := load(arg(tileC))
		for i := range m {
			for j := range n {
				if masked {
					storeMasked(s, acc(i, j), at(c, j*s.bytes), j, mask, tmp)
				} else {
					VMOVUPS(acc(i, j), at(c, j*s.bytes))
				}
			}
			if i < m-1 {
				ADDQ(ci, c)
			}
		}
	}
	if strip && s.dearMasks() {
		CMPQ(arg(tileCols), operand.I32(int32(n*s.lanes)))
		JLT(operand.LabelRef("masked"))
		store(false)
		JMP(operand.LabelRef("stored"))
		Label("masked")
		store(true)
		Label("stored")
		return
	}
	store(strip)
}

// masks512 sets K1 and K2 for the first and second vector of cols columns.
func masks512(cols operand.Mem) {
	ones := GP64()
	MOVQ(operand.I32(-1), ones)
	n := load(cols)
	BZHIQ(n, ones, ones)
	KMOVW(ones.As32(), reg.K1)
	SHRQ(operand.Imm(16), ones)
	KMOVW(ones.As32(), reg.K2)
}

var opmask = []reg.Register{reg.K1, reg.K2}

// loadMasked loads vector j of a row, zero beyond the valid columns, without
// touching the memory there. For AVX2 mask points to a table of lane masks.
func loadMasked(s isa, m operand.Mem, v reg.VecPhysical, j int, mask reg.Register) {
	if s.bytes == 64 {
		VMOVUPS_Z(m, opmask[j], v)
		return
	}
	VMOVUPS(at(mask, j*s.bytes), v)
	VMASKMOVPS(m, v, v)
}

// storeMasked stores the valid columns of vector j.
func storeMasked(s isa, v reg.VecPhysical, m operand.Mem, j int, mask reg.Register, tmp reg.VecPhysical) {
	if s.bytes == 64 {
		VMOVUPS(v, opmask[j], m)
		return
	}
	VMOVUPS(at(mask, j*s.bytes), tmp)
	VMASKMOVPS(v, tmp, m)
}
