//go:build !purego

package cpu

// available lists the kernel sets that this processor can run, best first:
// every arm64 has NEON.
func available() []*kernels { return []*kernels{kernelsNEON, kernelsPortable} }

// kernelsNEON is the portable set with its costly kernels in assembly. Its
// blocks have eight channels too: two vectors.
var kernelsNEON = func() *kernels {
	k := *kernelsPortable
	k.name, k.rows = "neon", len(blockNEON)-1
	k.tiles, k.strips, k.row = tilesNEON[:], tileSet(k.rows, stripPortable), rowNEON
	k.clamp, k.add, k.mul, k.max, k.axpy = clampNEON, addNEON, mulNEON, maxNEON, axpyNEON
	k.reluGrad, k.adam, k.sum, k.lanes = reluGradNEON, adamNEON, sumNEON, 4
	k.block, k.narrow = blockNEON[:], narrowNEON[:]
	k.scalar, k.scalarNarrow = scalarNEON[:], scalarNarrowNEON[:]
	k.tapMax, k.tapSum, k.tapMul, k.gather = tapMaxNEON, tapSumNEON, tapMulNEON, gatherNEON
	k.winoIn, k.winoOut, k.winoPool = winoInNEON[:], winoOutNEON[:], winoPoolNEON[:]
	return &k
}()
