//go:build !linux

package cpu

// stay does nothing: other kernels do not let a thread choose its processor.
func stay(_, _ int) {}
