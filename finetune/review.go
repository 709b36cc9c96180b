package finetune

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tlkit/tl/internal/atomicfile"
	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/internal/metrics"
	"github.com/tlkit/tl/internal/report"
)

// The files that a review makes.
const (
	reviewPage  = "review.html"
	reviewTable = "review.csv"
)

// Review is a list of images whose labels a model that did not learn from them
// finds unlikely, the least likely first.
type Review struct {
	Folder   string
	Arm      string // of a cross-validation; "" of a run
	Images   int    // that were scored
	Counted  int    // labels that confident learning counts as wrong
	Suspects []Suspect
	Decided  int // decisions of an earlier review that were kept

	folds bool
	apart bool // no patient is on both sides of a split
}

// Suspect is one image of a review.
type Suspect struct {
	Path, Group, SHA256 string
	Label               string  // that it has
	Suggested           string  // the most probable class
	Probability         float64 // of Label
	Loss                float64 // −log of that

	item int // of the run's images
}

// ReviewFolder lists the top images of a folder by their loss: of a
// cross-validation's folder, where each image is scored by a model that did not
// see its patient, or of a single run's, whose training images are left out
// because the model learnt their labels. arm chooses one of several, "" the
// first. It writes pictures and a table to fill in for --corrections beside the
// predictions; decisions of an earlier table are kept.
func ReviewFolder(folder, arm string, top int) (*Review, error) {
	r := &Review{Folder: folder}
	scores, run, err := r.source(arm)
	if err != nil {
		return nil, err
	}
	s, err := readSettings(run)
	if err != nil {
		return nil, err
	}
	set, err := dataset.LoadManifest(filepath.Join(run, splitFile), s.Images)
	if err != nil {
		return nil, err
	}
	r.apart = set.Apart()
	all, err := readScores(scores)
	if err != nil {
		return nil, err
	}
	if err := r.rank(all, set, top); err != nil {
		return nil, fmt.Errorf("%s: %w", scores, err)
	}
	return r, r.write(set, run)
}

// source finds the predictions of the folder and a run that names its images.
func (r *Review) source(arm string) (scores, run string, err error) {
	b, err := os.ReadFile(filepath.Join(r.Folder, "compare.json"))
	if errors.Is(err, fs.ErrNotExist) {
		if arm != "" {
			return "", "", fmt.Errorf("%s: --arm %s: no comparison lies there (leave --arm out for a single run)", r.Folder, arm)
		}
		return filepath.Join(r.Folder, scoresFile), r.Folder, nil
	}
	if err != nil {
		return "", "", err
	}
	var c struct {
		Names []string
		Folds []Fold
	}
	if err := json.Unmarshal(b, &c); err != nil || len(c.Names) == 0 {
		return "", "", fmt.Errorf("%s: is damaged: %v (the command that made it, with --name %s, makes it again)", filepath.Join(r.Folder, "compare.json"), err, filepath.Base(r.Folder))
	}
	r.Arm = arm
	def(&r.Arm, c.Names[0])
	if !slices.Contains(c.Names, r.Arm) {
		return "", "", fmt.Errorf("%s has no arm %s (--arm takes one of %s)", r.Folder, r.Arm, strings.Join(c.Names, ", "))
	}
	if r.folds = len(c.Folds) > 0; r.folds {
		return filepath.Join(r.Folder, r.Arm+"-"+scoresFile), filepath.Join(r.Folder, r.Arm+"-fold1"), nil
	}
	run = filepath.Join(r.Folder, r.Arm)
	return filepath.Join(run, scoresFile), run, nil
}

// scores are the rows of a predictions.csv.
type scores struct {
	classes []string // in the order of the probabilities
	paths   []string
	groups  []string
	labels  []int
	probs   [][]float64
}

// readScores reads a predictions.csv.
func readScores(path string) (*scores, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: the run is not finished (tl finetune --resume %s goes on)", path, filepath.Dir(path))
	}
	if err != nil {
		return nil, err
	}
	s, err := parseScores(b)
	if err != nil {
		return nil, fmt.Errorf("%s: is damaged: %w (train again, or put the file back)", path, err)
	}
	return s, nil
}

func parseScores(b []byte) (*scores, error) {
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 || len(rows[0]) < 6 || !slices.Equal(rows[0][:4], []string{"split", "path", "group", "label"}) {
		return nil, errors.New("line 1: wants split,path,group,label and a probability of each class")
	}
	s := &scores{}
	for _, name := range rows[0][4:] {
		s.classes = append(s.classes, strings.TrimPrefix(name, "p_"))
	}
	for i, row := range rows[1:] {
		label := slices.Index(s.classes, row[3])
		if label < 0 {
			return nil, fmt.Errorf("line %d: label %q is none of %s", i+2, row[3], strings.Join(s.classes, ", "))
		}
		p := make([]float64, len(s.classes))
		for k, text := range row[4:] {
			if p[k], err = strconv.ParseFloat(text, 64); err != nil || !(p[k] >= 0 && p[k] <= 1) {
				return nil, fmt.Errorf("line %d: probability %q", i+2, text)
			}
		}
		s.paths, s.groups, s.labels, s.probs = append(s.paths, row[1]), append(s.groups, row[2]), append(s.labels, label), append(s.probs, p)
	}
	return s, nil
}

