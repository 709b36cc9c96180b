package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vectors writes the elementwise kernels. n counts whole vectors; the rest is
// left to Go.
func vectors(s isa) {
	scalar := func(arg func(int) operand.Mem, i int) reg.VecPhysical {
		v := s.v(s.regs - 1 - i)
		VBROADCASTSS(arg(vecS+4*i), v)
		return v
	}
	kernelName := func(n string) string { return n + s.name }

	arg := kernel(kernelName("clamp"), "vecArgs", "is clampPortable over whole vectors.")
	lo, hi := scalar(arg, 0), scalar(arg, 1)
	loop(s, arg, []int{vecY, vecA}, func(p []reg.GPVirtual) {
		VMOVUPS(at(p[1], 0), s.v(0))
		VMAXPS(s.v(0), lo, s.v(0)) // accumulator last: NaN passes through
		VMINPS(s.v(0), hi, s.v(0))
		VMOVUPS(s.v(0), at(p[0], 0))
	})

	arg = kernel(kernelName("add"), "vecArgs", "is addPortable over whole vectors.")
	loop(s, arg, []int{vecY, vecA, vecB}, func(p []reg.GPVirtual) {
		VMOVUPS(at(p[1], 0), s.v(0))
		VADDPS(at(p[2], 0), s.v(0), s.v(0))
		VMOVUPS(s.v(0), at(p[0], 0))
	})

	arg = kernel(kernelName("mul"), "vecArgs", "is mulPortable over whole vectors.")
	loop(s, arg, []int{vecY, vecA, vecB}, func(p []reg.GPVirtual) {
		VMOVUPS(at(p[1], 0), s.v(0))
		VMULPS(at(p[2], 0), s.v(0), s.v(0))
		VMOVUPS(s.v(0), at(p[0], 0))
	})

	arg = kernel(kernelName("max"), "vecArgs", "is maxPortable over whole vectors.")
	loop(s, arg, []int{vecY, vecA, vecB}, func(p []reg.GPVirtual) {
		VMOVUPS(at(p[1], 0), s.v(0))
		VMOVUPS(at(p[2], 0), s.v(1))
		larger(s, s.v(0), s.v(1), s.v(2))
		VMOVUPS(s.v(1), at(p[0], 0))
	})

	arg = kernel(kernelName("axpy"), "vecArgs", "is axpyPortable over whole vectors.")
	a := scalar(arg, 0)
	loop(s, arg, []int{vecY, vecA}, func(p []reg.GPVirtual) {
		VMOVUPS(at(p[0], 0), s.v(0))
		VFMADD231PS(at(p[1], 0), a, s.v(0))
		VMOVUPS(s.v(0), at(p[0], 0))
	})

	arg = kernel(kernelName("lerp"), "vecArgs", "is lerpPortable over whole vectors.")
	share := scalar(arg, 0)
	loop(s, arg, []int{vecY, vecA}, func(p []reg.GPVirtual) {
		VMOVUPS(at(p[0], 0), s.v(0))
		VMOVUPS(at(p[1], 0), s.v(1))
		VSUBPS(s.v(0), s.v(1), s.v(1))
		VFMADD231PS(s.v(1), share, s.v(0))
		VMOVUPS(s.v(0), at(p[0], 0))
	})

	arg = kernel(kernelName("reluGrad"), "vecArgs", "is reluGradPortable over whole vectors.")
	lo, hi = scalar(arg, 0), scalar(arg, 1)
	loop(s, arg, []int{vecY, vecA, vecB}, func(p []reg.GPVirtual) {
		between(s, lo, hi, at(p[2], 0), at(p[1], 0), at(p[0], 0))
	})

	adam(s, kernel(kernelName("adam"), "vecArgs", "is adamPortable over whole vectors."), scalar)
	sum(s, kernel(kernelName("sum"), "vecArgs", "is sumPortable over whole vectors."))
}

// loop runs body for each vector; p are pointers loaded from the fields.
func loop(s isa, arg func(int) operand.Mem, fields []int, body func(p []reg.GPVirtual)) {
	var p []reg.GPVirtual
	for _, f := range fields {
		p = append(p, load(arg(f)))
	}
	n := load(arg(vecN))
	TESTQ(n, n)
	JZ(operand.LabelRef("done"))
	Label("step")
	body(p)
	for _, r := range p {
		ADDQ(operand.U32(s.bytes), r)
	}
	DECQ(n)
	JNZ(operand.LabelRef("step"))
	Label("done")
	end()
}

