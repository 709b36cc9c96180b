package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// benchLayers are shapes of ResNet50 and VGG16 at 224×224 and of the baseline
// CNN at 64×64.
var benchLayers = []struct {
	name string
	ConvShape
}{
	{"resnet50/stem", square(4, 3, 224, 64, 7, 2, 3)},
	{"resnet50/56-1x1-reduce", square(4, 256, 56, 64, 1, 1, 0)},
	{"resnet50/56-3x3", square(4, 64, 56, 64, 3, 1, 1)},
	{"resnet50/56-1x1-expand", square(4, 64, 56, 256, 1, 1, 0)},
	{"resnet50/28-1x1-reduce", square(4, 512, 28, 128, 1, 1, 0)},
	{"resnet50/28-3x3", square(4, 128, 28, 128, 3, 1, 1)},
	{"resnet50/28-3x3-s2", square(4, 128, 56, 128, 3, 2, 1)},
	{"resnet50/28-project", square(4, 256, 56, 512, 1, 2, 0)},
	{"resnet50/14-3x3", square(4, 256, 14, 256, 3, 1, 1)},
	{"resnet50/14-1x1-expand", square(4, 256, 14, 1024, 1, 1, 0)},
	{"resnet50/7-3x3", square(4, 512, 7, 512, 3, 1, 1)},
	{"resnet50/7-1x1-expand", square(4, 512, 7, 2048, 1, 1, 0)},
	{"vgg16/224-3", square(1, 3, 224, 64, 3, 1, 1)},
	{"vgg16/224-64", square(1, 64, 224, 64, 3, 1, 1)},
	{"vgg16/112-128", square(1, 128, 112, 128, 3, 1, 1)},
	{"vgg16/28-512", square(1, 512, 28, 512, 3, 1, 1)},
	{"vgg16/14-512", square(2, 512, 14, 512, 3, 1, 1)},
	{"baseline/64-3", square(32, 3, 64, 16, 3, 1, 0)},
	{"baseline/31-16", square(32, 16, 31, 16, 3, 1, 0)},
	{"baseline/128-3", square(32, 3, 128, 16, 3, 1, 0)},
	{"baseline/63-16", square(32, 16, 63, 16, 3, 1, 0)},
}

func (s *ConvShape) flops() float64 { return 2 * float64(s.N*s.K*s.OH*s.OW*s.depth()) }

func benchDevices(b *testing.B, f func(b *testing.B, d *Device)) {
	for _, k := range available() {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s-%d", k.name, threads), func(b *testing.B) {
				d := newDevice(threads, k)
				defer d.Close()
				f(b, d)
			})
		}
	}
}

func gflops(b *testing.B, flops float64) {
	b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(b.Elapsed().Seconds()*1e3/float64(b.N), "ms")
}

func BenchmarkConv(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, l := range benchLayers {
		s := l.ConvShape
		x, w, y := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth()), make([]float32, s.N*s.K*s.OH*s.OW)
		b.Run(l.name, func(b *testing.B) {
			benchDevices(b, func(b *testing.B, d *Device) {
				p := d.PackConv(s, w)
				for b.Loop() {
					d.Conv(s, y, x, p, Epilogue{Clamp: true, Hi: 6})
				}
				gflops(b, s.flops())
			})
		})
	}
}

// The convolutions of the parts that are usually unfrozen, at batch 32, and of
// the baseline CNN: forward as training runs it, and both gradients; "matrix" is
// the one by the weights without Winograd's tiles.
func BenchmarkTraining(b *testing.B) {
	for _, l := range []struct {
		name string
		ConvShape
	}{
		{"resnet50-stage4-160/1x1-1024-512", square(32, 1024, 10, 512, 1, 1, 0)},
		{"resnet50-stage4-160/3x3-512-stride2", square(32, 512, 10, 512, 3, 2, 1)},
		{"resnet50-stage4-160/1x1-512-2048", square(32, 512, 5, 2048, 1, 1, 0)},
		{"resnet50-stage4-160/1x1-1024-2048-stride2", square(32, 1024, 10, 2048, 1, 2, 0)},
		{"resnet50-stage4-160/3x3-512", square(32, 512, 5, 512, 3, 1, 1)},
		{"resnet50-stage4-160/1x1-2048-512", square(32, 2048, 5, 512, 1, 1, 0)},
		{"resnet50-stage3-160/1x1-1024-256", square(32, 1024, 10, 256, 1, 1, 0)},
		{"resnet50-stage3-160/3x3-256", square(32, 256, 10, 256, 3, 1, 1)},
		{"vgg16-block5-224/3x3-512", square(32, 512, 14, 512, 3, 1, 1)},
		{"vgg16-block5-160/3x3-512", square(32, 512, 10, 512, 3, 1, 1)},
		{"baseline-64/3x3-3-16", square(32, 3, 64, 16, 3, 1, 0)},
		{"baseline-64/3x3-16-16", square(32, 16, 31, 16, 3, 1, 0)},
	} {
		benchTraining(b, l.name, l.ConvShape)
	}
}

