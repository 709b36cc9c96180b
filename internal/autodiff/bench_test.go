package autodiff

import (
	"fmt"
	"testing"

	"github.com/tlkit/tl/internal/tensor"
	"gorgonia.org/gorgonia"
)

// A step on the 15 million parameters of ResNet50's last stage; ns/param is
// for both threads together.
func BenchmarkSolver(b *testing.B) {
	for name, o := range map[string]SolverOptions{
		"adam":          {},
		"adam+clip":     {Clip: 1},
		"adam+clip+ema": {Clip: 1, Average: 0.999},
		"sgd+clip+ema":  {Kind: "sgd", Momentum: 0.9, Clip: 1, Average: 0.999},
	} {
		for threads := 1; threads <= 2; threads++ {
			b.Run(fmt.Sprint(name, "/", threads), func(b *testing.B) {
				const arrays, size = 10, 3 << 19
				var m []gorgonia.ValueGrad
				for i := range uint64(arrays) {
					o.Params = append(o.Params[:i:i], ParamOptions{Size: size})
					w, g := normal(i, size), tensor.New(size)
					for j := range g.Data {
						g.Data[j] = 1e-3
					}
					m = append(m, pair{dense(w), dense(g)})
				}
				s, err := NewSolver(newDevice(b, threads), o)
				if err != nil {
					b.Fatal(err)
				}
				for b.Loop() {
					if err := s.Step(m); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(arrays*size), "ns/param")
			})
		}
	}
}
