//go:build unix

package atomicfile

import "os"

// chmod gives f the rights that a new file usually has; temporary files are
// made for their owner alone.
func chmod(f *os.File) error { return f.Chmod(0o644) }
