package main

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets of the argument structs' fields, see internal/cpu/kernels_low.go:
// lowArgs begins with blockArgs.
const (
	lowX, lowW, lowStart, lowScale             = 192, 216, 240, 264
	lopY, lopX, lopOffs, lopMask               = 0, 24, 48, 72
	lopN, lopXi, lopZero, lopInv, lowUnitBytes = 80, 88, 96, 104, 4
	lowUnits                                   = 16 // in a packed pixel
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
	checkField("lowArgs", lowX, "units")
	checkField("lowArgs", lowW, "weights")
	checkField("lowArgs", lowStart, "start")
	checkField("lowArgs", lowScale, "scale")
	for i, f := range []string{"y", "x", "offs", "mask"} {
		checkField("lowPackArgs", 24*i, f)
	}
	for i, f := range []string{"n", "xi", "zero", "inv"} {
		checkField("lowPackArgs", lopN+8*i, f)
	}
	fields := ""
	for _, p := range lows {
		pack := p.file + "Pack" + s.name
		p.pack(s, pack)
		fields += fmt.Sprintf("%s: {pack: %s", p.name, pack)
		for n, field := range []string{1: "narrow", 2: "block"} {
			if n == 0 {
				continue
			}
			fields += fmt.Sprintf(",\n%s: []func(*lowArgs){nil", field)
			for m := 1; m <= s.rows; m++ {
				name := fmt.Sprintf("%s%s%dx%d", p.file, s.name, m, n)
				lowTile(s, p, name, m, n)
				fields += ", " + name
			}
			fields += "}"
		}
		fields += "},\n"
	}
	return "low: [Int8 + 1]lowKernels{" + fields + "}"
}

// checkField makes the generated Go file check a field's offset.
func checkField(args string, offset int, field string) {
	fmt.Fprintf(&stubs, "var _ = [1]struct{}{}[unsafe.Offsetof(%s{}.%s)-%d]\n", args, field, offset)
}

// lowTile writes a tile of m pixels by n blocks of output channels. Every unit
// of the input is multiplied with n vectors of weights; the sums stay in
// registers.
func lowTile(s isa, p low, name string, m, n int) {
	const unroll = 4
	arg := kernel(name, "lowArgs", fmt.Sprintf("is %sPortable for %d pixels by %d channels.", p.file, m, n*s.lanes))
	acc := func(i, j int) reg.VecPhysical { return s.v(i*n + j) }
	row := func(j int) reg.VecPhysical { return s.v(m*n + j) }
	one := func(i int) reg.VecPhysical { return s.v(m*n + n + i%min(3, s.regs-m*n-n)) }
	field := blkBias
	if p.sums {
		field = lowStart
	}
	first := load(arg(field))
	for j := range n {
		VMOVUPS(at(first, j*s.bytes), acc(0, j))
		for i := 1; i < m; i++ {
			VMOVAPS(acc(0, j), acc(i, j))
		}
	}

	x, offs, w, steps := load(arg(lowX)), load(arg(blkOffs)), load(arg(lowW)), load(arg(blkSteps))
	xi := GP64()
	MOVQ(arg(blkXi), xi)
	SHLQ(operand.Imm(2), xi)
	xi3 := GP64()
	LEAQ(indexed(xi, xi, 2, 0), xi3)
	bases := make([]reg.GPVirtual, (m+2)/3)
	for i := range bases {
		bases[i] = GP64()
	}
	unit := func(i, u int) operand.Mem {
		if i%3 == 0 {
			return at(bases[i/3], lowUnitBytes*u)
		}
		return indexed(bases[i/3], xi, uint8(i%3), lowUnitBytes*u)
	}
	count := GP64()
	Label("step")
	MOVQ(at(offs, 0), bases[0])
	ADDQ(operand.Imm(8), offs)
	LEAQ(indexed(x, bases[0], lowUnitBytes, 0), bases[0])
	for i := 1; i < len(bases); i++ {
		LEAQ(indexed(bases[i-1], xi3, 1, 0), bases[i])
	}
	MOVQ(operand.U32(lowUnits/unroll), count)
	Label("some")
	for u := range unroll {
		for j := range n {
			VMOVUPS(at(w, (u*n+j)*s.bytes), row(j))
		}
		for i := range m {
			VPBROADCASTD(unit(i, u), one(i))
			for j := range n {
				p.dot(row(j), one(i), acc(i, j))
			}
		}
	}
	ADDQ(operand.U32(unroll*n*s.bytes), w)
	for _, r := range bases {
		ADDQ(operand.Imm(lowUnitBytes*unroll), r)
	}
	DECQ(count)
	JNZ(operand.LabelRef("some"))
	DECQ(steps)
	JNZ(operand.LabelRef("step"))
	if p.sums {
		lowScaled(s, arg, m, n, acc)
	}
	blockEnd(s, arg, m, n, acc)
	end()
}

// lowScaled makes integer sums float32: scale·sum + bias.
func lowScaled(s isa, arg func(int) operand.Mem, m, n int, acc func(i, j int) reg.VecPhysical) {
	bias, scale := load(arg(blkBias)), load(arg(lowScale))
	for j := range n {
		by, plus := s.v(m*n), s.v(m*n+1)
		VMOVUPS(at(scale, j*s.bytes), by)
		VMOVUPS(at(bias, j*s.bytes), plus)
		for i := range m {
			VCVTDQ2PS(acc(i, j), acc(i, j))
			VFMADD213PS(plus, by, acc(i, j))
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

// Prefixes of instructions, as EVEX abbreviates them.
const f3, f2 = 2, 3

// evex writes an instruction that neither avo nor Go's assembler knows, with
// three vectors of 512 bits in Go's order, as its bytes.
func evex(name string, prefix, opcode byte, b, a, dst reg.VecPhysical) {
	Commentf("%s %s, %s, %s", name, b.Asm(), a.Asm(), dst.Asm())
	code := evexBytes(prefix, opcode, number(b), number(a), number(dst))
	raw("LONG", operand.U32(binary.LittleEndian.Uint32(code[:4])))
	raw("WORD", operand.U16(binary.LittleEndian.Uint16(code[4:])))
}

// raw writes a directive of the assembler.
func raw(directive string, v operand.Op) {
	Instruction(&ir.Instruction{Opcode: directive, Operands: []operand.Op{v}})
}

// number is the vector register's number.
func number(r reg.VecPhysical) int { return int(r.PhysicalIndex()) }

// evexBytes encodes EVEX.512.prefix.0F38.W0 opcode /r for registers, in Go's
// order: dst = dst op (a, b). The high bits of the numbers are stored inverted.
func evexBytes(prefix, opcode byte, b, a, dst int) [6]byte {
	bit := func(n, i, at int) byte { return byte(^n>>i&1) << at }
	return [6]byte{
		0x62,
		bit(dst, 3, 7) | bit(b, 4, 6) | bit(b, 3, 5) | bit(dst, 4, 4) | 2,
		byte(^a&15)<<3 | 4 | prefix,
		0x40 | bit(a, 4, 3),
		opcode,
		0xc0 | byte(dst&7)<<3 | byte(b&7),
	}
}
