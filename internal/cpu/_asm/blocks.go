package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// blocks writes the register tiles of convolutions over channel blocks: 1 …
// s.rows pixels by one or two blocks of output channels, with a vector of
// input channels a step or one number; a call does several tiles.
func blocks(s isa) {
	for _, v := range []struct {
		name         string
		cols, unroll int
	}{{"block", 2, 4}, {"narrow", 1, 4}, {"scalar", 2, 1}, {"scalarNarrow", 1, 1}} {
		list := ""
		for m := 1; m <= s.rows; m++ {
			name := fmt.Sprintf("%s%sx%d", v.name, s.name, m)
			blockTile(s, name, m, v.cols, v.unroll)
			list += ", " + name
		}
		fmt.Fprintf(&stubs, "var %s%s = [...]func(*blockArgs){nil%s}\n\n", v.name, s.name, list)
	}
}

// blockTile writes a tile of m pixels by n blocks of output channels. Every
// input number is multiplied with n vectors of weights; the sums stay in
// registers. Steps of a vector of numbers are unrolled.
func blockTile(s isa, name string, m, n, unroll int) {
	doc := fmt.Sprintf("is blockPortable for %d pixels by %d channels", m, n*s.lanes)
	if unroll == 1 {
		doc += ", one number a step."
	} else {
		doc += fmt.Sprintf(", %d numbers a step.", s.lanes)
	}
	arg := kernel(name, "blockArgs", doc)
	acc := func(i, j int) reg.VecPhysical { return s.v(i*n + j) }
	row := func(j int) reg.VecPhysical { return s.v(m*n + j) }
	one := func(i int) reg.VecPhysical { return s.v(m*n + n + i%min(3, s.regs-m*n-n)) }

	x, xi, done := load(arg(blkX)), loadBytes(arg(blkXi)), GP64()
	xi3 := GP64()
	LEAQ(indexed(xi, xi, 2, 0), xi3)
	XORQ(done, done)
	var next fetching
	if unroll > 1 {
		next = newFetching(arg)
	}

	Label("tile")
	bias := load(arg(blkBias))
	for j := range n {
		VMOVUPS(at(bias, j*s.bytes), acc(0, j))
	}
	for i := 1; i < m; i++ {
		for j := range n {
			VMOVAPS(acc(0, j), acc(i, j))
		}
	}
	beginEnding(arg, done)
	offs, w := load(arg(blkOffs)), load(arg(blkW))
	beginSteps(arg)
	bases := make([]reg.GPVirtual, (m+2)/3)
	for i := range bases {
		bases[i] = GP64()
	}
	number := func(i, u int) operand.Mem {
		if i%3 == 0 {
			return at(bases[i/3], 4*u)
		}
		return indexed(bases[i/3], xi, uint8(i%3), 4*u)
	}
	count := GP64()
	Label("step")
	if unroll > 1 {
		prefetchStep(x, offs, xi, count, m)
		askEnding(s, arg, n, count)
	}
	MOVQ(at(offs, 0), bases[0])
	ADDQ(operand.Imm(8), offs)
	LEAQ(indexed(x, bases[0], 4, 0), bases[0])
	for i := 1; i < len(bases); i++ {
		LEAQ(indexed(bases[i-1], xi3, 1, 0), bases[i])
	}
	if unroll > 1 {
		MOVQ(operand.U32(s.lanes/unroll), count)
		Label("some")
	}
	for u := range unroll {
		for j := range n {
			VMOVUPS(at(w, (u*n+j)*s.bytes), row(j))
		}
		for i := range m {
			VBROADCASTSS(number(i, u), one(i))
			for j := range n {
				VFMADD231PS(row(j), one(i), acc(i, j))
			}
		}
	}
	ADDQ(operand.U32(unroll*n*s.bytes), w)
	if unroll > 1 {
		next.ask(unroll * n * s.bytes)
		for _, r := range bases {
			ADDQ(operand.Imm(uint64(4*unroll)), r)
		}
		DECQ(count)
		JNZ(operand.LabelRef("some"))
	}
	DECQ(arg(blkLeft))
	JNZ(operand.LabelRef("step"))
	blockEnd(s, arg, m, n, acc, done)
	nextTile(s, arg, m, x, xi, xi3, done)
	end()
}

