package report

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/tlkit/tl/internal/atomicfile"
)

// Colours that stay apart for colour-blind eyes (Okabe and Ito, 2008).
var palette = []color.NRGBA{
	{0x00, 0x72, 0xB2, 0xFF}, // blue
	{0xD5, 0x5E, 0x00, 0xFF}, // vermilion
	{0x00, 0x9E, 0x73, 0xFF}, // green
	{0xCC, 0x79, 0xA7, 0xFF}, // purple
	{0xE6, 0x9F, 0x00, 0xFF}, // orange
	{0x56, 0xB4, 0xE9, 0xFF}, // sky
}

var (
	ink   = color.NRGBA{0x22, 0x22, 0x22, 0xFF}
	faint = color.NRGBA{0x77, 0x77, 0x77, 0xFF}
	rule  = color.NRGBA{0xE4, 0xE4, 0xE4, 0xFF}
)

const dpi = 144 // pixels an inch of the PNG files

func colour(i int) color.NRGBA { return palette[i%len(palette)] }

func light(c color.NRGBA, alpha uint8) color.NRGBA { return color.NRGBA{c.R, c.G, c.B, alpha} }

func sans(size float64) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(size)}
}

// words is the style of text drawn at a point.
func words(size float64, c color.Color, x text.XAlignment, y text.YAlignment) text.Style {
	return text.Style{Color: c, Font: sans(size), XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler}
}

// newPlot is an empty plot in the house style.
func newPlot(title, x, y string) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.TextStyle.Font = sans(12)
	p.Title.TextStyle.Color = ink
	p.Title.Padding = vg.Points(8)
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font, a.Label.TextStyle.Color = sans(10), ink
		a.Tick.Label.Font, a.Tick.Label.Color = sans(9), ink
		a.LineStyle.Color, a.Tick.LineStyle.Color = faint, faint
		a.LineStyle.Width, a.Tick.LineStyle.Width = vg.Points(.7), vg.Points(.7)
		a.Label.Padding = vg.Points(4)
		a.Padding = 0
	}
	p.Legend.TextStyle.Font, p.Legend.TextStyle.Color = sans(9), ink
	p.Legend.ThumbnailWidth = vg.Points(20)
	p.Legend.Padding = vg.Points(3)
	p.X.Tick.Marker, p.Y.Tick.Marker = roundTicks(0), roundTicks(0)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = rule, rule
	grid.Vertical.Width, grid.Horizontal.Width = vg.Points(.6), vg.Points(.6)
	p.Add(grid)
	return p
}

// unit sets an axis to 0…1, with room for a line along its ends.
func unit(axes ...*plot.Axis) {
	for _, a := range axes {
		a.Min, a.Max = -.012, 1.012
	}
}

// legend puts p's legend in a corner, off the axes.
func legend(p *plot.Plot, top, left bool) {
	p.Legend.Top, p.Legend.Left = top, left
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(-8), vg.Points(8)
	if top {
		p.Legend.YOffs = vg.Points(-6)
	}
	if left {
		p.Legend.XOffs = vg.Points(8)
	}
}

// roundTicks are ticks at round numbers (1, 2 or 5 times a power of ten), at
// most seven, their distance no less than the value.
type roundTicks float64

// Ticks implements plot.Ticker.
func (least roundTicks) Ticks(low, high float64) []plot.Tick {
	if !(high > low) || math.IsInf(high-low, 0) {
		return nil
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/10)))
	for i := 0; (high-low)/step > 6.5 || step < float64(least); i++ {
		step *= [3]float64{2, 2.5, 2}[i%3]
	}
	var out []plot.Tick
	for k := math.Ceil(low / step); k*step <= high; k++ {
		v := k*step + 0 // no −0
		label := strconv.FormatFloat(v, 'g', 6, 64)
		if math.Abs(v) >= 1 && v == math.Trunc(v) && math.Abs(v) < 1e9 {
			label = Count(int(v))
		}
		out = append(out, plot.Tick{Value: v, Label: label})
	}
	return out
}

// line is a solid or, with dashes, a broken line.
func line(xy plotter.XYs, c color.Color, width float64, dashes ...vg.Length) *plotter.Line {
	return &plotter.Line{XYs: xy, LineStyle: draw.LineStyle{Color: c, Width: vg.Points(width), Dashes: dashes}}
}

// area fills what lies inside xy.
func area(xy plotter.XYs, c color.Color) *plotter.Polygon {
	return &plotter.Polygon{XYs: []plotter.XYs{xy}, Color: c}
}

// dot marks a place.
func dot(x, y float64, c color.Color, radius float64) *plotter.Scatter {
	return &plotter.Scatter{XYs: plotter.XYs{{X: x, Y: y}},
		GlyphStyle: draw.GlyphStyle{Color: c, Radius: vg.Points(radius), Shape: draw.CircleGlyph{}}}
}

// save draws a picture of that size in inches; the end of path's name, .png
// or .svg, says in which format.
func save(path string, width, height float64, paint func(draw.Canvas)) error {
	w, h := vg.Length(width)*vg.Inch, vg.Length(height)*vg.Inch
	var canvas interface {
		vg.CanvasWriterTo
		vg.CanvasSizer
	}
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".png":
		canvas = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(dpi))}
	case ".svg":
		canvas = vgsvg.New(w, h)
	default:
		return fmt.Errorf("%s: picture format %q, want .png or .svg", path, ext)
	}
	c := draw.New(canvas)
	c.FillPolygon(color.White, corners(c.Rectangle))
	margin := vg.Points(10)
	paint(draw.Crop(c, margin, -margin, margin, -margin))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	// An SVG names its font; a machine without it takes one of the same widths.
	picture := bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans;"),
		[]byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
	return atomicfile.Write(path, func(out io.Writer) error {
		_, err := out.Write(picture)
		return err
	})
}

func corners(r vg.Rectangle) []vg.Point {
	return []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}}
}
