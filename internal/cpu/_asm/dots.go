package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dots writes the tiles of dot products: the full tile, one column, one row
// and a single product.
func dots(s isa) {
	list := ""
	for _, d := range [][2]int{{s.dotRows, s.dotCols}, {s.dotRows, 1}, {1, s.dotCols}, {1, 1}} {
		name := fmt.Sprintf("dots%sx%dx%d", s.name, d[0], d[1])
		dot(s, name, d[0], d[1])
		list += ", " + name
	}
	fmt.Fprintf(&stubs, "var dots%s = [...]func(*dotArgs){%s}\n\n", s.name, list[2:])
}

func dot(s isa, name string, m, n int) {
	arg := kernel(name, "dotArgs", fmt.Sprintf("is dotsPortable for %d rows of a by %d rows of b.", m, n))
	acc := func(i, j int) reg.VecPhysical { return s.v(i*n + j) }
	va := func(i int) reg.VecPhysical { return s.v(m*n + i) }
	vb := func(j int) reg.VecPhysical { return s.v(m*n + m + j%min(2, s.regs-m*n-m)) }

	a, b, mask := load(arg(dotA)), load(arg(dotB)), GP64()
	if s.bytes == 64 {
		masks512(arg(dotCs))
	} else {
		MOVQ(arg(dotMask), mask)
	}
	rowA := fourRows(a, loadBytes(arg(dotAi)))
	list := load(arg(dotOffs))
	offs := make([]reg.GPVirtual, n)
	for j := range n {
		offs[j] = load(at(list, 8*j))
	}
	rowB := func(j int) operand.Mem { return indexed(b, offs[j], 4, 0) }

	for i := range m * n {
		VXORPS(s.v(i), s.v(i), s.v(i))
	}
	rows := AllocLocal(8)
	count := load(arg(dotRows))
	MOVQ(count, rows)
	Label("line")
	MOVQ(arg(dotN), count)
	TESTQ(count, count)
	JZ(operand.LabelRef("tail"))
	multiply := func(load func(m operand.Mem, v reg.VecPhysical)) {
		for i := range m {
			load(rowA(i), va(i))
		}
		for j := range n {
			load(rowB(j), vb(j))
			for i := range m {
				VFMADD231PS(vb(j), va(i), acc(i, j))
			}
		}
	}
	Label("step")
	multiply(func(m operand.Mem, v reg.VecPhysical) { VMOVUPS(m, v) })
	ADDQ(operand.U32(s.bytes), a)
	ADDQ(operand.U32(s.bytes), b)
	DECQ(count)
	JNZ(operand.LabelRef("step"))
	Label("tail")
	MOVQ(arg(dotCs), count)
	TESTQ(count, count)
	JZ(operand.LabelRef("next"))
	multiply(func(m operand.Mem, v reg.VecPhysical) { loadMasked(s, m, v, 0, mask) })
	Label("next")
	MOVQ(arg(dotAp), count)
	LEAQ(indexed(a, count, 4, 0), a)
	MOVQ(arg(dotBp), count)
	LEAQ(indexed(b, count, 4, 0), b)
	DECQ(rows)
	JNZ(operand.LabelRef("line"))

	addSums(s, arg, m, n, acc)
	end()
}

// fourRows returns how to address up to 4 rows that lie step bytes apart, all
// from one register.
func fourRows(first, step reg.GPVirtual) func(i int) operand.Mem {
	triple := GP64()
	LEAQ(indexed(step, step, 2, 0), triple)
	return func(i int) operand.Mem {
		switch i {
		case 0:
			return at(first, 0)
		case 3:
			return indexed(first, triple, 1, 0)
		}
		return indexed(first, step, uint8(i), 0)
	}
}

// addSums adds the lanes of each accumulator to its place in out.
func addSums(s isa, arg func(int) operand.Mem, m, n int, acc func(i, j int) reg.VecPhysical) {
	out, oi := load(arg(dotOut)), loadBytes(arg(dotOi))
	t := s.v(m * n)
	for i := range m {
		for j := range n {
			sumLanes(s, acc(i, j), t)
			VADDSS(at(out, 4*j), acc(i, j).AsX(), acc(i, j).AsX())
			VMOVSS(acc(i, j).AsX(), at(out, 4*j))
		}
		if i < m-1 {
			ADDQ(oi, out)
		}
	}
}

// sumLanes adds up the lanes of v into its lowest.
func sumLanes(s isa, v, t reg.VecPhysical) {
	if s.bytes == 64 {
		VEXTRACTF64X4(operand.Imm(1), v, t.AsY())
		VADDPS(t.AsY(), v.AsY(), v.AsY())
		VEXTRACTF32X4(operand.Imm(1), v.AsY(), t.AsX())
	} else {
		VEXTRACTF128(operand.Imm(1), v.AsY(), t.AsX())
	}
	VADDPS(t.AsX(), v.AsX(), v.AsX())
	VSHUFPS(operand.Imm(0x0e), v.AsX(), v.AsX(), t.AsX())
	VADDPS(t.AsX(), v.AsX(), v.AsX())
	VSHUFPS(operand.Imm(0x01), v.AsX(), v.AsX(), t.AsX())
	VADDSS(t.AsX(), v.AsX(), v.AsX())
}
