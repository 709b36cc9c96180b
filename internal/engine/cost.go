package engine

import (
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/op"
)

// The cost model: multiplications and additions, and what else takes as long.
// tl bench --layers prints measurements beside it.
const (
	transformCost = 32 // for each point of a tile and channel, in and out alike
	weightByte    = 8  // for each byte of weights: they come from memory beside the products
	weightWait    = 6  // and what of that the products do not hide
)

// algorithm chooses how to convolve, with or without the 2×2 maximum behind.
func (x *plan) algorithm(s cpu.ConvShape, pool bool) cpu.Algorithm {
	best := cpu.Direct
	if !s.CanWinograd() {
		return best
	}
	images := x.imagesAtOnce(s)
	least := cost(s, best, images)
	for _, a := range []cpu.Algorithm{cpu.Winograd2, cpu.Winograd4, cpu.Winograd5, cpu.Winograd6} {
		if pool && a == cpu.Winograd5 {
			continue
		}
		if c := cost(s, a, images); c < least {
			best, least = a, c
		}
	}
	return best
}

// cost estimates the work of a convolution of some images.
func cost(s cpu.ConvShape, a cpu.Algorithm, images int) float64 {
	products, points := float64(images*s.OH*s.OW), float64(s.R*s.S)
	transforms := 0.0
	if m := int(a); a != cpu.Direct {
		points = float64((m + 2) * (m + 2))
		products = float64(images * ((s.OH + m - 1) / m) * ((s.OW + m - 1) / m))
		transforms = products * points * float64(s.C+s.K) * transformCost
	}
	weights := points * float64(s.C*s.K)
	return max(2*products*weights, 4*weights*weightByte) + 4*weights*weightWait + transforms
}

// packedConv is the bytes of weights laid out for a.
func packedConv(s cpu.ConvShape, a cpu.Algorithm, lanes int) int64 {
	points := s.R * s.S
	if a != cpu.Direct {
		points = (int(a) + 2) * (int(a) + 2)
	}
	up := func(c int) int { return (c + lanes - 1) / lanes * lanes }
	return 4 * int64(points*up(s.C)*up(s.K))
}

// groupBytes is the budget of levels.
const groupBytes = 16 << 20

// imagesAtOnce is how many images of a convolution stay in the cache.
func (x *plan) imagesAtOnce(s cpu.ConvShape) int {
	return powerBelow(groupBytes/(4*(s.C*s.H*s.W+s.K*s.OH*s.OW)), x.batch)
}

// powerBelow is the largest power of two up to n and, unless that is all, most.
func powerBelow(n, most int) int {
	if n >= most {
		return most
	}
	p := 1
	for 2*p <= n {
		p *= 2
	}
	return p
}

// bytesOf is what a node has to read and write once.
func bytesOf(n *graph.Node) float64 {
	bytes := 4 * float64(n.Out.Shape.Size())
	for _, v := range n.In {
		if v != nil {
			bytes += 4 * float64(v.Shape.Size())
		}
	}
	return bytes
}

// packedBytes is what an operator that sees its constants once keeps of them.
func packedBytes(n *graph.Node) int64 {
	if _, ok := n.Op.(op.Packer); !ok || len(n.In) < 2 || n.In[1] == nil || n.In[1].Const == nil {
		return 0
	}
	return 4 * int64(n.In[1].Shape.Size())
}
