package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkLowConv runs the layers of ResNet50 in every precision: Gop/s of
// the plain sum, conversion included, and the part of the time it takes.
func BenchmarkLowConv(b *testing.B) {
	d := newDevice(2, available()[0])
	defer d.Close()
	for _, l := range []struct{ n, c, k, h, r, stride int }{
		{2, 64, 64, 56, 1, 1}, {2, 64, 256, 56, 1, 1}, {2, 256, 64, 56, 1, 1}, {2, 64, 64, 56, 3, 1},
		{4, 256, 128, 56, 1, 2}, {4, 256, 512, 56, 1, 2}, {4, 128, 128, 56, 3, 2},
		{4, 512, 128, 28, 1, 1}, {4, 128, 512, 28, 1, 1}, {4, 128, 128, 28, 3, 1},
		{8, 512, 1024, 28, 1, 2}, {8, 256, 256, 28, 3, 2},
		{8, 1024, 256, 14, 1, 1}, {8, 256, 1024, 14, 1, 1}, {8, 256, 256, 14, 3, 1},
		{16, 1024, 2048, 14, 1, 2}, {16, 512, 512, 14, 3, 2},
		{16, 2048, 512, 7, 1, 1}, {16, 512, 2048, 7, 1, 1}, {16, 512, 512, 7, 3, 1}, {1, 512, 512, 7, 3, 1},
	} {
		s := tiled(l.n, l.c, l.k, l.h, l.h)
		s.R, s.S, s.StrideH, s.StrideW = l.r, l.r, l.stride, l.stride
		s.PadTop, s.PadLeft = l.r/2, l.r/2
		s.OH, s.OW = (l.h-1)/l.stride+1, (l.h-1)/l.stride+1
		name := fmt.Sprintf("%dx%d-%d@%dx%d,s%d", l.n, l.c, l.k, l.h, l.r, l.stride)
		b.Run(name+"/f32", func(b *testing.B) { benchBlockConv(b, d, s, Direct) })
		for _, p := range []Precision{BFloat16, Int8} {
			b.Run(fmt.Sprint(name, "/", p), func(b *testing.B) { benchLowConv(b, d, s, p) })
		}
	}
}

func benchLowConv(b *testing.B, d *Device, s ConvShape, p Precision) {
	if err := d.HasPrecision(p); err != nil {
		b.Skip(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	c := d.PackLowConv(s, random(r, s.K*s.depth()), nil, p, Quantisation{Scale: 1})
	x := d.Blocks(Alloc(d.BlocksSize(s.N, s.C, s.H, s.W)), s.N, s.C, s.H, s.W)
	for i := range x.Data {
		x.Data[i] = float32(i % 7)
	}
	y := d.Blocks(Alloc(d.BlocksSize(s.N, s.K, s.OH, s.OW)), s.N, s.K, s.OH, s.OW)
	e := BlockEpilogue{Clamp: true, Hi: float32(math.Inf(1))}
	for b.Loop() {
		d.LowConv(c, y, x, e)
	}
	ops := 2 * float64(s.N*s.K*s.OH*s.OW) * float64(s.depth())
	each := b.Elapsed() / max(1, time.Duration(b.N))
	b.ReportMetric(ops/each.Seconds()/1e9, "Gop/s")
	b.StopTimer()
	start := time.Now()
	for range b.N {
		d.lowPack.run(d, c, x)
	}
	b.ReportMetric(100*time.Since(start).Seconds()/b.Elapsed().Seconds(), "%converting")
}
