package report

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Epoch is what one pass over the training images left in the log. NaN: not measured.
type Epoch struct {
	Number      int // 1 is the first
	TrainLoss   float64
	ValLoss     float64
	TrainMetric float64
	ValMetric   float64
	Rate        float64 // learning rate at the end of the epoch
}

// History is a training's log, ready to be drawn.
type History struct {
	Title  string
	Metric string  // name of TrainMetric and ValMetric, e.g. "accuracy"
	Epochs []Epoch // in order
	Best   int     // number of the epoch whose weights were kept; 0: none
}

// Curves draws loss, metric and learning rate over the epochs, side by side,
// into a .png or .svg file.
func Curves(path string, h History) error {
	if len(h.Epochs) == 0 {
		return fmt.Errorf("%s: no epochs to draw", path)
	}
	loss := h.panel("loss", func(e Epoch) float64 { return e.TrainLoss }, func(e Epoch) float64 { return e.ValLoss })
	metric := h.panel(h.Metric, func(e Epoch) float64 { return e.TrainMetric }, func(e Epoch) float64 { return e.ValMetric })
	rate := h.panel("learning rate", func(e Epoch) float64 { return e.Rate }, nil)
	legend(loss, true, false)
	legend(metric, false, false)
	rate.Y.Max = max(rate.Y.Max, 1e-12)
	rate.Y.Min = -.04 * rate.Y.Max
	return save(path, 12, 4, func(c draw.Canvas) {
		c = heading(c, h.Title)
		plots := [][]*plot.Plot{{loss, metric, rate}}
		tiles := draw.Tiles{Rows: 1, Cols: 3, PadX: vg.Points(16)}
		for i, cell := range plot.Align(plots, tiles, c)[0] {
			plots[0][i].Draw(cell)
		}
	})
}

// heading writes a title across the top and returns the space below it.
func heading(c draw.Canvas, title string) draw.Canvas {
	if title == "" {
		return c
	}
	style := words(13, ink, draw.XCenter, draw.YTop)
	c.FillText(style, vg.Point{X: (c.Min.X + c.Max.X) / 2, Y: c.Max.Y}, title)
	return draw.Crop(c, 0, 0, 0, -vg.Points(24))
}

// panel draws one quantity over the epochs; validation may be nil.
func (h History) panel(name string, train, validation func(Epoch) float64) *plot.Plot {
	p := newPlot(name, "epoch", "")
	p.X.Tick.Marker = roundTicks(1)
	add := func(label string, of func(Epoch) float64, i int) {
		if xy := h.points(of); len(xy) > 0 {
			l := line(xy, colour(i), 1.8)
			p.Add(l)
			if len(xy) == 1 {
				p.Add(dot(xy[0].X, xy[0].Y, colour(i), 3))
			}
			if validation != nil {
				p.Legend.Add(label, l)
			}
		}
	}
	add("training", train, 0)
	if validation != nil {
		add("validation", validation, 1)
		h.markBest(p, validation)
	}
	widen(&p.Y)
	p.X.Min, p.X.Max = float64(h.Epochs[0].Number), float64(h.Epochs[len(h.Epochs)-1].Number)
	if p.X.Min == p.X.Max {
		p.X.Min, p.X.Max = p.X.Min-.5, p.X.Max+.5
	}
	return p
}

func (h History) points(of func(Epoch) float64) plotter.XYs {
	var xy plotter.XYs
	for _, e := range h.Epochs {
		if v := of(e); !math.IsNaN(v) && !math.IsInf(v, 0) {
			xy = append(xy, plotter.XY{X: float64(e.Number), Y: v})
		}
	}
	return xy
}

// markBest puts a dot on the validation curve where the kept weights are from.
func (h History) markBest(p *plot.Plot, of func(Epoch) float64) {
	for _, e := range h.Epochs {
		if v := of(e); e.Number == h.Best && !math.IsNaN(v) && !math.IsInf(v, 0) {
			d := dot(float64(e.Number), v, colour(1), 4)
			p.Add(d)
			p.Legend.Add(fmt.Sprintf("kept, epoch %d", e.Number), d)
		}
	}
}

// widen gives a vertical axis a little room, and a sane span when it is flat or empty.
func widen(a *plot.Axis) {
	if math.IsInf(a.Min, 0) || math.IsInf(a.Max, 0) {
		a.Min, a.Max = 0, 1
	}
	room := (a.Max - a.Min) * .06
	if room == 0 {
		room = math.Max(math.Abs(a.Max)*.1, 1e-9)
	}
	a.Min, a.Max = a.Min-room, a.Max+room
}
