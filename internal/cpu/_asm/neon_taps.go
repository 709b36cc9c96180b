package main

import "fmt"

// taps writes the kernels that combine the pixels under a window, channel by
// channel: four pixels at a time, then one.
func (g *neon) taps() {
	for _, kind := range []string{"tapMax", "tapSum", "tapMul"} {
		g.kernel(kind+"NEON", "tapArgs", "is "+kind+"Portable.")
		g.tapBegin(kind)
		for _, m := range []int{4, 1} {
			g.tap(kind, m)
		}
		g.op("RET")
	}
}

// Registers of the kernels over taps.
const (
	tapPixels gp = iota + 1
	tapFrom
	tapTo
	tapStep
	tapList
	tapLeft
	tapWeights
	tapPixel
)

// Vector registers: results are in the first eight, numbers in the next two.
const (
	tapNumber vec = iota + 8 // two
	_
	tapFirst // two: what results begin with
	_
	tapFactor // two: weights, or the scale
	_
	tapLow
	tapHigh
)

// tapBegin loads the arguments.
func (g *neon) tapBegin(kind string) {
	switch kind {
	case "tapMax":
		g.broadcast(tapLo, tapFirst, tapFrom)
		g.move(tapFirst, tapFirst+1)
	case "tapSum":
		g.op("VEOR %v.B16, %v.B16, %v.B16", tapFirst, tapFirst, tapFirst)
		g.move(tapFirst, tapFirst+1)
		g.broadcast(tapScale, tapFactor, tapFrom)
	default:
		g.load(tapBias, tapFrom)
		g.loadPair(0, tapFrom, tapFirst, tapFirst+1)
		g.broadcast(tapLo, tapLow, tapFrom)
		g.broadcast(tapHi, tapHigh, tapFrom)
	}
	g.load(tapN, tapPixels)
	g.load(tapX, tapFrom)
	g.load(tapY, tapTo)
	g.loadBytes(tapXi, tapStep)
}

// tap does m pixels at a time while there are as many.
func (g *neon) tap(kind string, m int) {
	g.label("pixels%d", m)
	g.op("CMP $%d, %v", m, tapPixels)
	g.op("BLT next%d", m)
	for i := range 2 * m {
		g.move(tapFirst+vec(i%2), vec(i))
	}
	g.load(tapOffs, tapList)
	g.load(tapCount, tapLeft)
	g.load(tapW, tapWeights)
	g.label("tap%d", m)
	g.op("MOVD.P 8(%v), %v", tapList, tapPixel)
	g.op("ADD %v<<2, %v, %v", tapPixel, tapFrom, tapPixel)
	if kind == "tapMul" {
		g.op("FLDPQ.P %d(%v), (F%d, F%d)", blockBytes, tapWeights, tapFactor, tapFactor+1)
	}
	for i := range m {
		g.loadPair(0, tapPixel, tapNumber, tapNumber+1)
		g.op("ADD %v, %v", tapStep, tapPixel)
		for h := range vec(2) {
			g.tapOne(kind, vec(2*i)+h, h)
		}
	}
	g.loop(tapLeft, fmt.Sprintf("tap%d", m))
	for i := range m {
		g.tapEnd(kind, vec(2*i))
		g.tapEnd(kind, vec(2*i+1))
		g.op("FSTPQ.P (F%d, F%d), %d(%v)", 2*i, 2*i+1, blockBytes, tapTo)
		g.op("ADD %v, %v", tapStep, tapFrom)
	}
	g.op("SUB $%d, %v", m, tapPixels)
	g.op("B pixels%d", m)
	g.label("next%d", m)
}

// tapOne takes half h of a pixel under a tap into result v.
func (g *neon) tapOne(kind string, v, h vec) {
	switch kind {
	case "tapMax":
		g.lanewise("fmax", v, v, tapNumber+h)
	case "tapSum":
		g.lanewise("fadd", v, v, tapNumber+h)
	default:
		g.op("VFMLA %v.S4, %v.S4, %v.S4", tapFactor+h, tapNumber+h, v)
	}
}

// tapEnd scales or limits result v.
func (g *neon) tapEnd(kind string, v vec) {
	switch kind {
	case "tapSum":
		g.lanewise("fmul", v, v, tapFactor)
	case "tapMul":
		g.lanewise("fmax", v, v, tapLow)
		g.lanewise("fmin", v, v, tapHigh)
	}
}

// gather writes the copy of pixels that lie xi apart to a dense row.
func (g *neon) gather() {
	g.kernel("gatherNEON", "tapArgs", "is gatherPortable.")
	g.load(tapN, tapPixels)
	g.load(tapX, tapFrom)
	g.load(tapY, tapTo)
	g.loadBytes(tapXi, tapStep)
	g.label("pixel")
	g.loadPair(0, tapFrom, tapNumber, tapNumber+1)
	g.op("ADD %v, %v", tapStep, tapFrom)
	g.op("FSTPQ.P (F%d, F%d), %d(%v)", tapNumber, tapNumber+1, blockBytes, tapTo)
	g.loop(tapPixels, "pixel")
	g.op("RET")
}