func benchTraining(b *testing.B, name string, s ConvShape) {
	r := rand.New(rand.NewPCG(1, 1))
	x, w, dy := random(r, s.N*s.C*s.H*s.W), random(r, s.K*s.depth()), random(r, s.N*s.K*s.OH*s.OW)
	y, dx, dw, db := make([]float32, len(dy)), make([]float32, len(x)), make([]float32, len(w)), make([]float32, s.K)
	for _, work := range []struct {
		what string
		do   func(d *Device)
	}{
		{"forward", func(d *Device) { d.Conv(s, y, x, d.PackConv(s, w), Epilogue{}) }},
		{"once", func(d *Device) { d.ConvOnce(s, y, x, w, Epilogue{}) }},
		{"input", func(d *Device) { d.ConvGradInput(s, dx, dy, w) }},
		{"weight", func(d *Device) { d.ConvGradWeight(s, dw, db, dy, x) }},
	} {
		b.Run(name+"/"+work.what, func(b *testing.B) {
			benchDevices(b, func(b *testing.B, d *Device) {
				for b.Loop() {
					work.do(d)
				}
				gflops(b, s.flops())
			})
		})
	}
}

// Matrix products of the heads: (m,n,k) and which operands are transposed.
func BenchmarkGemm(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, g := range []struct {
		name    string
		ta, tb  bool
		m, n, k int
	}{
		{"square", false, false, 768, 768, 768},
		{"flat-forward", false, false, 64, 1, 25088},
		{"flat-gradient", true, false, 25088, 1, 64},
		{"dense-forward", false, false, 32, 128, 8464},
		{"dense-weight", true, false, 8464, 128, 32},
		{"dense-input", false, true, 32, 8464, 128},
		{"softmax-forward", false, false, 64, 3, 25088},
		{"softmax-gradient", true, false, 25088, 3, 64},
	} {
		x, y, z := random(r, g.m*g.k), random(r, g.k*g.n), make([]float32, g.m*g.n)
		b.Run(g.name, func(b *testing.B) {
			benchDevices(b, func(b *testing.B, d *Device) {
				for b.Loop() {
					d.Gemm(g.ta, g.tb, g.m, g.n, g.k, z, x, y, GemmEpilogue{})
				}
				gflops(b, 2*float64(g.m*g.n*g.k))
			})
		})
	}
}

func BenchmarkPool(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, l := range []struct {
		name string
		PoolShape
	}{
		{"resnet50/3x3-s2", PoolShape{N: 4, C: 64, H: 112, W: 112, R: 3, S: 3, OH: 56, OW: 56, StrideH: 2, StrideW: 2, PadTop: 1, PadLeft: 1, DilationH: 1, DilationW: 1}},
		{"baseline/2x2", PoolShape{N: 32, C: 16, H: 62, W: 62, R: 2, S: 2, OH: 31, OW: 31, StrideH: 2, StrideW: 2, DilationH: 1, DilationW: 1}},
	} {
		s := l.PoolShape
		x, y := random(r, s.N*s.C*s.H*s.W), random(r, s.N*s.C*s.OH*s.OW)
		dx := make([]float32, len(x))
		b.Run(l.name+"/forward", func(b *testing.B) {
			benchDevices(b, func(b *testing.B, d *Device) {
				for b.Loop() {
					d.MaxPool(s, y, x)
				}
			})
		})
		b.Run(l.name+"/gradient", func(b *testing.B) {
			benchDevices(b, func(b *testing.B, d *Device) {
				for b.Loop() {
					d.MaxPoolGrad(s, dx, y, y, x)
				}
			})
		})
	}
}
