package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the argument structs' fields, see internal/cpu/kernels_low.go:
// lowArgs begins with blockArgs.
const (
	lowX, lowW, lowStart, lowScale = 272, 296, 320, 344
	lopY, lopX, lopOffs, lopMask   = 0, 24, 48, 72
	lopN, lopXi, lopZero, lopInv   = 80, 88, 96, 104
	lowUnits                       = 16 // of 4 bytes, in a packed pixel
)

// A low is a precision with the kernels' names for it.
type low struct {
	name string // in package cpu
	file string // begins the kernels' names
	pack func(s isa, name string)
	dot  func(w, x, acc reg.VecPhysical) // acc += w • x, unit by unit
	sums bool                            // the sums are integers to be scaled
}

var lows = []low{
	{"BFloat16", "bf16", packBF16, func(w, x, acc reg.VecPhysical) { evex("VDPBF16PS", f3, 0x52, w, x, acc) }, false},
	{"Int8", "int8", packInt8, func(w, x, acc reg.VecPhysical) { VPDPBUSD(w, x, acc) }, true},
}

// lowPrecision writes the kernels of low-precision convolutions, and returns
// the field of package cpu's kernels that lists them.
func lowPrecision(s isa) string {
	if s.bytes < 64 {
		return ""
	}
	checkLow()
	fields := ""
	for _, p := range lows {
		pack := p.file + "Pack" + s.name
		p.pack(s, pack)
		fields += fmt.Sprintf("%s: {%s, %s, %s},\n", p.name, lowTiles(s, p, 2), lowTiles(s, p, 1), pack)
	}
	return "low: [Int8 + 1]lowKernels{\n" + fields + "},\n"
}

// lowTiles writes the tiles of n blocks of output channels, and returns their
// list by number of pixels.
func lowTiles(s isa, p low, n int) string {
	list := "nil"
	for m := 1; m <= s.rows; m++ {
		name := fmt.Sprintf("%s%s%sx%d", p.file, []string{1: "Narrow", 2: "Block"}[n], s.name, m)
		lowTile{s, p, m, n}.write(name)
		list += ", " + name
	}
	return "[]func(*lowArgs){" + list + "}"
}

// checkLow makes the generated Go file check the offsets.
func checkLow() {
	check := func(args string, offset, step int, fields ...string) {
		for i, f := range fields {
			fmt.Fprintf(&stubs, "var _ = [1]struct{}{}[unsafe.Offsetof(%s{}.%s)-%d]\n", args, f, offset+step*i)
		}
	}
	check("lowArgs", lowX, 24, "units", "weights", "start", "scale")
	check("lowPackArgs", lopY, 24, "y", "x", "offs", "mask")
	check("lowPackArgs", lopN, 8, "n", "xi", "zero", "inv")
	stubs.WriteString("\n")
}

// A lowTile is m pixels by n blocks of output channels.
type lowTile struct {
	isa
	low
	m, n int
}

// The registers: a sum for each pixel and block, a row of weights, units in
// turn.
func (t lowTile) acc(i, j int) reg.VecPhysical { return t.v(i*t.n + j) }
func (t lowTile) row(j int) reg.VecPhysical    { return t.v(t.m*t.n + j) }
func (t lowTile) one(i int) reg.VecPhysical {
	used := t.m*t.n + t.n
	return t.v(used + i%min(3, t.regs-used))
}

// write writes the kernel. Every unit of the input is multiplied with n vectors
// of weights; the sums stay in registers.
func (t lowTile) write(name string) {
	const unroll = 4
	arg := kernel(name, "lowArgs", fmt.Sprintf("is %sPortable for tiles of %d pixels by %d channels.", t.file, t.m, t.n*t.lanes))
	x, xi, done := load(arg(lowX)), loadBytes(arg(blkXi)), GP64()
	xi3, count := GP64(), GP64()
	LEAQ(indexed(xi, xi, 2, 0), xi3)
	XORQ(done, done)
	Label("tile")
	t.start(arg)
	beginEnding(arg, done)
	offs, w := load(arg(blkOffs)), load(arg(lowW))
	beginSteps(arg)
	bases := make([]reg.GPVirtual, (t.m+2)/3)
	for i := range bases {
		bases[i] = GP64()
	}
	Label("step")
	prefetchStep(x, offs, xi, count, t.m)
	askEnding(t.isa, arg, t.n, count)
	MOVQ(at(offs, 0), bases[0])
	ADDQ(operand.Imm(8), offs)
	LEAQ(indexed(x, bases[0], 4, 0), bases[0])
	for i := 1; i < len(bases); i++ {
		LEAQ(indexed(bases[i-1], xi3, 1, 0), bases[i])
	}
	MOVQ(operand.U32(lowUnits/unroll), count)
	Label("some")
	for u := range unroll {
		t.products(u, w, xi, bases)
	}
	ADDQ(operand.U32(unroll*t.n*t.bytes), w)
	for _, r := range bases {
		ADDQ(operand.Imm(4*unroll), r)
	}
	DECQ(count)
	JNZ(operand.LabelRef("some"))
	DECQ(arg(blkLeft))
	JNZ(operand.LabelRef("step"))
	if t.sums {
		t.scaled(arg)
	}
	blockEnd(t.isa, arg, t.m, t.n, t.acc, done)
	nextTile(t.isa, arg, t.m, x, xi, xi3, done)
	end()
}

