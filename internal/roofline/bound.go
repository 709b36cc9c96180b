package roofline

// What limits a piece of work.
const (
	Arithmetic = "arithmetic"
	Memory     = "memory"
)

// Bound is the least time in seconds that all threads need for work of so many
// floating-point operations and so many bytes to be moved, and what sets it.
func (m Machine) Bound(flops, bytes float64) (seconds float64, limit string) {
	compute, move := flops/(m.Peak*1e9), bytes/(m.Bandwidth*1e9)
	if compute >= move {
		return compute, Arithmetic
	}
	return move, Memory
}
