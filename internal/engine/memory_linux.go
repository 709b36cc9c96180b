package engine

import "golang.org/x/sys/unix"

// machineMemory is the bytes of memory and swap of this machine, 0 where it
// does not tell.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int64((uint64(info.Totalram) + uint64(info.Totalswap)) * uint64(info.Unit))
}