// start sets the sums to the bias, or to what integers begin with.
func (t lowTile) start(arg func(int) operand.Mem) {
	field := blkBias
	if t.sums {
		field = lowStart
	}
	first := load(arg(field))
	for j := range t.n {
		VMOVUPS(at(first, j*t.bytes), t.acc(0, j))
		for i := 1; i < t.m; i++ {
			VMOVAPS(t.acc(0, j), t.acc(i, j))
		}
	}
}

// products adds those of unit u: a base is the address of every third pixel.
func (t lowTile) products(u int, w, xi reg.Register, bases []reg.GPVirtual) {
	for j := range t.n {
		VMOVUPS(at(w, (u*t.n+j)*t.bytes), t.row(j))
	}
	for i := range t.m {
		unit := at(bases[i/3], 4*u)
		if i%3 > 0 {
			unit = indexed(bases[i/3], xi, uint8(i%3), 4*u)
		}
		VPBROADCASTD(unit, t.one(i))
		for j := range t.n {
			t.dot(t.row(j), t.one(i), t.acc(i, j))
		}
	}
}

// scaled makes integer sums float32: scale·sum + bias.
func (t lowTile) scaled(arg func(int) operand.Mem) {
	bias, scale := load(arg(blkBias)), load(arg(lowScale))
	for j := range t.n {
		by, plus := t.row(0), t.one(0)
		VMOVUPS(at(scale, j*t.bytes), by)
		VMOVUPS(at(bias, j*t.bytes), plus)
		for i := range t.m {
			VCVTDQ2PS(t.acc(i, j), t.acc(i, j))
			VFMADD213PS(plus, by, t.acc(i, j))
		}
	}
}

// packLoop writes a loop over pixels: pixel converts the channels at the
// addresses, under the masks of those that exist, and returns the 64 bytes.
func packLoop(arg func(int) operand.Mem, blocks int, pixel func(x []operand.Mem, exist []reg.Register) reg.VecPhysical) {
	n, x, y, offs, mask := load(arg(lopN)), load(arg(lopX)), load(arg(lopY)), load(arg(lopOffs)), load(arg(lopMask))
	xi := loadBytes(arg(lopXi))
	ks := []reg.Register{reg.K1, reg.K2, reg.K3, reg.K4}[:blocks]
	from := make([]operand.Mem, blocks)
	for j, k := range ks {
		p := load(at(offs, 8*j))
		LEAQ(indexed(x, p, 4, 0), p)
		from[j] = at(p, 0)
		KMOVW(mask.As32(), k)
		SHRQ(operand.Imm(16), mask)
	}
	Label("pixel")
	VMOVDQU64(pixel(from, ks), at(y, 0))
	for _, m := range from {
		ADDQ(xi, m.Base)
	}
	ADDQ(operand.Imm(64), y)
	DECQ(n)
	JNZ(operand.LabelRef("pixel"))
	end()
}

// packBF16 writes the conversion of pixels of 32 channels.
func packBF16(s isa, name string) {
	arg := kernel(name, "lowPackArgs", "is bf16PackPortable.")
	packLoop(arg, 2, func(x []operand.Mem, exist []reg.Register) reg.VecPhysical {
		VMOVUPS_Z(x[0], exist[0], s.v(0))
		VMOVUPS_Z(x[1], exist[1], s.v(1))
		evex("VCVTNE2PS2BF16", f2, 0x72, s.v(0), s.v(1), s.v(0))
		return s.v(0)
	})
}

// packInt8 writes the conversion of pixels of 64 channels. A NaN becomes the
// smallest integer; packing saturates.
func packInt8(s isa, name string) {
	order := GLOBL("int8Order", attr.RODATA|attr.NOPTR)
	for i := range 16 { // the packing has put quad i of block j where quad j of block i belongs
		DATA(4*i, operand.U32(i%4*4+i/4))
	}
	arg := kernel(name, "lowPackArgs", "is int8PackPortable.")
	inv, most, zero, perm := s.v(8), s.v(9), s.v(10), s.v(11)
	VBROADCASTSS(arg(lopInv), inv)
	VMOVUPS(order, perm)
	VPBROADCASTW(arg(lopZero), zero)
	MOVL(operand.U32(math.Float32bits(255)), reg.EAX)
	VMOVD(reg.EAX, reg.X9)
	VBROADCASTSS(reg.X9, most)
	packLoop(arg, 4, func(x []operand.Mem, exist []reg.Register) reg.VecPhysical {
		for j := range x {
			VMULPS_Z(x[j], inv, exist[j], s.v(j))
			VMINPS(s.v(j), most, s.v(j))
			VCVTPS2DQ(s.v(j), s.v(j))
		}
		VPACKSSDW(s.v(1), s.v(0), s.v(0))
		VPACKSSDW(s.v(3), s.v(2), s.v(2))
		VPADDSW(zero, s.v(0), s.v(0))
		VPADDSW(zero, s.v(2), s.v(2))
		VPACKUSWB(s.v(2), s.v(0), s.v(0))
		VPERMD(s.v(0), perm, s.v(0))
		return s.v(0)
	})
}
