package engine

import (
	"errors"
	"fmt"

	"github.com/tlkit/tl/internal/graph"
)

// ErrMemory is in the error of a program that needs more than Options.MaxMemory.
var ErrMemory = errors.New("a smaller batch or image needs less")

// MachineMemory is the bytes that a program may hold where nobody says less; 0
// where the machine does not tell.
func MachineMemory() int64 { return machineMemory() }

// fits refuses a program that needs more than the allowed bytes, or than the
// machine has where 0 are given: Go ends a process that asks for more.
func fits(g *graph.Graph, allowed, needed int64) error {
	if allowed <= 0 {
		allowed = machineMemory()
	}
	if allowed <= 0 || needed <= allowed {
		return nil
	}
	if len(g.Inputs) == 0 {
		return fmt.Errorf("%s: needs %d MiB of memory, at most %d MiB are allowed", g.Name, (needed+1<<20-1)>>20, allowed>>20)
	}
	return fmt.Errorf("%s: input %v needs %d MiB of memory, at most %d MiB are allowed (%w)",
		g.Name, g.Inputs[0].Shape, (needed+1<<20-1)>>20, allowed>>20, ErrMemory)
}

// leastMemory is a lower bound of what g needs, in bytes, known before any
// pass has run: packed weights, which no pass takes away.
func leastMemory(g *graph.Graph) (bytes int64) {
	for _, n := range g.Nodes {
		bytes += packedBytes(n)
	}
	return bytes
}
