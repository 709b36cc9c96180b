package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// BenchmarkBlockConv runs typical layers by every algorithm: GFLOP/s of the
// plain sum, which Winograd exceeds.
func BenchmarkBlockConv(b *testing.B) {
	d := newDevice(2, available()[0])
	defer d.Close()
	for _, l := range []struct{ n, c, k, h, r, stride int }{
		{1, 64, 64, 224, 3, 1}, {1, 64, 128, 112, 3, 1}, {1, 128, 128, 112, 3, 1}, {2, 128, 256, 56, 3, 1}, {2, 256, 256, 56, 3, 1},
		{4, 256, 512, 28, 3, 1}, {4, 512, 512, 28, 3, 1}, {8, 512, 512, 14, 3, 1},
		{2, 64, 64, 56, 3, 1}, {4, 128, 128, 28, 3, 1}, {8, 256, 256, 14, 3, 1}, {16, 512, 512, 7, 3, 1}, {1, 512, 512, 7, 3, 1}, {1, 256, 256, 14, 3, 1}, {1, 512, 512, 14, 3, 1}, {1, 512, 512, 28, 3, 1}, {1, 128, 128, 28, 3, 1},
		{2, 64, 64, 56, 1, 1}, {2, 64, 256, 56, 1, 1}, {2, 256, 64, 56, 1, 1}, {4, 512, 128, 28, 1, 1}, {4, 128, 512, 28, 1, 1},
		{8, 1024, 256, 14, 1, 1}, {8, 256, 1024, 14, 1, 1}, {16, 2048, 512, 7, 1, 1}, {16, 512, 2048, 7, 1, 1},
		{4, 128, 128, 56, 3, 2}, {8, 256, 256, 28, 3, 2}, {16, 512, 512, 14, 3, 2}, {4, 256, 512, 56, 1, 2}, {16, 1024, 2048, 14, 1, 2},
	} {
		s := tiled(l.n, l.c, l.k, l.h, l.h)
		s.R, s.S, s.StrideH, s.StrideW = l.r, l.r, l.stride, l.stride
		s.PadTop, s.PadLeft = l.r/2, l.r/2
		s.OH, s.OW = (l.h-1)/l.stride+1, (l.h-1)/l.stride+1
		for _, a := range []Algorithm{Direct, Winograd2, Winograd4, Winograd5, Winograd6} {
			if a != Direct && !s.CanWinograd() {
				continue
			}
			b.Run(fmt.Sprintf("%dx%d-%d@%dx%d,s%d/%v", l.n, l.c, l.k, l.h, l.r, l.stride, a), func(b *testing.B) { benchBlockConv(b, d, s, a) })
		}
	}
}

func benchBlockConv(b *testing.B, d *Device, s ConvShape, a Algorithm) {
	r := rand.New(rand.NewPCG(1, 2))
	c := d.PackBlockConv(s, random(r, s.K*s.depth()), nil, a)
	x := d.Blocks(Alloc(d.BlocksSize(s.N, s.C, s.H, s.W)), s.N, s.C, s.H, s.W)
	for i := range x.Data {
		x.Data[i] = float32(i%7) - 3
	}
	y := d.Blocks(Alloc(d.BlocksSize(s.N, s.K, s.OH, s.OW)), s.N, s.K, s.OH, s.OW)
	e := BlockEpilogue{Clamp: true, Hi: float32(math.Inf(1))}
	if s.R == 1 && s.K > s.C { // with the block's sum
		e.Add = d.Blocks(Alloc(d.BlocksSize(s.N, s.K, s.OH, s.OW)), s.N, s.K, s.OH, s.OW)
	}
	for b.Loop() {
		d.BlockConv(c, y, x, e)
	}
	flops := 2 * float64(s.N*s.K*s.OH*s.OW) * float64(s.depth())
	b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// BenchmarkBlockConvCold runs layers of batch 1 whose weights come from memory,
// as in a network: each call has other ones.
func BenchmarkBlockConvCold(b *testing.B) {
	d := newDevice(2, available()[0])
	defer d.Close()
	for _, l := range []struct {
		c, k, h, r int
		a          Algorithm
	}{
		{256, 1024, 4, 1, Direct}, {1024, 256, 4, 1, Direct}, {256, 1024, 14, 1, Direct}, {512, 2048, 7, 1, Direct}, {2048, 512, 7, 1, Direct},
		{256, 256, 14, 3, Winograd4}, {512, 512, 7, 3, Winograd2}, {512, 512, 14, 3, Winograd4}, {512, 512, 28, 3, Winograd6},
	} {
		s := tiled(1, l.c, l.k, l.h, l.h)
		s.R, s.S, s.PadTop, s.PadLeft, s.OH, s.OW = l.r, l.r, l.r/2, l.r/2, l.h, l.h
		var convs []*BlockConv
		for held := 0; held < 100<<20; held += 4 * len(convs[0].weights) {
			convs = append(convs, d.PackBlockConv(s, make([]float32, s.K*s.depth()), nil, l.a))
		}
		x := d.Blocks(Alloc(d.BlocksSize(1, s.C, s.H, s.W)), 1, s.C, s.H, s.W)
		y := d.Blocks(Alloc(d.BlocksSize(1, s.K, s.OH, s.OW)), 1, s.K, s.OH, s.OW)
		b.Run(fmt.Sprintf("%d-%d@%dx%d/%v", l.c, l.k, l.h, l.r, l.a), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				d.BlockConv(convs[i%len(convs)], y, x, BlockEpilogue{})
			}
			seconds := b.Elapsed().Seconds() / float64(b.N)
			b.ReportMetric(2*float64(s.K*s.OH*s.OW)*float64(s.depth())/seconds/1e9, "GFLOP/s")
			b.ReportMetric(4*float64(len(convs[0].weights))/seconds/1e9, "GB/s")
		})
	}
}
