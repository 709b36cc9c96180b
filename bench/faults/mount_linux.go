package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownMounts is set in a process that has its mounts for itself.
const ownMounts = "TL_FAULTS_MOUNTS"

// inOwnMounts runs this program again with mounts of its own, which go with it
// whatever ends it: as root, or else as the root of a user namespace. done is
// false in that process, and where the system does not allow it.
func inOwnMounts() (code int, done bool) {
	if os.Getenv(ownMounts) != "" {
		return 0, false
	}
	self, err := os.Executable()
	if err != nil {
		return 0, false
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), ownMounts+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		return 0, false
	}
	if err := cmd.Wait(); err != nil {
		return max(1, cmd.ProcessState.ExitCode()), true
	}
	return 0, true
}

// mountDisk makes dir a disk of some KiB, or changes the size of the one that
// it is; it can be written to afterwards.
func mountDisk(dir string, kib int) error {
	if os.Getenv(ownMounts) == "" {
		return fmt.Errorf("%w: mounting wants root or user namespaces", errCannot)
	}
	size := fmt.Sprintf("size=%dk", kib)
	if unix.Mount("none", dir, "tmpfs", unix.MS_REMOUNT, size) == nil {
		return nil
	}
	if err := errors.Join(unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("none", dir, "tmpfs", 0, size)); err != nil {
		return fmt.Errorf("%w: mounting a disk: %v", errCannot, err)
	}
	return nil
}

// protect makes the disk dir read-only.
func protect(dir string) error {
	return unix.Mount("none", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
}

// seal makes a file or folder read-only until it is unmounted.
func seal(path string) error {
	return errors.Join(unix.Mount(path, path, "", unix.MS_BIND, ""),
		unix.Mount("none", path, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
}

func unmount(path string) error { return unix.Unmount(path, unix.MNT_DETACH) }
