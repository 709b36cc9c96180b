package report

import (
	"bytes"
	"encoding/xml"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/metrics"
)

// folder is where the pictures go: TL_PICTURES, to look at them, or a
// temporary one.
func folder(t *testing.T) string {
	if dir := os.Getenv("TL_PICTURES"); dir != "" {
		return dir
	}
	return t.TempDir()
}

// cells makes scores of 75 patients as a good classifier gives them.
func cells(shift float64, seed uint64) metrics.Sample {
	r := rand.New(rand.NewPCG(seed, 1))
	var s metrics.Sample
	for g := range 75 {
		own := .8 * r.NormFloat64()
		for range 16 {
			positive := r.IntN(2) == 0
			z := own + 1.2*r.NormFloat64() - shift
			if positive {
				z += 2 * shift
			}
			s.Scores = append(s.Scores, 1/(1+math.Exp(-z)))
			s.Labels = append(s.Labels, positive)
			s.Groups = append(s.Groups, "C"+Count(100+g)+"P1")
		}
	}
	return s
}

func history(epochs int) History {
	h := History{Title: "resnet50, stage 3, head", Metric: "accuracy", Best: epochs * 2 / 3}
	for e := 1; e <= epochs; e++ {
		x := float64(e)
		h.Epochs = append(h.Epochs, Epoch{e, .15 + .5*math.Exp(-x/6), .22 + .4*math.Exp(-x/5) + .0006*x*x/4,
			.97 - .3*math.Exp(-x/5), .935 - .25*math.Exp(-x/4), .001 * (1 + math.Cos(math.Pi*x/float64(epochs))) / 2})
	}
	return h
}

// TestPictures draws one of each and reads it back; the same data must give
// the same bytes.
func TestPictures(t *testing.T) {
	s, weak := cells(1.6, 1), cells(1.2, 2)
	o := metrics.Options{Draws: 200}
	r, err := metrics.Evaluate(s, .45, o)
	if err != nil {
		t.Fatal(err)
	}
	w, err := metrics.Evaluate(weak, .5, o)
	if err != nil {
		t.Fatal(err)
	}
	at := metrics.ROCPoint{Threshold: .45, FPR: 1 - r.Specificity.Value, TPR: r.Sensitivity.Value}
	roc := ROCCurve{"ResNet50", metrics.ROC(s.Scores, s.Labels), metrics.ROCBand(s, 0, o), r.AUC, &at}
	base := ROCCurve{"baseline CNN", metrics.ROC(weak.Scores, weak.Labels), metrics.ROCBand(weak, 0, o), w.AUC, nil}
	classes := []string{"Parasitized", "Uninfected"}
	many := []string{"ring", "trophozoite", "schizont", "gametocyte", "leukocyte", "uninfected red blood cell"}
	draw := map[string]func(string) error{
		"curves.png":  func(p string) error { return Curves(p, history(30)) },
		"curves.svg":  func(p string) error { return Curves(p, history(30)) },
		"curves1.png": func(p string) error { return Curves(p, history(1)) },
		"roc.png":     func(p string) error { return ROC(p, "ROC, test patients", roc) },
		"roc2.png":    func(p string) error { return ROC(p, "ROC, test patients", roc, base) },
		"roc.svg":     func(p string) error { return ROC(p, "ROC, test patients", roc) },
		"pr.png": func(p string) error {
			return PR(p, "Precision and recall, test patients", .5, PRCurve{"ResNet50", metrics.PR(s.Scores, s.Labels), r.AveragePrecision})
		},
		"reliability.png": func(p string) error {
			return Reliability(p, "Reliability, test patients", "Parasitized", metrics.Reliability(s.Scores, s.Labels, 0))
		},
		"confusion.png": func(p string) error {
			return Confusion(p, ConfusionPlot{"Test images, threshold 0.450", classes, Counts(r.Confusion)})
		},
		"confusion6.png": func(p string) error { return Confusion(p, ConfusionPlot{"Test images", many, square(6)}) },
		"confusion20.png": func(p string) error {
			return Confusion(p, ConfusionPlot{"Test images", make([]string, 20), square(20)})
		},
	}
	dir := folder(t)
	for name, f := range draw {
		path := filepath.Join(dir, name)
		first := drawn(t, path, f)
		if !bytes.Equal(first, drawn(t, path, f)) {
			t.Errorf("%s: drawn twice, the bytes differ", name)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func square(k int) [][]int {
	out := make([][]int, k)
	for i := range out {
		out[i] = make([]int, k)
		for j := range out[i] {
			out[i][j] = 7 * (i + j) % 31
		}
		out[i][i] = 40 + 30*i
	}
	return out
}

// drawn draws and returns the file, which must decode and hold ink.
func drawn(t *testing.T, path string, f func(string) error) []byte {
	t.Helper()
	if err := f(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".svg") {
		if err := xml.Unmarshal(b, new(struct{})); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		return b
	}
	im, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	seen := map[any]bool{}
	for y := im.Bounds().Min.Y; y < im.Bounds().Max.Y; y += 3 {
		for x := im.Bounds().Min.X; x < im.Bounds().Max.X; x += 3 {
			seen[im.At(x, y)] = true
		}
	}
	if len(seen) < 10 {
		t.Errorf("%s: only %d colours", path, len(seen))
	}
	return b
}

func TestPicturesRefused(t *testing.T) {
	dir := t.TempDir()
	for want, err := range map[string]error{
		"no epochs":       Curves(filepath.Join(dir, "a.png"), History{}),
		"both classes":    ROC(filepath.Join(dir, "a.png"), "", ROCCurve{}),
		"positive images": PR(filepath.Join(dir, "a.png"), "", 0, PRCurve{}),
		"no scores":       Reliability(filepath.Join(dir, "a.png"), "", "", nil),
		"0 rows for 2":    Confusion(filepath.Join(dir, "a.png"), ConfusionPlot{Classes: []string{"a", "b"}}),
		`".gif", want`:    Curves(filepath.Join(dir, "a.gif"), history(2)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
