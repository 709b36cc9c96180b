package cpu

// MultiplyAdds returns work that does nothing but multiply and add float32 on
// the caller's thread, and how many multiplications and additions a call does:
// the kernel of the convolutions on one tile. The sums stay in registers, all
// else in the caches next to the core.
func (d *Device) MultiplyAdds() (work func(), flops int) {
	const depth, calls = 512, 16 // numbers in a sum; tiles
	l, rows := d.Lanes(), d.k.rows
	steps := depth / l
	x, w, y := Alloc(depth*rows), Alloc(depth*2*l), Alloc(2*l*rows)
	a := blockArgs{bias: Alloc(2 * l), w: w, offs: make([]int, steps+1), steps: steps, xi: l, yj: rows * l} // zeros
	for i := range steps {
		a.offs[i] = i * rows * l
	}
	return func() {
		for range calls {
			a.x, a.y = x, y
			a.run(d.k.block, rows, l)
		}
	}, calls * 2 * depth * 2 * l * rows
}
