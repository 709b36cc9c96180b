package cpu

// A Loop is the body of a loop over numbered elements together with its
// operands. Run does elements lo … hi-1; it must not use the Device.
type Loop interface{ Run(lo, hi int) }

// Split runs l over [0, n) in pieces of step elements, on all threads. The
// pieces depend only on n and step, so results are the same for any number of
// threads. The Device keeps one copy of each type of loop: unlike Parallel
// with a new closure, Split allocates nothing after the first call with an L.
func Split[L Loop](d *Device, n, step int, l L) {
	t, _ := d.loops[loopKey[L]{}].(*loopTask[L])
	if t == nil {
		t = &loopTask[L]{}
		d.loops[loopKey[L]{}] = t
	}
	*t = loopTask[L]{l, n, step}
	d.team.run(ceilDiv(n, step), t)
	*t = loopTask[L]{}
}

// loopKey stands for the type L in Device.loops.
type loopKey[L Loop] struct{}

// loopTask runs a loop; a piece is step elements.
type loopTask[L Loop] struct {
	loop    L
	n, step int
}

func (t *loopTask[L]) piece(_ *worker, i int) {
	t.loop.Run(i*t.step, min((i+1)*t.step, t.n))
}