// beginSteps sets the counter of a tile's steps, which lies in memory: there
// are no registers left.
func beginSteps(arg func(int) operand.Mem) {
	MOVQ(load(arg(blkSteps)), arg(blkLeft))
}

// prefetchStep asks for the next step's pixels; the list of steps ends with an
// entry more. ahead is a
// free register.
func prefetchStep(x, offs, xi, ahead reg.Register, m int) {
	MOVQ(at(offs, 8), ahead)
	LEAQ(indexed(x, ahead, 4, 0), ahead)
	for i := range m {
		PREFETCHT0(at(ahead, 0))
		if i < m-1 {
			ADDQ(xi, ahead)
		}
	}
}

// nextTile moves on by m pixels, back to label tile while there are tiles left.
func nextTile(s isa, arg func(int) operand.Mem, m int, x, xi, xi3, done reg.Register) {
	ADDQ(operand.U32(m*s.bytes), done)
	for range m / 3 {
		ADDQ(xi3, x)
	}
	for range m % 3 {
		ADDQ(xi, x)
	}
	DECQ(arg(blkTiles))
	JNZ(operand.LabelRef("tile"))
}

// endingLines is how many lines of each block a step asks for.
const endingLines = 4

// beginEnding begins to ask, step by step, for the lines that the end of a tile
// adds or stores to, done bytes behind the first tile's: all at once they would
// keep the weights waiting.
func beginEnding(arg func(int) operand.Mem, done reg.Register) {
	line, block := load(arg(blkAdd)), load(arg(blkAddj))
	TESTQ(line, line)
	JNZ(operand.LabelRef("added"))
	MOVQ(arg(blkY), line)
	MOVQ(arg(blkYj), block)
	Label("added")
	SHLQ(operand.Imm(2), block)
	ADDQ(done, line)
	ADDQ(line, block)
	MOVQ(line, arg(blkLine))
	MOVQ(block, arg(blkLine2))
}

// askEnding asks for a step's lines of n blocks. line is a free register.
func askEnding(s isa, arg func(int) operand.Mem, n int, line reg.Register) {
	for _, place := range []int{blkLine, blkLine2}[:n] {
		MOVQ(arg(place), line)
		for i := range endingLines {
			PREFETCHT0(at(line, i*s.bytes))
		}
		ADDQ(arg(blkAhead), line)
		MOVQ(line, arg(place))
	}
}

// A fetching asks, all through a call's steps, for the weights of the next
// call: read when they are needed, they come at the memory's pace.
type fetching struct{ at, step reg.GPVirtual }

func newFetching(arg func(int) operand.Mem) fetching {
	f := fetching{load(arg(blkNext)), load(arg(blkFetch))}
	ADDQ(arg(blkFetched), f.at)
	return f
}

// ask asks for half of as many bytes as the weights that were used since it was
// last called: a call of at least two tiles gets through all.
func (f fetching) ask(bytes int) {
	for i := 0; i < bytes/2; i += 64 {
		PREFETCHT1(at(f.at, i))
	}
	ADDQ(f.step, f.at)
}

// blockEnd adds, clamps and stores.
func blockEnd(s isa, arg func(int) operand.Mem, m, n int, acc func(i, j int) reg.VecPhysical, done reg.Register) {
	add := load(arg(blkAdd))
	TESTQ(add, add)
	JZ(operand.LabelRef("noAdd"))
	step := loadBytes(arg(blkAddj))
	for j := range n {
		for i := range m {
			VADDPS(indexed(add, done, 1, i*s.bytes), acc(i, j), acc(i, j))
		}
		if j < n-1 {
			ADDQ(step, add)
		}
	}
	Label("noAdd")
	clamp := load(arg(blkClamp))
	TESTQ(clamp, clamp)
	JZ(operand.LabelRef("store"))
	// The accumulator is the last source, so that a NaN passes through.
	lo, hi := s.v(m*n), s.v(m*n+1)
	VBROADCASTSS(arg(blkLo), lo)
	VBROADCASTSS(arg(blkHi), hi)
	for i := range m {
		for j := range n {
			VMAXPS(acc(i, j), lo, acc(i, j))
		}
	}
	CMPQ(clamp, operand.Imm(1))
	JEQ(operand.LabelRef("store"))
	for i := range m {
		for j := range n {
			VMINPS(acc(i, j), hi, acc(i, j))
		}
	}
	Label("store")
	y := load(arg(blkY))
	for j := range n {
		for i := range m {
			VMOVUPS(acc(i, j), indexed(y, done, 1, i*s.bytes))
		}
		if j < n-1 {
			yj := loadBytes(arg(blkYj))
			ADDQ(yj, y)
		}
	}
}

