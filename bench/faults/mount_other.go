//go:build !linux

package main

import (
	"errors"
	"fmt"
)

// inOwnMounts does nothing: only Linux has mounts of one process.
func inOwnMounts() (code int, done bool) { return 0, false }

func mountDisk(string, int) error { return fmt.Errorf("%w: small disks want Linux", errCannot) }

func protect(string) error { return errors.ErrUnsupported }

func seal(string) error { return errors.ErrUnsupported }

func unmount(string) error { return nil }
