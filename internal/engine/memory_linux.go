package engine

import (
	"golang.org/x/sys/unix"

	"github.com/tlkit/tl/internal/cgroup"
)

// machineMemory is the bytes of memory and swap of this machine, or what its
// control groups (a container) leave of them; 0 where it does not tell.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	limit, _ := cgroup.Memory()
	return min(limit, int64((uint64(info.Totalram)+uint64(info.Totalswap))*uint64(info.Unit)))
}
