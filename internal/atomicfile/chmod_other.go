//go:build !unix

package atomicfile

import "os"

// chmod does nothing: files take their folder's rights here.
func chmod(*os.File) error { return nil }
