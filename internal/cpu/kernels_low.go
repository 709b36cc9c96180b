package cpu

import "math"

// The kernels of low-precision convolutions. A packed pixel is 16 units of 4
// bytes: pairs of bf16, or quads of u8; the first channel is in the lowest
// bits.

// lowUnits is the number of units in a packed pixel.
const lowUnits = 16

// lowKernels are the kernels of one precision.
type lowKernels struct {
	block, narrow []func(*lowArgs) // by number of pixels: two blocks of outputs, and one
	pack          func(*lowPackArgs)
}

// lowArgs are the operands of a tile: blockArgs with units in place of float32
// numbers, so that xi and offs count units. The generator knows the layout.
type lowArgs struct {
	blockArgs           // without x and w
	units     []uint32  // pixel i of step s begins at offs[s] + i·xi
	weights   []uint32  // (steps, units, output channels of the tile)
	start     []int32   // of integer sums: what they begin with, one for each output channel of the tile
	scale     []float32 // of integer sums: one for each output channel of the tile
}

// bf16Portable computes, for i < tiles·pixels, j < blocks and lane v,
//
//	y[i·L+j·yj+v] = clamp(bias[j·L+v] + add[i·L+j·addj+v] + Σ over s < steps, u < 16 and both halves h of
//	    units[offs[s]+i·xi+u].h · weights[((s·16+u)·blocks+j)·L+v].h)
func bf16Portable(t *lowArgs, pixels, blocks int) {
	for i := range t.tiles * pixels {
		for j := range blocks {
			var sums [blockLanes]float32
			t.each(i, j, blocks, func(x uint32, w *[blockLanes]uint32) {
				a, b := bf16Pair(x)
				for v, both := range w {
					c, d := bf16Pair(both)
					sums[v] += b * d
					sums[v] += a * c
				}
			})
			t.finish(i, j, &sums)
		}
	}
}

// int8Portable computes, for i < tiles·pixels, j < blocks and lane v,
//
//	y[i·L+j·yj+v] = clamp(bias[j·L+v] + add[i·L+j·addj+v] + scale[j·L+v] · (start[j·L+v] +
//	    Σ over s < steps, u < 16 and bytes b of units[offs[s]+i·xi+u].b · weights[((s·16+u)·blocks+j)·L+v].b))
//
// where the bytes of units are 0 … 255, those of weights -128 … 127, and the
// sum is an int32.
func int8Portable(t *lowArgs, pixels, blocks int) {
	for i := range t.tiles * pixels {
		for j := range blocks {
			sums := [blockLanes]int32(t.start[j*blockLanes:])
			t.each(i, j, blocks, func(x uint32, w *[blockLanes]uint32) {
				for v, q := range w {
					for b := 0; b < 32; b += 8 {
						sums[v] += int32(uint8(x>>b)) * int32(int8(q>>b))
					}
				}
			})
			var scaled [blockLanes]float32
			for v, sum := range sums {
				scaled[v] = float32(sum) * t.scale[j*blockLanes+v]
			}
			t.finish(i, j, &scaled)
		}
	}
}

// run computes n pixels by the kernels of a set.
func (t *lowArgs) run(kernels []func(*lowArgs), n, lanes int) {
	for n > 0 {
		tiles, pixels := nextTiles(n, len(kernels)-1)
		t.tiles, t.ahead = tiles, lookAhead(pixels, t.steps, lanes)
		kernels[pixels](t)
		t.units = t.units[min(tiles*pixels*t.xi, len(t.units)):]
		t.advance(tiles * pixels * lanes)
		n -= tiles * pixels
	}
}

// each calls f with the units of pixel i and their weights for block j.
func (t *lowArgs) each(i, j, blocks int, f func(x uint32, w *[blockLanes]uint32)) {
	w := t.weights[j*blockLanes:]
	for s, at := range t.offs[:t.steps] {
		for u, x := range t.units[at+i*t.xi:][:lowUnits] {
			f(x, (*[blockLanes]uint32)(w[(s*lowUnits+u)*blocks*blockLanes:]))
		}
	}
}

// finish stores the sums of pixel i and block j.
func (t *lowArgs) finish(i, j int, sums *[blockLanes]float32) {
	for v := 0; v < blockLanes; v += 4 {
		t.store(i, j, v, (*[4]float32)(sums[v:]))
	}
}

// bf16Pair returns the numbers of a unit.
func bf16Pair(u uint32) (lo, hi float32) {
	return math.Float32frombits(u << 16), math.Float32frombits(u &^ 0xffff)
}

// bf16 returns the upper half of v, rounded to nearest even. A NaN stays one;
// what is too small for a normal number becomes zero, as the processor does.
func bf16(v float32) uint32 {
	b := math.Float32bits(v)
	switch {
	case v != v:
		return b>>16 | 0x40
	case b&0x7f800000 == 0:
		return b >> 16 & 0x8000
	}
	return (b + 0x7fff + b>>16&1) >> 16
}

// lowPackArgs are the operands of the conversion of a row of pixels. The
// generator knows the layout of the struct.
type lowPackArgs struct {
	y    []uint32  // out: pixel i at 16·i
	x    []float32 // channel c of pixel i at offs[c/L] + i·xi + c%L
	offs []int
	mask uint64 // bit c is set if channel c exists; others are 0
	n    int    // pixels
	xi   int
	zero int     // int8: what is added
	inv  float32 // int8: what is multiplied before
}

// channel is the number of channel c of pixel i.
func (t *lowPackArgs) channel(i, c int) float32 {
	if t.mask>>c&1 == 0 {
		return 0
	}
	return t.x[t.offs[c/blockLanes]+i*t.xi+c%blockLanes]
}

// u8 returns v·inv rounded to nearest even, plus zero, at least 0 and at most
// 255. A NaN becomes 0.
func u8(v, inv float32, zero int) uint32 {
	v = min(v*inv, 255)
	if v != v {
		return 0
	}
	return uint32(min(max(math.RoundToEven(float64(v))+float64(zero), 0), 255))
}

// int8PackPortable computes y[16·i+u] = Σ over b < 4 of u8(channel 4u+b) << 8b.
func int8PackPortable(t *lowPackArgs) {
	for i := range t.n {
		for u := range lowUnits {
			var quad uint32
			for b := range 4 {
				quad |= u8(t.channel(i, 4*u+b), t.inv, t.zero) << (8 * b)
			}
			t.y[i*lowUnits+u] = quad
		}
	}
}

// bf16PackPortable computes y[16·i+u] = bf16(channel 2u) | bf16(channel 2u+1) << 16.
func bf16PackPortable(t *lowPackArgs) {
	for i := range t.n {
		for u := range lowUnits {
			t.y[i*lowUnits+u] = bf16(t.channel(i, 2*u)) | bf16(t.channel(i, 2*u+1))<<16
		}
	}
}

// lowPortable lists the portable kernels by precision.
var lowPortable = [Int8 + 1]lowKernels{
	BFloat16: {lowSet(bf16Portable, 2), lowSet(bf16Portable, 1), bf16PackPortable},
	Int8:     {lowSet(int8Portable, 2), lowSet(int8Portable, 1), int8PackPortable},
}

// lowSet is the list of f by number of pixels.
func lowSet(f func(t *lowArgs, pixels, blocks int), blocks int) (set []func(*lowArgs)) {
	set = []func(*lowArgs){nil}
	for pixels := 1; pixels <= 4; pixels++ {
		set = append(set, func(t *lowArgs) { f(t, pixels, blocks) })
	}
	return set
}
