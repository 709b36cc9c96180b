//go:build amd64 && !purego

package cpu

import "golang.org/x/sys/cpu"

// available lists the kernel sets that this processor can run, best first.
func available() []*kernels {
	list := []*kernels{kernelsPortable}
	x := &cpu.X86
	if x.HasAVX2 && x.HasFMA && x.HasBMI2 {
		list = append([]*kernels{kernelsAVX2}, list...)
		if x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512VL {
			list = append([]*kernels{kernelsAVX512}, list...)
		}
	}
	return list
}