// taps writes the kernels that combine the pixels under a window, channel by
// channel: maximum, sum and weighted sum.
func taps(s isa) {
	for _, kind := range []string{"tapMax", "tapSum", "tapMul"} {
		tap(s, kind)
	}
}

// tap handles four pixels at a time, then one.
func tap(s isa, kind string) {
	arg := kernel(kind+s.name, "tapArgs", "is "+kind+"Portable.")
	n, x, y := load(arg(tapN)), load(arg(tapX)), load(arg(tapY))
	xi := loadBytes(arg(tapXi))
	xi3 := GP64()
	LEAQ(indexed(xi, xi, 2, 0), xi3)
	first, w := s.v(12), s.v(13)
	lo, hi := s.v(14), s.v(15)
	switch kind {
	case "tapMax":
		VBROADCASTSS(arg(tapLo), first)
	case "tapSum":
		VXORPS(first, first, first)
		VBROADCASTSS(arg(tapScale), w)
	default:
		VMOVUPS(at(load(arg(tapBias)), 0), first)
		VBROADCASTSS(arg(tapLo), lo)
		VBROADCASTSS(arg(tapHi), hi)
	}
	for _, m := range []int{4, 1} {
		label := func(l string) string { return fmt.Sprintf("%s%d", l, m) }
		Label(label("pixels"))
		CMPQ(n, operand.Imm(uint64(m)))
		JLT(operand.LabelRef(label("next")))
		for i := range m {
			VMOVAPS(first, s.v(i))
		}
		offs, count, weights, p := load(arg(tapOffs)), load(arg(tapCount)), GP64(), GP64()
		if kind == "tapMul" {
			MOVQ(arg(tapW), weights)
		}
		Label(label("tap"))
		MOVQ(at(offs, 0), p)
		ADDQ(operand.Imm(8), offs)
		LEAQ(indexed(x, p, 4, 0), p)
		if kind == "tapMul" {
			VMOVUPS(at(weights, 0), w)
			ADDQ(operand.U32(s.bytes), weights)
		}
		for i := range m {
			px := at(p, 0)
			switch {
			case i == 3:
				px = indexed(p, xi3, 1, 0)
			case i > 0:
				px = indexed(p, xi, uint8(i), 0)
			}
			switch kind {
			case "tapMax":
				VMOVUPS(px, s.v(4+i))
				larger(s, s.v(4+i), s.v(i), s.v(8+i))
			case "tapSum":
				VADDPS(px, s.v(i), s.v(i))
			default:
				VFMADD231PS(px, w, s.v(i))
			}
		}
		DECQ(count)
		JNZ(operand.LabelRef(label("tap")))
		for i := range m {
			switch kind {
			case "tapSum":
				VMULPS(w, s.v(i), s.v(i))
			case "tapMul":
				VMAXPS(s.v(i), lo, s.v(i))
				VMINPS(s.v(i), hi, s.v(i))
			}
			VMOVUPS(s.v(i), at(y, i*s.bytes))
		}
		LEAQ(indexed(x, xi, uint8(m), 0), x)
		ADDQ(operand.U32(m*s.bytes), y)
		SUBQ(operand.Imm(uint64(m)), n)
		JMP(operand.LabelRef(label("pixels")))
		Label(label("next"))
	}
	end()
}

// gather writes the copy of pixels that lie xi apart to a dense row.
func gather(s isa) {
	arg := kernel("gather"+s.name, "tapArgs", "is gatherPortable.")
	n, x, y := load(arg(tapN)), load(arg(tapX)), load(arg(tapY))
	xi := loadBytes(arg(tapXi))
	Label("pixel")
	VMOVUPS(at(x, 0), s.v(0))
	PREFETCHT0(indexed(x, xi, 8, 0))
	VMOVUPS(s.v(0), at(y, 0))
	ADDQ(xi, x)
	ADDQ(operand.U32(s.bytes), y)
	DECQ(n)
	JNZ(operand.LabelRef("pixel"))
	end()
}
