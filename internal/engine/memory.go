package engine

import (
	"fmt"

	"github.com/tlkit/tl/internal/graph"
)

// fits refuses a program that needs more than the allowed bytes; 0 allows all.
func fits(g *graph.Graph, allowed, needed int64) error {
	if allowed <= 0 || needed <= allowed {
		return nil
	}
	return fmt.Errorf("%s: input %v needs %d MiB of memory, at most %d MiB are allowed: a smaller batch or image needs less",
		g.Name, g.Inputs[0].Shape, (needed+1<<20-1)>>20, allowed>>20)
}

// leastMemory is a lower bound of what g needs, in bytes, known before any
// pass has run: packed weights, which no pass takes away.
func leastMemory(g *graph.Graph) (bytes int64) {
	for _, n := range g.Nodes {
		bytes += packedBytes(n)
	}
	return bytes
}
