package backbones

import (
	"fmt"
	"math"

	"github.com/tlkit/tl/internal/graph"
)

// draws lists the distributions that frameworks draw initial weights from, by
// kurtosis, the mean of z⁴: training leaves heavier tails behind (3.4 to 20
// in the networks that this was tried on).
var draws = []struct {
	kurtosis float64
	name     string
}{
	{3, "Gaussian"},              // Kaiming and Xavier normal
	{1.8, "uniform"},             // Kaiming and Glorot uniform
	{2.3656, "cut-off Gaussian"}, // TensorFlow's truncated_normal, cut at two deviations
}

const (
	fewWeights = 1000    // smaller arrays say too little
	someOf     = 1 << 18 // numbers looked at in each array: enough for three digits
)

// untrained returns why the network's weights look as no training has touched
// them, or "". Filters are compared one by one, each scaled to deviation one,
// so that a folded batch norm does not hide it.
func untrained(g *graph.Graph) string {
	count := map[string]int{}
	layers, norms, fresh := 0, 0, 0
	for _, n := range g.Nodes {
		switch n.Op.Kind() {
		case "Conv":
			w := n.In[1]
			if w.Const == nil || w.Shape.Size() < fewWeights || w.Shape[1:].Size() < 2 {
				continue
			}
			layers++
			count[looksDrawn(w.Const.Data, w.Shape[1:].Size())]++
		case "BatchNormalization":
			norms++
			if constant(n.In[3], 0) && constant(n.In[4], 1) {
				fresh++
			}
		}
	}
	if norms > 0 && fresh == norms {
		return fmt.Sprintf("all %d batch norms hold their initial statistics, mean 0 and variance 1", norms)
	}
	for _, d := range draws {
		if layers > 0 && float64(count[d.name]) >= 0.8*float64(layers) {
			return fmt.Sprintf("the weights of %d of %d convolutions are distributed as freshly drawn %s numbers", count[d.name], layers, d.name)
		}
	}
	return ""
}

// constant reports whether all numbers of a weight are c.
func constant(v *graph.Value, c float32) bool {
	if v == nil || v.Const == nil {
		return false
	}
	for _, x := range v.Const.Data {
		if x != c {
			return false
		}
	}
	return true
}

// looksDrawn names the distribution that weights w, filters of the given
// length one behind the other, could have been drawn from, or "".
func looksDrawn(w []float32, length int) string {
	kurtosis, numbers := meanKurtosis(w, length)
	if numbers == 0 {
		return ""
	}
	name, nearest := "", 0.03+6*math.Sqrt(24/float64(numbers)) // six standard errors of a Gaussian's
	for _, d := range draws {
		off := math.Abs(kurtosis - d.kurtosis)
		if d.kurtosis != 3 {
			off -= 1 / float64(length) // meanKurtosis is exact for Gaussians only
		}
		if off < nearest {
			name, nearest = d.name, off
		}
	}
	return name
}

// meanKurtosis returns the mean kurtosis of the filters and the number of
// weights looked at. The factor undoes the bias of so small samples, exactly
// for Gaussian numbers: E = 3(n−1)/(n+1).
func meanKurtosis(w []float32, length int) (kurtosis float64, numbers int) {
	var sum float64
	filters := 0
	for len(w) >= length && filters*length < someOf {
		if k, ok := filterKurtosis(w[:length]); ok {
			sum += k
			filters++
		}
		w = w[length:]
	}
	if filters == 0 {
		return 0, 0
	}
	n := float64(length)
	return sum / float64(filters) * (n + 1) / (n - 1), filters * length
}

// filterKurtosis returns the mean of z⁴ of one filter; ok is false when all its
// numbers are alike.
func filterKurtosis(w []float32) (k float64, ok bool) {
	n := float64(len(w))
	var mean, second, fourth float64
	for _, v := range w {
		mean += float64(v) / n
	}
	for _, v := range w {
		d := (float64(v) - mean) * (float64(v) - mean)
		second += d / n
		fourth += d * d / n
	}
	if !(second > 0) {
		return 0, false
	}
	return fourth / (second * second), true
}
