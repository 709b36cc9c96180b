package cpu

import "testing"

// The count is what the kernel's comment says; nothing is allocated in a call.
func TestMultiplyAdds(t *testing.T) {
	for _, d := range devices(t) {
		work, flops := d.MultiplyAdds()
		if each := 2 * 512 * 2 * d.Lanes() * d.k.rows; flops == 0 || flops%each != 0 {
			t.Errorf("%s: %d operations, want tiles of %d", d.Name(), flops, each)
		}
		if n := testing.AllocsPerRun(3, work); n != 0 {
			t.Errorf("%s: %g allocations a call", d.Name(), n)
		}
	}
}
