package bench

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/tlkit/tl/internal/cgroup"
	"github.com/tlkit/tl/internal/engine"
)

// FreeMemory is the bytes that the machine can give without swapping (Linux's
// MemAvailable, see proc(5)), and its control groups (a container) allow; 0
// where the system does not tell.
func FreeMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	var kib int64
	if _, after, ok := strings.Cut(string(text), "MemAvailable:"); ok {
		fmt.Sscan(after, &kib)
	}
	_, free := cgroup.Memory()
	return min(kib<<10, free)
}

// take reserves bytes for the images of a case, and returns what is left for
// its network; 0 is no limit.
func (n *Network) take(s Spec, bytes int64) (left int64, err error) {
	if n.memory == 0 {
		return 0, nil
	}
	n.taken += bytes
	if n.taken >= n.memory {
		return 0, n.refused(s, fmt.Errorf("%s: the images alone need %d MiB of memory: %w", n.Name, mib(bytes), engine.ErrMemory))
	}
	return n.memory - n.taken, nil
}

// refused adds to an error about memory whose memory it is.
func (n *Network) refused(s Spec, err error) error {
	if !errors.Is(err, engine.ErrMemory) {
		return err
	}
	return fmt.Errorf("batch %d, %d×%d pixels, %s: %w; all cases together may take %d MiB (a smaller --batch or --size, fewer cases, or more --max-memory)",
		s.Batch, s.Size, s.Size, s.Precision, err, mib(n.memory))
}

// mib is bytes in MiB, rounded up.
func mib(bytes int64) int64 { return (bytes + 1<<20 - 1) >> 20 }
