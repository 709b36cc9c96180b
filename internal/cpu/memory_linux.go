package cpu

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// largePages asks the kernel to back a with pages of 2 MiB, the first and the
// last one too: what lies beside a there is of the same heap. It is advice: if
// the kernel declines, everything still works.
func largePages(a []float32) {
	const page = 2 << 20
	if 4*len(a) < page/8 {
		return
	}
	// Addresses, not pointers: a pointer into a neighbour would trouble the
	// garbage collector.
	first := uintptr(unsafe.Pointer(unsafe.SliceData(a)))
	end := (first + uintptr(4*len(a)) + page - 1) &^ (page - 1)
	first &^= page - 1
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, first, end-first, unix.MADV_HUGEPAGE)
}