// rank keeps the top images by loss. Ties are in the order of their paths.
func (r *Review) rank(s *scores, set *dataset.Dataset, top int) error {
	at := map[string]int{}
	for i, it := range set.Items {
		at[it.Path] = i
	}
	counted := metrics.LabelErrors(s.probs, s.labels)
	r.Images = len(s.paths)
	for i, p := range s.probs {
		label := s.labels[i]
		if counted[i] != label {
			r.Counted++
		}
		item, ok := at[s.paths[i]]
		if !ok {
			return fmt.Errorf("%s is not in the run's %s (the files are of different runs)", s.paths[i], splitFile)
		}
		r.Suspects = append(r.Suspects, Suspect{Path: s.paths[i], Group: s.groups[i], SHA256: set.Items[item].SHA256, Label: s.classes[label],
			Suggested: s.classes[likeliest(p)], Probability: p[label], Loss: logLoss(p[label]), item: item})
	}
	slices.SortFunc(r.Suspects, func(a, b Suspect) int {
		return cmp.Or(cmp.Compare(b.Loss, a.Loss), cmp.Compare(a.Path, b.Path))
	})
	r.Suspects = r.Suspects[:min(top, len(r.Suspects))]
	return nil
}

// write makes the page and the table. Decisions that the table holds are kept,
// and so are those that the run began with, on the labels that the data give.
func (r *Review) write(set *dataset.Dataset, run string) error {
	decided := map[string]dataset.Correction{}
	table := filepath.Join(r.Folder, reviewTable)
	earlier, err := dataset.ReadCorrections(table)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w (mend or move the table: its decisions are not thrown away)", err)
	}
	began, err := dataset.ReadCorrections(filepath.Join(run, correctionsFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, c := range earlier {
		decided[c.Path] = c
	}
	for _, c := range began {
		if _, ok := decided[c.Path]; !ok {
			decided[c.Path], earlier = c, append(earlier, c)
		}
	}
	r.Decided = len(earlier)
	if err := r.page(set); err != nil {
		return err
	}
	return atomicfile.Write(table, r.table(decided, earlier).CSV)
}

// table is what a person fills in: one line an image, the decision beside its
// label. Decisions on images that are no suspects any more come last.
func (r *Review) table(decided map[string]dataset.Correction, earlier []dataset.Correction) *report.Table {
	t := &report.Table{Columns: []string{"path", "label", "decision", "suggested", "probability", "loss", "patient", "sha256"}}
	listed := map[string]bool{}
	for _, s := range r.Suspects {
		listed[s.Path] = true
		label, sha, c := s.Label, s.SHA256, decided[s.Path]
		if c.Decision != "" {
			label = c.Label // s.Label may be what was decided
			if c.SHA256 != "" {
				sha = c.SHA256 // the image that it was decided on
			}
		}
		t.Add(s.Path, label, c.Decision, s.Suggested, fmt.Sprintf("%.4g", s.Probability), fmt.Sprintf("%.4g", s.Loss), s.Group, sha)
	}
	for _, c := range earlier {
		if !listed[c.Path] {
			t.Add(c.Path, c.Label, c.Decision, "", "", "", "", c.SHA256)
		}
	}
	return t
}

// galleryCell is the side of a picture in pixels.
const galleryCell = 160

func (r *Review) page(set *dataset.Dataset) error {
	g := report.Gallery{Title: "Labels to look at again: " + filepath.Base(r.Folder), Text: append(r.words(),
		"Fill the column decision of "+reviewTable+" with the right class, or with drop to leave an image out; lines without a decision say nothing.")}
	for k, s := range r.Suspects {
		p := report.GalleryPicture{Lines: []string{fmt.Sprintf("%d. %s", k+1, s.Path), "label " + s.Label + ", suggested " + s.Suggested,
			fmt.Sprintf("probability of the label %.3g", s.Probability)}}
		if s.Group != "" {
			p.Lines = append(p.Lines, "patient "+s.Group)
		}
		var b bytes.Buffer
		im, err := set.Picture(s.item, galleryCell)
		if err == nil {
			err = png.Encode(&b, im)
		}
		if err != nil { // the rest can still be looked at
			p.Lines = append(p.Lines, err.Error())
		} else {
			p.PNG = b.Bytes()
		}
		g.Pictures = append(g.Pictures, p)
	}
	return atomicfile.Write(filepath.Join(r.Folder, reviewPage), g.HTML)
}

// words say what was looked at, and how many labels may be wrong.
func (r *Review) words() []string {
	var out []string
	if r.folds {
		unseen := "it"
		if r.apart {
			unseen = "its patient"
		}
		out = append(out, fmt.Sprintf("Of %s images, each scored by a model that did not see %s (arm %s), these fit their labels least.", report.Count(r.Images), unseen, r.Arm))
	} else {
		out = append(out, fmt.Sprintf("Of %s validation and test images these fit their labels least. Training images are not listed, because the model learnt their labels: --folds 5 scores every image.", report.Count(r.Images)))
	}
	return append(out, fmt.Sprintf("Confident learning (Northcutt et al. 2021) counts %s labels (%.1f %%) as wrong: an upper hint, because it counts what the model does not know too.",
		report.Count(r.Counted), 100*float64(r.Counted)/float64(max(1, r.Images))))
}

// Summary is the review for a terminal.
func (r *Review) Summary() string {
	t := &report.Table{Columns: []string{"", "image", "patient", "label", "suggested", "probability of the label", "loss"}}
	for i, s := range r.Suspects {
		t.Add(strconv.Itoa(i+1), s.Path, s.Group, s.Label, s.Suggested, fmt.Sprintf("%.3g", s.Probability), fmt.Sprintf("%.3f", s.Loss))
	}
	lines := append(r.words(), "", t.String(), "pictures: "+filepath.Join(r.Folder, reviewPage),
		"to fill in: "+filepath.Join(r.Folder, reviewTable)+" (its column decision; then train with --corrections)")
	if r.Decided > 0 {
		lines = append(lines, fmt.Sprintf("kept: %d decisions of the table and of the run", r.Decided))
	}
	return strings.Join(lines, "\n")
}
