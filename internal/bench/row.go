package bench

import (
	"slices"

	"github.com/tlkit/tl/internal/roofline"
)

// Row is what was measured of a case.
type Row struct {
	Network string `json:"network" csv:"network"`
	Spec
	Rounds          int     `json:"rounds" csv:"rounds"`
	ImagesPerSecond float64 `json:"images_per_s" csv:"images_per_s"`           // median of the rounds
	Best            float64 `json:"best_images_per_s" csv:"best_images_per_s"` // of the rounds
	GFlops          float64 `json:"gflops" csv:"gflops"`                       // GFLOP/s at the median, by direct convolution
	PeakShare       float64 `json:"peak_share" csv:"peak_share"`               // of the float32 peak of all threads: 0.5 is half; fewer operations than direct may exceed 1
	Deviation       float64 `json:"deviation" csv:"deviation"`                 // relative L2 error of the outputs against float32, of the random input
	CompileSeconds  float64 `json:"compile_s" csv:"compile_s"`                 // with the runs that the deviation and int8's ranges want
	MemoryMiB       float64 `json:"memory_mib" csv:"memory_mib"`               // activations, packed weights, scratch
}

// Rows are the cases that were measured in a round or more.
func Rows(cases []*Case, m roofline.Machine) []Row {
	var rows []Row
	for _, c := range cases {
		if len(c.Seconds) > 0 {
			rows = append(rows, c.row(m))
		}
	}
	return rows
}

func (c *Case) row(m roofline.Machine) Row {
	r := Row{
		Network: c.Network, Spec: c.Spec, Rounds: len(c.Seconds),
		GFlops:    per(c.Flops, median(c.Seconds)) / 1e9,
		Deviation: c.Deviation, CompileSeconds: c.Compile, MemoryMiB: float64(c.memory()) / (1 << 20),
	}
	r.ImagesPerSecond, r.Best = c.speed()
	r.PeakShare = per(r.GFlops, m.Peak)
	return r
}

// speed is images a second at the median of the rounds and in the best.
func (c *Case) speed() (mid, best float64) {
	images := float64(c.Images)
	return per(images, median(c.Seconds)), per(images, slices.Min(c.Seconds))
}

// median of at least one number.
func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// per is x/y, and 0 where y is 0: a time too short for the clock, or no work.
func per(x, y float64) float64 {
	if y == 0 {
		return 0
	}
	return x / y
}
