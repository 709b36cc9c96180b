package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// columns writes the copies of up to two vectors of columns, of source step 1
// and 2.
func columns(s isa) {
	for step := 1; step <= 2; step++ {
		copyColumns(s, fmt.Sprintf("columns%sx%d", s.name, step), step)
	}
	fmt.Fprintf(&stubs, "var columns%s = [...]func(*columnArgs){nil, columns%sx1, columns%sx2}\n\n", s.name, s.name, s.name)
}

func copyColumns(s isa, name string, step int) {
	arg := kernel(name, "columnArgs", fmt.Sprintf("is columnsPortable for at most %d columns and source step %d.", 2*s.lanes, step))
	rows := load(arg(colRows))
	dst, src := load(arg(colDst)), load(arg(colSrc))
	dstStep, srcStep := loadBytes(arg(colDstStep)), loadBytes(arg(colSrcStep))
	cols := load(arg(colCols))
	mask, wide := GP64(), GP64()
	if s.bytes == 64 {
		columnMasks512(cols, step)
	} else {
		MOVQ(arg(colMask), mask)
		MOVQ(arg(colWide), wide)
	}
	CMPQ(cols, operand.U8(s.lanes))
	JLE(operand.LabelRef("one"))
	for n := 2; n >= 1; n-- {
		if n == 1 {
			Label("one")
		}
		Label(fmt.Sprintf("row%d", n))
		for j := range n {
			copyVector(s, step, at(src, j*step*s.bytes), at(dst, j*s.bytes), j, mask, wide)
		}
		ADDQ(srcStep, src)
		ADDQ(dstStep, dst)
		DECQ(rows)
		JNZ(operand.LabelRef(fmt.Sprintf("row%d", n)))
		end()
	}
}

// columnMasks512 sets K1, K2 to the valid columns and, for step 2, K3 … K6 to
// the source lanes that lead up to the last of them; Z31 to the even lanes.
func columnMasks512(cols reg.Register, step int) {
	ones := GP64()
	MOVQ(operand.I32(-1), ones)
	BZHIQ(cols, ones, ones)
	KMOVW(ones.As32(), reg.K1)
	SHRQ(operand.Imm(16), ones)
	KMOVW(ones.As32(), reg.K2)
	if step == 1 {
		return
	}
	last := GP64()
	LEAQ(operand.Mem{Base: cols, Index: cols, Scale: 1, Disp: -1}, last)
	MOVQ(operand.I32(-1), ones)
	BZHIQ(last, ones, ones)
	for i, k := range []reg.Register{reg.K3, reg.K4, reg.K5, reg.K6} {
		if i > 0 {
			SHRQ(operand.Imm(16), ones)
		}
		KMOVW(ones.As32(), k)
	}
	even := GLOBL("evenLanes", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, operand.U32(2*i))
	}
	VMOVDQU32(even, reg.Z31)
}

// copyVector copies one vector of columns.
func copyVector(s isa, step int, src, dst operand.Mem, j int, mask, wide reg.Register) {
	if s.bytes == 64 {
		if step == 1 {
			VMOVUPS_Z(src, opmask[j], reg.Z0)
		} else {
			upper := src
			upper.Disp += 64
			k := [][2]reg.Register{{reg.K3, reg.K4}, {reg.K5, reg.K6}}[j]
			VMOVUPS_Z(src, k[0], reg.Z0)
			VMOVUPS_Z(upper, k[1], reg.Z1)
			VMOVAPS(reg.Z31, reg.Z2)
			VPERMI2PS(reg.Z1, reg.Z0, reg.Z2)
			VMOVAPS(reg.Z2, reg.Z0)
		}
		VMOVUPS(reg.Z0, opmask[j], dst)
		return
	}
	// AVX2 blends with what is there: a masked store is slow on many processors.
	if step == 1 {
		VMOVUPS(at(mask, 32*j), reg.Y1)
		VMASKMOVPS(src, reg.Y1, reg.Y0)
	} else {
		upper := src
		upper.Disp += 32
		VMOVUPS(at(wide, 64*j), reg.Y1)
		VMASKMOVPS(src, reg.Y1, reg.Y0)
		VMOVUPS(at(wide, 64*j+32), reg.Y1)
		VMASKMOVPS(upper, reg.Y1, reg.Y1)
		VSHUFPS(operand.Imm(0x88), reg.Y1, reg.Y0, reg.Y0)
		VPERMPD(operand.Imm(0xd8), reg.Y0, reg.Y0)
		VMOVUPS(at(mask, 32*j), reg.Y1)
	}
	VMOVUPS(dst, reg.Y2)
	VBLENDVPS(reg.Y1, reg.Y0, reg.Y2, reg.Y2)
	VMOVUPS(reg.Y2, dst)
}
