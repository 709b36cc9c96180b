package engine

import (
	"fmt"
	"unsafe"

	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/op"
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
// pass has run: packed weights and the largest result of a convolution or
// matrix product, which no pass takes away.
func leastMemory(g *graph.Graph) int64 {
	var largest int64
	for _, n := range g.Nodes {
		if flops(n) > 0 {
			largest = max(largest, 4*int64(n.Out.Shape.Size()))
		}
	}
	return largest + packedMemory(g)
}

// packedMemory is the bytes of weights that are laid out anew for the kernels.
func packedMemory(g *graph.Graph) int64 {
	var bytes int64
	for _, n := range g.Nodes {
		if _, ok := n.Op.(op.Packer); !ok || len(n.In) < 2 || n.In[1] == nil || n.In[1].Const == nil {
			continue
		}
		bytes += 4 * int64(n.In[1].Shape.Size())
	}
	return bytes
}

// aligned returns n zeros that begin on a 64-byte line.
func aligned(n int) []float32 {
	a := make([]float32, n+15)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(a)))/4) & 15
	return a[skip:][:n:n]
}
