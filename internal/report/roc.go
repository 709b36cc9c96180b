package report

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/tlkit/tl/internal/metrics"
)

// ROCCurve is one model's curve.
type ROCCurve struct {
	Name   string
	Points []metrics.ROCPoint  // from metrics.ROC
	Band   []metrics.BandPoint // interval around it; nil: none
	AUC    metrics.Value
	At     *metrics.ROCPoint // where the model's threshold puts it; nil: not marked
}

// ROC draws the curves of one or several models into a .png or .svg file.
func ROC(path, title string, curves ...ROCCurve) error {
	p := newPlot(title, "1 − specificity (false positive rate)", "sensitivity (true positive rate)")
	p.Add(line(plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: 1}}, faint, .9, vg.Points(4), vg.Points(3)))
	drawn := 0
	for i, c := range curves {
		if len(c.Points) == 0 {
			continue // only one class: there is no curve
		}
		drawn++
		addROC(p, c, i)
	}
	if drawn == 0 {
		return fmt.Errorf("%s: no ROC curve to draw: it needs images of both classes", path)
	}
	unit(&p.X, &p.Y)
	legend(p, false, false)
	return save(path, 5.8, 6, p.Draw)
}

func addROC(p *plot.Plot, c ROCCurve, i int) {
	if band := bandArea(c.Band); band != nil {
		p.Add(area(band, light(colour(i), 0x30)))
	}
	xy := make(plotter.XYs, len(c.Points))
	for k, pt := range c.Points {
		xy[k] = plotter.XY{X: pt.FPR, Y: pt.TPR}
	}
	l := line(xy, colour(i), 1.8)
	p.Add(l)
	p.Legend.Add(fmt.Sprintf("%s: AUC %s", c.Name, Interval(c.AUC)), l)
	if c.At != nil {
		d := dot(c.At.FPR, c.At.TPR, colour(i), 4)
		p.Add(d)
		p.Legend.Add(fmt.Sprintf("threshold %s", Number(c.At.Threshold, 3)), d)
	}
}

// bandArea walks along the upper edge and back along the lower.
func bandArea(band []metrics.BandPoint) plotter.XYs {
	var xy plotter.XYs
	for _, b := range band {
		if math.IsNaN(b.Low) || math.IsNaN(b.High) {
			return nil
		}
		xy = append(xy, plotter.XY{X: b.FPR, Y: b.High})
	}
	for i := len(band) - 1; i >= 0; i-- {
		xy = append(xy, plotter.XY{X: band[i].FPR, Y: band[i].Low})
	}
	return xy
}

// PRCurve is one model's precision-recall curve.
type PRCurve struct {
	Name   string
	Points []metrics.PRPoint // from metrics.PR
	AP     metrics.Value
}

// PR draws precision over recall into a .png or .svg file. positive is the
// share of positive images: the precision of guessing, drawn as a broken line.
func PR(path, title string, positive float64, curves ...PRCurve) error {
	p := newPlot(title, "recall (sensitivity)", "precision")
	p.Add(line(plotter.XYs{{X: 0, Y: positive}, {X: 1, Y: positive}}, faint, .9, vg.Points(4), vg.Points(3)))
	drawn := 0
	for i, c := range curves {
		if len(c.Points) == 0 {
			continue
		}
		drawn++
		l := line(prSteps(c.Points), colour(i), 1.8)
		p.Add(l)
		p.Legend.Add(fmt.Sprintf("%s: average precision %s", c.Name, Interval(c.AP)), l)
	}
	if drawn == 0 {
		return fmt.Errorf("%s: no precision-recall curve to draw: it needs positive images", path)
	}
	unit(&p.X, &p.Y)
	legend(p, false, true)
	return save(path, 5.8, 6, p.Draw)
}

// prSteps draws the curve as average precision sums it: each precision holds
// back to the recall before it.
func prSteps(points []metrics.PRPoint) plotter.XYs {
	var xy plotter.XYs
	last := 0.0
	for _, pt := range points {
		xy = append(xy, plotter.XY{X: last, Y: pt.Precision}, plotter.XY{X: pt.Recall, Y: pt.Precision})
		last = pt.Recall
	}
	return xy
}
