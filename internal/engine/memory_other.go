//go:build !linux

package engine

// machineMemory is not known: a terabyte, which bounds what a file may ask for.
func machineMemory() int64 { return 1 << 40 }
