package cpu

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// stay keeps the calling goroutine on a thread and processor of its own, the
// i-th of those that this process may use, if the team takes them all: on a
// busy machine the kernel may else put two of its threads on one processor and
// leave them there.
func stay(i, threads int) {
	var all, own unix.CPUSet
	if unix.SchedGetaffinity(0, &all) != nil || threads < 2 || threads != all.Count() {
		return
	}
	for c := range len(all) * 64 {
		if !all.IsSet(c) {
			continue
		}
		if i == 0 {
			own.Set(c)
			runtime.LockOSThread()
			_ = unix.SchedSetaffinity(0, &own) // advice: without it everything works
			return
		}
		i--
	}
}
