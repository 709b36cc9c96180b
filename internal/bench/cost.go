package bench

import "github.com/tlkit/tl/internal/roofline"

// Cost is the time and the work of a layer, or of several together.
type Cost struct {
	Millis    float64 `json:"ms" csv:"ms"`                 // for a batch, median of the rounds
	Share     float64 `json:"share" csv:"share"`           // of the time of all layers
	Flops     float64 `json:"flop" csv:"flop"`             // multiplications and additions for a batch, by direct convolution
	Bytes     float64 `json:"bytes" csv:"bytes"`           // weights and activations, each read or written once
	Least     float64 `json:"least_ms" csv:"least_ms"`     // the roofline's time: max(flop/peak, bytes/bandwidth)
	GFlops    float64 `json:"gflops" csv:"gflops"`         // GFLOP/s, by direct convolution
	PeakShare float64 `json:"peak_share" csv:"peak_share"` // of the float32 peak of all threads
	Intensity float64 `json:"flop_per_byte" csv:"flop_per_byte"`
	Roof      float64 `json:"roof_gflops" csv:"roof_gflops"` // GFLOP/s: min(peak, intensity · memory bandwidth)
	RoofShare float64 `json:"roof_share" csv:"roof_share"`   // Least over Millis; above 1 where caches or fewer operations help
}

// plus is both costs together; finish works out the rest.
func (c Cost) plus(d Cost) Cost {
	return Cost{Millis: c.Millis + d.Millis, Flops: c.Flops + d.Flops, Bytes: c.Bytes + d.Bytes, Least: c.Least + d.Least}
}

// finish works out rates and shares on m, of layers that take total ms.
func (c *Cost) finish(m roofline.Machine, total float64) {
	c.Share = per(c.Millis, total)
	c.GFlops = per(c.Flops, c.Millis) / 1e6
	c.PeakShare = per(c.GFlops, m.Peak)
	c.Intensity = per(c.Flops, c.Bytes)
	c.Roof = per(c.Flops, c.Least) / 1e6
	c.RoofShare = per(c.Least, c.Millis)
}
