package metrics

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
)

// Options says how intervals are drawn. Its zero value is the default.
type Options struct {
	Draws   int     // bootstrap draws; 0: 2,000; negative: no intervals
	Level   float64 // coverage of the interval; 0: 0.95
	Seed    uint64  // of the draws
	Threads int     // 0: all cores; never changes the result
	Images  bool    // draw over images although groups are known
}

func (o Options) withDefaults() Options {
	if o.Draws == 0 {
		o.Draws = 2000
	}
	if o.Level == 0 {
		o.Level = 0.95
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	o.Draws = max(o.Draws, 0)
	return o
}

// units numbers what is drawn: the groups in alphabetical order, so that the
// order of the images does not matter, or the images themselves when groups
// is nil.
func units(n int, groups []string) (unit []int32, names []string) {
	unit = make([]int32, n)
	if groups == nil {
		for i := range unit {
			unit[i] = int32(i)
		}
		return unit, nil
	}
	names = slices.Compact(slices.Sorted(slices.Values(groups)))
	number := make(map[string]int32, len(names))
	for k, name := range names {
		number[name] = int32(k)
	}
	for i, g := range groups {
		unit[i] = number[g]
	}
	return unit, names
}

// draw fills weight (U) with how often each unit is drawn, in U draws with
// replacement. It depends on seed, b and U only, so two models measured with
// the same seed on the same groups are measured on the same draws.
func draw(weight []int32, seed uint64, b int) {
	clear(weight)
	r := rand.NewPCG(seed, uint64(b))
	for range weight {
		k, _ := bits.Mul64(r.Uint64(), uint64(len(weight))) // uniform but for 2⁻⁴⁰
		weight[k]++
	}
}

// bootstrap calls f for each draw with how often each of the units counts.
// Several goroutines call f at once, each draw b exactly once, so f must keep
// what it finds in a place of b's own.
func bootstrap(count int, o Options, f func(b int, weight []int32)) {
	var wait sync.WaitGroup
	for t := range o.Threads {
		wait.Go(func() {
			weight := make([]int32, count)
			for b := t; b < o.Draws; b += o.Threads {
				draw(weight, o.Seed, b)
				f(b, weight)
			}
		})
	}
	wait.Wait()
}

// interval is the percentile interval of the draws that are defined, NaN when
// fewer than half of them are. It sorts values in place.
func interval(values []float64, level float64) (low, high float64) {
	defined := slices.DeleteFunc(values, math.IsNaN)
	if len(defined) == 0 || 2*len(defined) < len(values) {
		return math.NaN(), math.NaN()
	}
	slices.Sort(defined)
	return Quantile(defined, (1-level)/2), Quantile(defined, (1+level)/2)
}

// Quantile of sorted values by linear interpolation, as numpy.quantile.
// NaN without values.
func Quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	k := min(max(int(at), 0), len(sorted)-1)
	if k == len(sorted)-1 {
		return sorted[k]
	}
	return sorted[k] + (at-float64(k))*(sorted[k+1]-sorted[k])
}
