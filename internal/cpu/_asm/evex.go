package main

import (
	"encoding/binary"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
