//go:build unix

package finetune

import "golang.org/x/sys/unix"

// errDiskFull is what the system answers when a disk is full.
var errDiskFull error = unix.ENOSPC

// freeBytes returns the space that is left for us on the disk of dir, or -1
// where the system does not tell.
func freeBytes(dir string) int64 {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return -1
	}
	return int64(st.Bavail) * int64(st.Bsize)
}

// allocated returns the bytes that path takes on its disk: those of a sparse
// file's written parts. 0 is no file.
func allocated(path string) int64 {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0
	}
	return int64(st.Blocks) * 512 // POSIX: the unit of st_blocks
}

// peakMemory returns the largest resident size of this process so far, in
// bytes, or 0 where the system does not tell.
func peakMemory() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return int64(u.Maxrss) * maxrssUnit
}
