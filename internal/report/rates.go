package report

import (
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// RateTest is a learning rate range test, ready to be drawn.
type RateTest struct {
	Title     string
	Rate      string    // what the rates are of
	Rates     []float64 // rising, above 0
	Losses    []float64 // smoothed, as many
	Suggested float64   // one of Rates, marked; 0: none
}

// Rates draws loss over learning rate, on a logarithmic axis, into a .png or
// .svg file.
func Rates(path string, r RateTest) error {
	if len(r.Rates) < 2 || len(r.Losses) != len(r.Rates) {
		return fmt.Errorf("%s: %d rates and %d losses to draw, want as many and at least 2", path, len(r.Rates), len(r.Losses))
	}
	p := newPlot(r.Title, r.Rate, "training loss, smoothed")
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: 1}
	xy := make(plotter.XYs, len(r.Rates))
	for i := range xy {
		xy[i] = plotter.XY{X: r.Rates[i], Y: r.Losses[i]}
	}
	p.Add(line(xy, colour(0), 1.8))
	for _, at := range xy {
		if at.X == r.Suggested {
			d := dot(at.X, at.Y, colour(1), 4)
			p.Add(d)
			p.Legend.Add(fmt.Sprintf("suggested, %.2g", at.X), d)
		}
	}
	legend(p, true, true)
	widen(&p.Y)
	p.X.Min, p.X.Max = r.Rates[0], r.Rates[len(r.Rates)-1]
	return save(path, 6, 4, func(c draw.Canvas) { p.Draw(c) })
}
