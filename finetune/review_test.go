package finetune

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/internal/testkit"
)

// Labels of real cells that were swapped on purpose come out on top of a
// review, and its table, filled in, puts them right.
func TestReviewFindsSwappedLabels(t *testing.T) {
	s := newScene(t)
	s.data = realCells(t, 20)
	manifest, fixes := s.swapped(t, 20)
	list, err := dataset.ReadCorrections(fixes)
	if err != nil {
		t.Fatal(err)
	}
	swapped := map[string]string{}
	for _, c := range list {
		swapped[c.Path] = c.Decision
	}
	o := s.options("")
	o.Backbone, o.Size, o.Cut, o.LearningRate, o.Epochs = testkit.Data(t, "weights/resnet18.onnx"), 64, "stage3", 1e-3, 30
	c, err := CrossValidate(t.Context(), DataOptions{Path: manifest, Root: s.data, Split: "random"}, 4, s.runs, "folds", []Arm{{Name: "a", Options: o}}, Silent{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := ReviewFolder(c.Folder, "", len(list))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i, x := range r.Suspects {
		if swapped[x.Path] == x.Suggested && x.Suggested != x.Label {
			found++
		}
		if i > 0 && x.Loss > r.Suspects[i-1].Loss {
			t.Errorf("%s is listed below a smaller loss", x.Path)
		}
	}
	t.Logf("%d of %d swapped labels among as many suspects, AUC %.3f, confident learning counts %d of %d", found, len(list), c.Arms[0].Test.Metrics.AUC.Value, r.Counted, r.Images)
	if r.Images != 400 || found*3 < len(list) { // by chance a twentieth
		t.Errorf("%d of %d swapped labels found among %d images", found, len(list), r.Images)
	}
	page := string(bytesOf(t, filepath.Join(c.Folder, reviewPage)))
	if n := strings.Count(page, "<img"); n != len(list) {
		t.Errorf("the page shows %d pictures of %d", n, len(list))
	}

	// Decisions outlive another review, and serve as corrections.
	table := filepath.Join(c.Folder, reviewTable)
	first := r.Suspects[0]
	text := strings.Replace(string(bytesOf(t, table)), first.Path+","+first.Label+",", first.Path+","+first.Label+","+first.Suggested, 1)
	if err := os.WriteFile(table, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if r, err = ReviewFolder(c.Folder, "a", 2); err != nil || r.Decided != 1 {
		t.Fatalf("%d decisions kept, %v", r.Decided, err)
	}
	o.Data = DataOptions{Path: manifest, Root: s.data, Corrections: table}
	d := openedData(t, o)
	if len(d.corrected.Former) != 1 || d.set.Classes[d.corrected.Former[first.Path]] != first.Label {
		t.Errorf("corrected %v, wanted %s", d.corrected.Former, first.Path)
	}
	if err := os.WriteFile(table, []byte("path,decision\n,drop\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReviewFolder(c.Folder, "", 2); err == nil || !strings.Contains(err.Error(), "not thrown away") {
		t.Errorf("a table that cannot be read: %v", err)
	}
}

func TestReviewRefuses(t *testing.T) {
	s := newScene(t)
	out := run1(t, s.options("r"))
	if r, err := ReviewFolder(out.Folder, "", 5); err != nil || len(r.Suspects) != 5 || !strings.Contains(r.Summary(), "Training images are not listed") {
		t.Errorf("a single run: %+v, %v", r, err)
	}
	empty := t.TempDir()
	for _, c := range []struct{ folder, arm, scores, want string }{
		{empty, "", "", "the run is not finished"},
		{empty, "x", "", "leave --arm out"},
		{out.Folder, "", "split,path\n", "is damaged: line 1"},
		{out.Folder, "", "split,path,group,label,p_a,p_b\ntest,x,g,c,0,1\n", `line 2: label "c"`},
		{out.Folder, "", "split,path,group,label,p_a,p_b\ntest,x,g,a,0,2\n", `line 2: probability "2"`},
		{out.Folder, "", "split,path,group,label,p_a,p_b\ntest,x,g,a,0,1\n", "x is not in the run's split.csv"},
	} {
		if c.scores != "" {
			if err := os.WriteFile(filepath.Join(c.folder, scoresFile), []byte(c.scores), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if c.folder == empty {
			if err := os.WriteFile(filepath.Join(empty, settingsFile), bytesOf(t, filepath.Join(out.Folder, settingsFile)), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(empty, splitFile), bytesOf(t, filepath.Join(out.Folder, splitFile)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := ReviewFolder(c.folder, c.arm, 5); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, wanted %q", err, c.want)
		}
	}
}

// A run that began with corrections is reviewed with them: its table can be
// filled in further and serve again, though labels are others by now.
func TestReviewGoesOn(t *testing.T) {
	s := newScene(t)
	manifest, fixes := s.swapped(t, 9)
	o := s.options("")
	o.Data = DataOptions{Path: manifest, Root: s.data, Corrections: fixes}
	out := run1(t, o)
	r, err := ReviewFolder(out.Folder, "", 1000)
	if err != nil || r.Decided != 14 {
		t.Fatalf("%d decisions kept, %v", r.Decided, err)
	}
	o.Data.Corrections = filepath.Join(out.Folder, reviewTable)
	if d := openedData(t, o); len(d.corrected.Former) != 14 {
		t.Errorf("%d labels corrected by the second table, wanted 14", len(d.corrected.Former))
	}
	page := string(bytesOf(t, filepath.Join(out.Folder, reportFile)))
	for _, want := range []string{"corrections: 14 labels changed", "By the labels as given head on tiny"} {
		if !strings.Contains(page, want) {
			t.Errorf("report.md says nothing of %q", want)
		}
	}
}
