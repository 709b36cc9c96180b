//go:build unix

package onnx

import "golang.org/x/sys/unix"

// release tells the system that the pages of a map are not needed now. It is
// advice: the map is read-only, so they can always be read again.
func release(data []byte) {
	if len(data) > 0 {
		_ = unix.Madvise(data, unix.MADV_DONTNEED)
	}
}
