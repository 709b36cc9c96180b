package cpu

import "unsafe"

// cacheLine is the unit that memory is aligned to: 16 float32.
const cacheLine = 64

// Alloc returns n zeros that begin on a cache line, on large pages where the
// machine has them: weights and activations are walked in long strides.
func Alloc(n int) []float32 {
	const line = cacheLine / 4
	a := make([]float32, n+line-1)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(a)))/4) & (line - 1)
	a = a[skip:][:n:n]
	largePages(a)
	return a
}