// larger sets b to the larger of a and b, NaN if one of them is: the
// instruction gives its last source, b, if either is NaN.
func larger(s isa, a, b, t reg.VecPhysical) {
	const unordered = 3
	VMAXPS(b, a, b)
	if s.bytes == 64 {
		VCMPPS(operand.Imm(unordered), a, a, reg.K1)
		VMOVAPS(a, reg.K1, b)
	} else {
		VCMPPS(operand.Imm(unordered), a, a, t)
		VBLENDVPS(t, a, b, b)
	}
}

// between stores g where lo < v < hi, else zero.
func between(s isa, lo, hi reg.VecPhysical, v, g, y operand.Mem) {
	const lt = 0x11 // ordered, quiet less-than
	VMOVUPS(v, s.v(0))
	if s.bytes == 64 {
		VCMPPS(operand.Imm(lt), s.v(0), lo, reg.K1)
		VCMPPS(operand.Imm(lt), hi, s.v(0), reg.K1, reg.K1)
		VMOVUPS_Z(g, reg.K1, s.v(1))
	} else {
		VCMPPS(operand.Imm(lt), s.v(0), lo, s.v(1))
		VCMPPS(operand.Imm(lt), hi, s.v(0), s.v(0))
		VANDPS(s.v(0), s.v(1), s.v(1))
		VANDPS(g, s.v(1), s.v(1))
	}
	VMOVUPS(s.v(1), y)
}

// adam: s holds Beta1, 1-Beta1, Beta2, 1-Beta2, L2, keep, rate, root, Epsilon, Scale;
// y are the parameters, a and b the moments, g the gradients.
func adam(s isa, arg func(int) operand.Mem, scalar func(func(int) operand.Mem, int) reg.VecPhysical) {
	b1, c1, b2, c2 := scalar(arg, 0), scalar(arg, 1), scalar(arg, 2), scalar(arg, 3)
	l2, keep, rate, root, eps := scalar(arg, 4), scalar(arg, 5), scalar(arg, 6), scalar(arg, 7), scalar(arg, 8)
	scale := scalar(arg, 9)
	p, g, m, v, t := s.v(0), s.v(1), s.v(2), s.v(3), s.v(4)
	loop(s, arg, []int{vecY, vecA, vecB, vecG}, func(q []reg.GPVirtual) {
		VMOVUPS(at(q[0], 0), p)
		VMULPS(at(q[3], 0), scale, g)
		VFMADD231PS(p, l2, g)
		VMULPS(at(q[1], 0), b1, m)
		VFMADD231PS(g, c1, m)
		VMOVUPS(m, at(q[1], 0))
		VMULPS(g, g, g)
		VMULPS(at(q[2], 0), b2, v)
		VFMADD231PS(g, c2, v)
		VMOVUPS(v, at(q[2], 0))
		VSQRTPS(v, t)
		VFMADD213PS(eps, root, t)
		VMULPS(rate, m, m)
		VDIVPS(t, m, m)
		VFMSUB213PS(m, keep, p)
		VMOVUPS(p, at(q[0], 0))
	})
}

// sum writes to y[0] the sum of a, added up in 4 vectors of partial sums.
func sum(s isa, arg func(int) operand.Mem) {
	a, n, y := load(arg(vecA)), load(arg(vecN)), load(arg(vecY))
	for i := range 4 {
		VXORPS(s.v(i), s.v(i), s.v(i))
	}
	Label("four")
	CMPQ(n, operand.Imm(4))
	JLT(operand.LabelRef("one"))
	for i := range 4 {
		VADDPS(at(a, i*s.bytes), s.v(i), s.v(i))
	}
	ADDQ(operand.U32(4*s.bytes), a)
	SUBQ(operand.Imm(4), n)
	JMP(operand.LabelRef("four"))
	Label("one")
	TESTQ(n, n)
	JZ(operand.LabelRef("done"))
	VADDPS(at(a, 0), s.v(0), s.v(0))
	ADDQ(operand.U32(s.bytes), a)
	DECQ(n)
	JMP(operand.LabelRef("one"))
	Label("done")
	VADDPS(s.v(1), s.v(0), s.v(0))
	VADDPS(s.v(3), s.v(2), s.v(2))
	VADDPS(s.v(2), s.v(0), s.v(0))
	sumLanes(s, s.v(0), s.v(1))
	VMOVSS(s.v(0).AsX(), at(y, 0))
	end()
}
