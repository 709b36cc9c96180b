//go:build !purego

package cpu

import "slices"

// available lists the kernel sets that this processor can run, best first:
// every arm64 has NEON.
func available() []*kernels { return []*kernels{kernelsNEON, kernelsPortable} }

// kernelsNEON is the portable set with its costly kernels in assembly. Its
// blocks have eight channels too: two vectors.
var kernelsNEON = func() *kernels {
	k := *kernelsPortable
	k.name, k.rows = "neon", len(blockNEON)-1
	k.low = [Int8 + 1]lowKernels{} // in plain Go they would be slower than float32
	k.tiles, k.strips, k.row = tilesNEON[:], tileSet(k.rows, stripPortable), rowNEON
	k.clamp, k.add, k.mul, k.max, k.axpy = clampNEON, addNEON, mulNEON, maxNEON, axpyNEON
	k.lerp, k.reluGrad, k.adam, k.sum, k.lanes = lerpNEON, reluGradNEON, adamNEON, sumNEON, 4
	k.block, k.narrow = tileByTile(blockNEON[:]), tileByTile(narrowNEON[:])
	k.scalar, k.scalarNarrow = tileByTile(scalarNEON[:]), tileByTile(scalarNarrowNEON[:])
	k.tapMax, k.tapSum, k.tapMul, k.gather = tapMaxNEON, tapSumNEON, tapMulNEON, gatherNEON
	k.winoIn, k.winoOut, k.winoPool = over(k.winoIn, winoInNEON[:]), over(k.winoOut, winoOutNEON[:]), over(k.winoPool, winoPoolNEON[:])
	return &k
}()

// over is the list with what there is of better.
func over(list, better []func(*winoArgs)) []func(*winoArgs) {
	list = slices.Clone(list)
	for m, f := range better {
		if f != nil {
			list[m] = f
		}
	}
	return list
}

// tileByTile makes kernels of one tile do as many as t.tiles says.
func tileByTile(kernels []func(*blockArgs)) []func(*blockArgs) {
	all := make([]func(*blockArgs), len(kernels))
	for pixels, one := range kernels {
		all[pixels] = func(t *blockArgs) {
			x, y, add := t.x, t.y, t.add
			for range t.tiles {
				one(t)
				t.x = t.x[min(pixels*t.xi, len(t.x)):]
				t.advance(pixels * blockLanes)
			}
			t.x, t.y, t.add = x, y, add
		}
	}
	return all
}
