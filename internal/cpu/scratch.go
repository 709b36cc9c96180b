package cpu

import "unsafe"

// Scratch is how much memory a call takes beside its operands, as its shapes
// tell before it runs; the zero value is none. A Device keeps what it has taken
// for the next call, so what calls take one after the other is Or of theirs.
// Tables of a few KiB, such as those of offsets that a task keeps, are not counted.
//
// Beside each kernel stands a method that says what it takes: the *Scratch ones.
type Scratch struct {
	// Of the device, in float32. gradMatrix has dy and x, for gradTiled too.
	shared, low   int
	dy, x         int
	once, phases  int
	filters, bias int // tiled has these two
	in, out       int // and these
	spare         int
	// Of each of its threads: in float32, and two in elements.
	panel, plane, edge, strip int
	offs, runs                int
}

// Or is what two calls take one after the other.
func (s Scratch) Or(t Scratch) Scratch {
	return Scratch{
		shared: max(s.shared, t.shared), low: max(s.low, t.low),
		dy: max(s.dy, t.dy), x: max(s.x, t.x),
		filters: max(s.filters, t.filters), bias: max(s.bias, t.bias), in: max(s.in, t.in), out: max(s.out, t.out),
		once: max(s.once, t.once), phases: max(s.phases, t.phases), spare: max(s.spare, t.spare),
		panel: max(s.panel, t.panel), plane: max(s.plane, t.plane), edge: max(s.edge, t.edge), strip: max(s.strip, t.strip),
		offs: max(s.offs, t.offs), runs: max(s.runs, t.runs),
	}
}

// Bytes is what s is on a Device of that many threads.
func (s Scratch) Bytes(threads int) int64 {
	device := 4 * int64(s.shared+s.low+s.dy+s.x+s.once+s.phases+s.filters+s.bias+s.in+s.out+s.spare)
	worker := 4*int64(s.panel+s.plane+s.edge+s.strip) + int64(unsafe.Sizeof(0))*int64(s.offs) + int64(unsafe.Sizeof(run{}))*int64(s.runs)
	return device + int64(threads)*worker
}

// Spare returns n numbers for the caller's own use, until the next call of
// Spare. Their contents are arbitrary. Nothing else of the Device uses them.
func (d *Device) Spare(n int) []float32 { return grow(&d.spare, n) }

// SpareScratch is what Spare takes.
func SpareScratch(n int) Scratch { return Scratch{spare: n} }

// Reserve takes the memory of s now: calls that need no more take none.
func (d *Device) Reserve(s Scratch) {
	m := &d.gradMatrix
	grow(&d.scratch, s.shared)
	d.lowPack.reserve(s.low)
	grow(&m.dy, s.dy)
	grow(&m.x, s.x)
	grow(&d.panels, s.once)
	grow(&d.tiled.conv.weights, s.filters)
	grow(&d.tiled.conv.bias, s.bias)
	grow(&d.tiled.x, s.in)
	grow(&d.tiled.y, s.out)
	grow(&d.phases, s.phases)
	grow(&d.spare, s.spare)
	for _, w := range d.team.workers {
		grow(&w.panel, s.panel)
		grow(&w.plane, s.plane)
		grow(&w.edge, s.edge)
		grow(&w.strip, s.strip)
		grow(&w.offs, s.offs)
		grow(&w.runs, s.runs)
	}
}

// ScratchBytes is the memory held for intermediate results. It grows to what
// the largest shapes need and then stays.
func (d *Device) ScratchBytes() int64 {
	m := &d.gradMatrix
	bytes := Scratch{
		shared: cap(d.scratch), low: len(d.lowPack.memory),
		dy: cap(m.dy), x: cap(m.x),
		once: cap(d.panels), filters: cap(d.tiled.conv.weights), bias: cap(d.tiled.conv.bias), in: cap(d.tiled.x), out: cap(d.tiled.y),
		phases: cap(d.phases), spare: cap(d.spare),
	}.Bytes(0)
	for _, w := range d.team.workers {
		bytes += Scratch{
			panel: cap(w.panel), plane: cap(w.plane), edge: cap(w.edge), strip: cap(w.strip), offs: cap(w.offs), runs: cap(w.runs),
		}.Bytes(1)
	}
	return bytes
}
