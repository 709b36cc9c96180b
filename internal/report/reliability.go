package report

import (
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/tlkit/tl/internal/metrics"
)

// Reliability draws how often images of a score are positive, over a
// histogram of the scores, into a .png or .svg file. positive names the class.
func Reliability(path, title, positive string, bins []metrics.Bin) error {
	if len(bins) == 0 {
		return fmt.Errorf("%s: no scores to draw", path)
	}
	top := newPlot(title, "", "share that is "+positive)
	top.Add(line(plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: 1}}, faint, .9, vg.Points(4), vg.Points(3)))
	curve, most := plotter.XYs{}, 0
	for _, b := range bins {
		curve = append(curve, plotter.XY{X: b.MeanScore, Y: b.Positive})
		most = max(most, b.Images)
	}
	l := line(curve, colour(0), 1.8)
	top.Add(l)
	for _, b := range bins {
		top.Add(dot(b.MeanScore, b.Positive, colour(0), 3))
	}
	top.Legend.Add(fmt.Sprintf("measured (calibration error %s)", Number(metrics.CalibrationError(bins), 3)), l)
	legend(top, true, true)
	unit(&top.X, &top.Y)

	bottom := newPlot("", "score of the image", "images")
	for _, b := range bins {
		bottom.Add(area(bar(b), light(colour(0), 0xB0)))
	}
	unit(&bottom.X)
	bottom.Y.Min, bottom.Y.Max = 0, float64(most)*1.08
	bottom.Y.Tick.Marker = fewTicks{}
	return save(path, 5.8, 7, func(c draw.Canvas) { stack(c, top, bottom, .27) })
}

// stack draws two plots with their data areas one above the other; the lower
// takes that share of the height.
func stack(c draw.Canvas, top, bottom *plot.Plot, share vg.Length) {
	split := (c.Max.Y - c.Min.Y) * share
	upper, lower := draw.Crop(c, 0, 0, split+vg.Points(8), 0), draw.Crop(c, 0, 0, 0, split-(c.Max.Y-c.Min.Y))
	left := max(top.DataCanvas(upper).Min.X, bottom.DataCanvas(lower).Min.X)
	top.Draw(draw.Crop(upper, left-top.DataCanvas(upper).Min.X, 0, 0, 0))
	bottom.Draw(draw.Crop(lower, left-bottom.DataCanvas(lower).Min.X, 0, 0, 0))
}

func bar(b metrics.Bin) plotter.XYs {
	gap := (b.High - b.Low) * .06
	low, high, n := b.Low+gap, b.High-gap, float64(b.Images)
	return plotter.XYs{{X: low, Y: 0}, {X: low, Y: n}, {X: high, Y: n}, {X: high, Y: 0}}
}

// fewTicks are three or so ticks at round counts, for a low axis.
type fewTicks struct{}

// Ticks implements plot.Ticker.
func (fewTicks) Ticks(low, high float64) []plot.Tick {
	return roundTicks(max(1, (high-low)/4)).Ticks(low, high)
}
