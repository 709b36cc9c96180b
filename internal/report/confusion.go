package report

import (
	"fmt"
	"image/color"
	"unicode/utf8"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// ConfusionPlot is a confusion matrix to be drawn.
type ConfusionPlot struct {
	Title   string
	Classes []string // (K)
	Counts  [][]int  // (K,K) [truth][called]
}

// Confusion draws the matrix into a .png or .svg file: each cell with its
// count and its share of the true class, the darker the greater the share.
func Confusion(path string, m ConfusionPlot) error {
	k := len(m.Classes)
	if k == 0 || len(m.Counts) != k {
		return fmt.Errorf("%s: confusion matrix of %d rows for %d classes", path, len(m.Counts), k)
	}
	side := max(1.55, 4.6/float64(k)) // inches a cell
	if k > 4 {
		side = max(.62, 6.4/float64(k))
	}
	size := side * float64(k)
	return save(path, size+1.75, size+1.25, func(c draw.Canvas) { m.draw(c, vg.Length(side)*vg.Inch) })
}

func (m ConfusionPlot) draw(c draw.Canvas, side vg.Length) {
	k := len(m.Classes)
	right, bottom := c.Max.X, c.Min.Y+vg.Points(42)
	left, top := right-side*vg.Length(k), bottom+side*vg.Length(k)
	middle := (left + right) / 2
	label := vg.Points(11)
	if k > 4 {
		label = vg.Points(9)
	}
	c.FillText(words(13, ink, draw.XCenter, draw.YTop), vg.Point{X: middle, Y: c.Max.Y}, m.Title)
	c.FillText(words(11, faint, draw.XCenter, draw.YBottom), vg.Point{X: middle, Y: c.Min.Y}, "called")
	turned := words(11, faint, draw.XCenter, draw.YTop)
	turned.Rotation = quarterTurn
	c.FillText(turned, vg.Point{X: c.Min.X, Y: (top + bottom) / 2}, "truth")
	for i, name := range m.Classes {
		at := side * (vg.Length(i) + .5)
		across := words(label.Points(), ink, draw.XCenter, draw.YTop)
		c.FillText(across, vg.Point{X: left + at, Y: bottom - vg.Points(7)}, fit(name, across, side))
		down := words(label.Points(), ink, draw.XRight, draw.YCenter)
		c.FillText(down, vg.Point{X: left - vg.Points(7), Y: top - at}, fit(name, down, left-c.Min.X-vg.Points(24)))
		m.row(c, i, left, top-side*vg.Length(i), side)
	}
}

const quarterTurn = 1.5707963267948966 // radians

// row draws the cells of true class i; x, y is its upper left corner.
func (m ConfusionPlot) row(c draw.Canvas, i int, x, y, side vg.Length) {
	total := sum(m.Counts[i])
	for j, n := range m.Counts[i] {
		share := 0.0
		if total > 0 {
			share = float64(n) / float64(total)
		}
		left := x + side*vg.Length(j)
		c.FillPolygon(shade(share), []vg.Point{{X: left, Y: y}, {X: left + side, Y: y}, {X: left + side, Y: y - side}, {X: left, Y: y - side}})
		c.StrokeLines(draw.LineStyle{Color: color.White, Width: vg.Points(2)},
			[]vg.Point{{X: left, Y: y - side}, {X: left, Y: y}, {X: left + side, Y: y}, {X: left + side, Y: y - side}, {X: left, Y: y - side}})
		var on color.Color = ink
		if share > .5 {
			on = color.White
		}
		big := min(22, (side / 4).Points())
		centre := vg.Point{X: left + side/2, Y: y - side/2}
		c.FillText(words(big, on, draw.XCenter, draw.YBottom), vg.Point{X: centre.X, Y: centre.Y - vg.Points(big*.15)}, Count(n))
		c.FillText(words(big*.62, on, draw.XCenter, draw.YTop), vg.Point{X: centre.X, Y: centre.Y - vg.Points(big*.3)}, Percent(share, 1))
	}
}

// shade goes from nearly white to dark blue.
func shade(share float64) color.Color {
	low, high := [3]float64{0xEE, 0xF4, 0xFA}, [3]float64{0x08, 0x4F, 0x8C}
	var c [3]uint8
	for i := range c {
		c[i] = uint8(low[i] + share*(high[i]-low[i]))
	}
	return color.NRGBA{c[0], c[1], c[2], 0xFF}
}

// fit shortens s until it is no wider than width.
func fit(s string, style text.Style, width vg.Length) string {
	for short := s; ; {
		if style.Width(short) <= width || utf8.RuneCountInString(short) <= 2 {
			return short
		}
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
		short = s + "…"
	}
}
