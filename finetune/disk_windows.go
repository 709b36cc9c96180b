package finetune

import (
	"os"

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

// allocated returns the bytes that path takes on its disk: all, since files
// are not sparse here unless asked for. 0 is no file.
func allocated(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return st.Size()
}

// peakMemory returns 0: the largest resident size is not asked for here.
func peakMemory() int64 { return 0 }

// resetPeakMemory does nothing.
func resetPeakMemory() {}
