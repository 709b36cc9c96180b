package finetune

import (
	"golang.org/x/sys/windows"
)

// errDiskFull is what the system answers when a disk is full.
var errDiskFull error = windows.ERROR_DISK_FULL

// freeBytes returns the space that is left for us on the disk of dir, or -1
// where the system does not tell.
func freeBytes(dir string) int64 {
	p, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return -1
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(p, &free, nil, nil); err != nil {
		return -1
	}
	return int64(free)
}

// peakMemory returns 0: the largest resident size is not asked for here.
func peakMemory() int64 { return 0 }

// resetPeakMemory does nothing.
func resetPeakMemory() {}
