//go:build !(amd64 || arm64) || purego

package cpu

// available lists the kernel sets that this processor can run, best first.
func available() []*kernels { return []*kernels{kernelsPortable} }
