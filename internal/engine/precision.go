package engine

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
)

// precisions are the names that Options.Precision takes.
var precisions = map[string]cpu.Precision{"": cpu.Float32, "f32": cpu.Float32, "bf16": cpu.BFloat16, "int8": cpu.Int8}

// precision reads o's.
func (o *Options) precision() (cpu.Precision, error) {
	p, ok := precisions[o.Precision]
	if !ok {
		return 0, fmt.Errorf("no precision %q: known are f32, bf16 and int8 (--precision f32)", o.Precision)
	}
	return p, nil
}

// Supports returns nil, or an error that says why this machine cannot compute
// in that precision.
func (e *cpuEngine) Supports(precision string) error {
	p, err := (&Options{Precision: precision}).precision()
	if err != nil {
		return err
	}
	return e.d.HasPrecision(p)
}

// lowRate is how many products a low-precision convolution does in the time of
// one in float32: the ratio of the instructions' rates times what measurement
// leaves of it. Conversion costs what convertCost says for each input number.
var lowRate = map[cpu.Precision]float64{cpu.BFloat16: 1.8, cpu.Int8: 3}

const convertCost = 24

// lowCost estimates the work of a convolution of some images in precision p.
func lowCost(s cpu.ConvShape, p cpu.Precision, images int) float64 {
	inputs := float64(images * s.C * s.H * s.W)
	if s.R*s.S == 1 {
		inputs = float64(images * s.C * s.OH * s.OW)
	}
	return cost(s, cpu.Direct, images)/lowRate[p] + inputs*convertCost
}

// span is what float32 runs have shown of an activation.
type span struct {
	lo, hi float32
	counts [spanBins]float64 // of the numbers in equal parts of lo … hi
}

const (
	spanBins  = 2048
	leastSpan = 1e-30 // below it an activation counts as zero
)

// calibrate runs g in float32 over the samples and returns the outputs and,
// for int8, the spans of what dense convolutions read.
func (e *cpuEngine) calibrate(ctx context.Context, p Program, g *graph.Graph, o Options) (spans map[*graph.Value]*span, outputs []*tensor.Tensor, err error) {
	quantise := o.Precision == "int8"
	o.Precision, o.together = "", true // one thread at a time observes
	x, err := e.plan(ctx, p, g, o)
	switch {
	case err != nil:
	case quantise:
		spans, err = x.spans(ctx, o.Samples)
	default:
		_, err = x.Run(ctx, o.Samples)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, t := range x.outputs {
		outputs = append(outputs, tensor.Of(slices.Clone(t.Data), t.Shape...))
	}
	return spans, outputs, nil
}

// spans runs twice over the samples: the first time finds the ends of the
// spans, the second counts what lies where.
func (x *cpuExec) spans(ctx context.Context, samples *tensor.Tensor) (map[*graph.Value]*span, error) {
	spans := map[*graph.Value]*span{}
	for _, count := range []bool{false, true} {
		x.observe = func(r *runner, s *step, lo, n int) {
			if s.source != nil {
				if spans[s.source] == nil {
					spans[s.source] = &span{}
				}
				spans[s.source].add(s.view(r, lo, n), count)
			}
		}
		if _, err := x.Run(ctx, samples); err != nil {
			return nil, err
		}
	}
	return spans, nil
}

// add widens the span by the numbers of b or, with count, counts them.
func (s *span) add(b cpu.Blocks, count bool) {
	width := float64(s.hi) - float64(s.lo)
	if count && width < leastSpan {
		return
	}
	for c := 0; c < b.C; c += b.Lanes {
		block := b.Data[c/b.Lanes*b.Stride:][:b.N*b.H*b.W*b.Lanes]
		for i, v := range block {
			switch {
			case i%b.Lanes >= b.C-c || v-v != 0: // nobody's lane, NaN or infinite
			case count:
				at := int((float64(v) - float64(s.lo)) / width * spanBins)
				s.counts[min(max(at, 0), spanBins-1)]++
			default:
				s.lo, s.hi = min(s.lo, v), max(s.hi, v)
			}
		}
	}
}

// quantisation chooses the integers for a span: the upper end (and lower end,
// where there are negative numbers) that leaves the least squared error of
// rounding and clipping together.
func (s *span) quantisation() cpu.Quantisation {
	best, least := cpu.Quantisation{Scale: 1}, math.Inf(1)
	for i := range 64 {
		keep := 1 - float64(i)/80
		lo, hi := float64(s.lo)*keep, float64(s.hi)*keep
		if hi-lo < leastSpan {
			break
		}
		step := (hi - lo) / 255
		if e := s.error(lo, hi, step); e < least {
			least = e
			best = cpu.Quantisation{Scale: float32(step), Zero: int(math.Round(-lo / step))}
		}
	}
	return best
}

// error is the squared error of numbers that are rounded to step and clipped
// to lo … hi.
func (s *span) error(lo, hi, step float64) (sum float64) {
	width := float64(s.hi-s.lo) / spanBins
	for i, n := range s.counts {
		v := float64(s.lo) + (float64(i)+0.5)*width
		clipped := max(lo-v, v-hi, 0)
		sum += n * (step*step/12 + clipped*clipped)
	}
	return sum
}

// deviation is the relative L2 error of all outputs together.
func deviation(got, want []*tensor.Tensor) float64 {
	var diff, norm float64
	for i, w := range want {
		for j, v := range w.Data {
			d := float64(got[i].Data[j]) - float64(v)
			diff += d * d
			norm += float64(v) * float64(v)
		}
	}
	if diff == 0 {
		return 0
	}
	return math.Sqrt(diff / norm)
}
