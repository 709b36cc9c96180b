//go:build !linux

package cpu

// largePages does nothing: other kernels choose the page size themselves.
func largePages([]float32) {}
