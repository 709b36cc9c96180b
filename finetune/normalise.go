package finetune

import "math"

// normaliser returns the mean and standard deviation of each channel of the
// training images' features, (C) each: the scale that a linear head wants. A
// channel that never changes gets deviation 1.
func (t *trainer) normaliser(x *features) (mean, deviation []float32, err error) {
	channels := x.Shape[0]
	cells := x.rowSize() / channels
	sum, square := make([]float64, channels), make([]float64, channels)
	row := make([]float32, x.rowSize())
	for _, k := range t.train {
		if err := x.read(row, t.data.set.Items[k].SHA256); err != nil {
			return nil, nil, err
		}
		for i, v := range row {
			c := i / cells
			sum[c] += float64(v)
			square[c] += float64(v) * float64(v)
		}
	}
	n := float64(len(t.train) * cells)
	mean, deviation = make([]float32, channels), make([]float32, channels)
	for c := range channels {
		m := sum[c] / n
		d := math.Sqrt(max(0, square[c]/n-m*m))
		if d < 1e-6*(1+math.Abs(m)) {
			d = 1
		}
		mean[c], deviation[c] = float32(m), float32(d)
	}
	return mean, deviation, nil
}
