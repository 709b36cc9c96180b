package augment

import (
	"fmt"
	"testing"
)

func BenchmarkCells(b *testing.B) {
	for _, size := range []int{64, 128, 160} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			src := random(Random(1, "", 1), size)
			dst := make([]float32, len(src))
			for n := range b.N {
				Cells().Apply(dst, src, size, Random(1, "", n))
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "images/s")
		})
	}
}
