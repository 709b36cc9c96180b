package cpu

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// largePages asks the kernel to back a with pages of 2 MiB. It is advice: if
// the kernel declines, everything still works.
func largePages(a []float32) {
	const page = 2 << 20
	first := unsafe.Pointer(unsafe.SliceData(a))
	skip := -int(uintptr(first)) & (page - 1)
	if bytes := (4*len(a) - skip) &^ (page - 1); bytes > 0 {
		_ = unix.Madvise(unsafe.Slice((*byte)(unsafe.Add(first, skip)), bytes), unix.MADV_HUGEPAGE)
	}
}
