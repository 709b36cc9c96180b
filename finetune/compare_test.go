package finetune

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func (s scene) arms() []Arm {
	head, base := s.options(""), s.options("")
	base.Model, base.Size, base.Epochs, base.LearningRate = "baseline", 24, 3, 1e-3
	return []Arm{{Options: base}, {Options: head}, {Options: head}}
}

// A comparison runs its arms on one split and says who is better; giving it
// the same name again runs nothing twice.
func TestCompare(t *testing.T) {
	s := newScene(t)
	data := DataOptions{Path: s.data}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Compare(ctx, data, s.runs, "c", s.arms(), &stopper{cancel: cancel, epochs: 5}) // in the second arm
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "--name c") {
		t.Fatalf("stopped with %v", err)
	}
	c, err := Compare(t.Context(), data, s.runs, "c", s.arms(), Silent{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"baseline", "tiny", "tiny-2"}; !slices.Equal(c.Names, want) {
		t.Fatalf("arms %q, want %q", c.Names, want)
	}
	sameFiles(t, filepath.Join(c.Folder, "tiny"), filepath.Join(c.Folder, "tiny-2"), modelFile, scoresFile, splitFile)
	sameFiles(t, filepath.Join(c.Folder, "tiny"), filepath.Join(c.Folder, "baseline"), splitFile)
	if len(c.Pairs) != 3 || c.Pairs[0].A != "tiny" || c.Pairs[0].B != "baseline" || c.Pairs[2].A != "tiny-2" || c.Pairs[2].B != "tiny" || len(c.Verdict) == 0 {
		t.Errorf("pairs %+v, verdict %q", c.Pairs, c.Verdict)
	}
	auc := func(i int) float64 { return c.Arms[i].Test.Metrics.AUC.Value }
	if d, ok := c.Pairs[0].Difference.Metric("auc"); !ok || math.Abs(d.Value.Value-(auc(1)-auc(0))) > 1e-12 {
		t.Errorf("difference of AUC %+v, of arms with %g and %g", d, auc(1), auc(0))
	}
	var js struct{ Arms []Outcome }
	if err := json.Unmarshal(bytesOf(t, filepath.Join(c.Folder, "compare.json")), &js); err != nil || len(js.Arms) != 3 {
		t.Errorf("compare.json holds %d arms, %v", len(js.Arms), err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(bytesOf(t, filepath.Join(c.Folder, "compare.csv"))))).ReadAll()
	if err != nil || len(rows) < 4 {
		t.Errorf("compare.csv has %d rows, %v", len(rows), err)
	}
	for _, f := range []string{"roc.png", reportFile} {
		if len(bytesOf(t, filepath.Join(c.Folder, f))) == 0 {
			t.Errorf("%s is empty", f)
		}
	}
	page := string(bytesOf(t, filepath.Join(c.Folder, reportFile)))
	for _, want := range []string{ // each arm's own
		"- Input: 24 × 24 pixels\n- Preprocessing: v / 255\n",
		"- Input: 32 × 32 pixels\n- Preprocessing: torch: (v / 255 - mean) / sd in RGB, mean [0.485 0.456 0.406], sd [0.229 0.224 0.225] (",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in\n%s", want, page)
		}
	}
	epochs := &countEpochs{}
	if _, err := Compare(t.Context(), data, s.runs, "c", s.arms(), epochs); err != nil || epochs.n > 0 {
		t.Errorf("the same comparison again: %v, %d epochs", err, epochs.n)
	}
	other := s.arms()
	other[1].Options.Hidden = 3
	_, err = Compare(t.Context(), data, s.runs, "c", other, Silent{})
	wantError(t, err, "tiny", "other options: hidden was 0, is 3", "--name")
	f, err := lockFolder(c.Folder)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Compare(t.Context(), data, s.runs, "c", s.arms(), Silent{})
	f.close()
	wantError(t, err, c.Folder, "another process")
	data.Seed = 7
	_, err = Compare(t.Context(), data, s.runs, "c", s.arms(), Silent{})
	wantError(t, err, "baseline", "data.seed was 0, is 7")
	_, err = Compare(t.Context(), data, s.runs, "", s.arms()[:1], Silent{})
	wantError(t, err, "two arms")
}

type countEpochs struct {
	Silent
	n int
}

func (c *countEpochs) Epoch(Epoch) { c.n++ }

// A comparison of three classes has no pairs and no ROC, but a table.
func TestCompareThreeClasses(t *testing.T) {
	s := newScene(t)
	c, err := Compare(t.Context(), DataOptions{Path: threeClasses(t, 20)}, s.runs, "", s.arms()[:2], Silent{})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Pairs) != 0 || c.Arms[1].Test.Multi == nil || exists(filepath.Join(c.Folder, "roc.png")) || c.Summary() == "" {
		t.Errorf("comparison of three classes: %+v", c)
	}
}

// The summary counts as Keras does.
func TestSummarise(t *testing.T) {
	s := newScene(t)
	base, err := Summarise(Options{Model: "baseline", Size: 100}, 2)
	if err != nil || base.Trainable != 1_086_417 || base.Frozen != 0 || base.Card != nil {
		t.Errorf("baseline at 100 pixels: %+v, %v; want 1,086,417 parameters", base, err)
	}
	head, err := Summarise(s.options(""), 2)
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, l := range head.Layers {
		sum += l.Parameters
	}
	if head.Trainable != 129 || head.Whole != head.Frozen+650 || sum != head.Trainable+head.Frozen {
		t.Errorf("trainable %d, frozen %d of %d, layers together %d; want 129 and the classifier's 650 apart", head.Trainable, head.Frozen, head.Whole, sum)
	}
}

// A comparison does not go on with other images, and does not pair models that
// were scored on different ones.
func TestCompareOtherImages(t *testing.T) {
	s := newScene(t)
	data := DataOptions{Path: copyTree(t, s.data, func(class, file string) string { return class + "/" + file })}
	ctx, cancel := context.WithCancel(t.Context())
	arms := s.arms()[1:]
	if _, err := Compare(ctx, data, s.runs, "c", arms, &stopper{cancel: cancel, epochs: 8}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	found, _ := filepath.Glob(filepath.Join(data.Path, "*", "*.png"))
	copyTo(t, found[3], found[4])
	_, err := Compare(t.Context(), data, s.runs, "c", arms, Silent{})
	wantError(t, err, "tiny", "images or their split changed")

	a, b := s.options("a"), s.options("b")
	b.Data.Seed = 3
	c := Comparison{Names: []string{"a", "b"}, Arms: []*Outcome{run1(t, a), run1(t, b)}}
	wantError(t, c.pair(), "b and a", "different images")
}

// Every arm has a folder of its own.
func TestArmNames(t *testing.T) {
	arm := func(name string) Arm { return Arm{Name: name} }
	got, err := named([]Arm{arm("net"), arm("net"), arm("net-2"), arm("NET"), arm("a b"), {Options: Options{Backbone: "x/Net.onnx"}}})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range got {
		names = append(names, a.Name)
	}
	if want := []string{"net", "net-2", "net-2-2", "NET-3", "a-b", "Net-4"}; !slices.Equal(names, want) {
		t.Errorf("arms are called %q, want %q", names, want)
	}
	for _, a := range []Arm{arm("."), arm(".."), {Options: Options{Backbone: ".onnx"}}} {
		_, err := named([]Arm{a})
		wantError(t, err, "name of a folder")
	}
}
