package finetune

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tlkit/tl/backbones"
	"github.com/tlkit/tl/internal/metrics"
)

// Arm is one way to solve the problem: a backbone with a head, or the baseline.
type Arm struct {
	Name    string // e.g. "resnet50"; "" is made from the options
	Options Options
}

// Comparison is several arms on one split of one set of images.
type Comparison struct {
	Folder  string     `json:"folder"`
	Arms    []*Outcome `json:"arms"`
	Names   []string   `json:"names"`
	Pairs   []Pair     `json:"pairs"`           // every arm against those before it; two classes only
	Folds   []Fold     `json:"folds,omitempty"` // of a cross-validation, whose arms' figures are of all folds together
	Verdict []string   `json:"verdict"`         // who is better, as far as the intervals tell
}

// Pair is the difference of two arms on the same test images.
type Pair struct {
	A          string      `json:"a"`
	B          string      `json:"b"`
	Difference *Difference `json:"difference"` // A − B
}

// Compare runs every arm on the same split, each in a folder of its own inside
// the comparison's, and compares each with all others. Arms that are
// finished already are not run again, so that a comparison can be resumed by
// giving it the name of its folder.
func Compare(ctx context.Context, data DataOptions, runs, name string, arms []Arm, p Progress) (*Comparison, error) {
	def(&runs, "runs")
	if len(arms) < 2 {
		return nil, fmt.Errorf("nothing to compare: wants at least two arms, e.g. the baseline and --backbone resnet50")
	}
	arms, err := named(arms)
	if err != nil {
		return nil, err
	}
	if err := checkArms(arms, data); err != nil {
		return nil, err
	}
	d, err := OpenData(ctx, data, p)
	if err != nil {
		return nil, err
	}
	f, err := foldersFolder(runs, name, "compare")
	if err != nil {
		return nil, err
	}
	defer f.close()
	c := &Comparison{Folder: f.Path}
	for _, a := range arms {
		p.Note("")
		p.Note("── " + a.Name + " ──")
		out, err := runArm(ctx, d, data, c.Folder, a, p, (*run).steps)
		if err != nil {
			return nil, armFailed(f, a, err)
		}
		c.Names, c.Arms = append(c.Names, a.Name), append(c.Arms, out)
	}
	if err := c.pair(); err != nil {
		return nil, err
	}
	return c, c.write()
}

// armFailed says which arm failed and, where it was stopped, how to go on with
// all of them.
func armFailed(f *Folder, a Arm, err error) error {
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w (the same command with --name %s goes on)", a.Name, context.Canceled, filepath.Base(f.Path))
	}
	return fmt.Errorf("%s: %w", a.Name, err)
}

// checkArms returns what is wrong with an arm, before minutes are spent.
func checkArms(arms []Arm, data DataOptions) error {
	for _, a := range arms {
		a.Options.Data = data
		r, err := a.Options.Resolved()
		if err == nil {
			err = canOpen(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// foldersFolder takes the folder runs/name of several runs, new or of an
// earlier command, or a free one with the prefix where name is empty.
func foldersFolder(runs, name, prefix string) (*Folder, error) {
	if name == "" {
		return createFolder(runs, "", prefix)
	}
	return newFolder(filepath.Join(runs, name))
}

// canOpen returns the error of opening what feeds the trainable part, before
// minutes are spent on images. Only what a compiled network shows, such as the
// memory that it needs, is left for later.
func canOpen(o Options) error {
	if o.Model == "baseline" {
		return nil
	}
	card, err := backbones.Inspect(o.Backbone, backbones.Options{Cut: o.Cut, Unfreeze: o.Unfreeze, UnfreezeFrom: o.UnfreezeFrom, Size: o.Size, Preprocess: o.Preprocess, Dir: o.WeightsDir})
	if err != nil || card.Preprocess.Name != "" {
		return err
	}
	_, _, err = openSource(o, Silent{}) // fails, and says how to choose
	return err
}

// runArm does work in the run of one arm on d, new or gone on with.
func runArm(ctx context.Context, d *Data, data DataOptions, folder string, a Arm, p Progress, w work) (*Outcome, error) {
	o := a.Options
	o.Data, o.Runs, o.Name = data, folder, a.Name
	r, err := o.Resolved()
	if err != nil {
		return nil, err
	}
	resetPeakMemory()
	path := filepath.Join(folder, a.Name)
	if s, err := readSettings(path); err == nil {
		if o.Precision == s.Given.Precision {
			r.Precision = s.Resolved.Precision // f32 where the processor that it began on lacks the one given
		}
		if what := r.difference(s.Resolved); what != "" {
			return nil, fmt.Errorf("%s: began with other options: %s (choose another --name, or say what it began with)", path, what)
		}
		return resume(ctx, path, s, r, d, p, w)
	} else if !errors.Is(err, errNoRun) {
		return nil, err
	}
	src, card, err := openSource(r, p)
	if err != nil {
		return nil, err
	}
	defer src.close()
	r.Precision = chosen(src, r.Precision, p)
	return runOn(ctx, d, src, card, o, r, p, w)
}

var notInNames = regexp.MustCompile(`[^a-zA-Z0-9._-]+`)

// named gives every arm a name of its own that can be a folder's, also where
// the system takes upper for lower case.
func named(arms []Arm) ([]Arm, error) {
	out, used := make([]Arm, len(arms)), map[string]bool{}
	for i, a := range arms {
		if a.Name == "" {
			a.Name = "baseline"
			if a.Options.Model != "baseline" {
				a.Name = strings.TrimSuffix(filepath.Base(a.Options.Backbone), ".onnx")
			}
		}
		base := notInNames.ReplaceAllString(a.Name, "-")
		if strings.Trim(base, ".") == "" {
			return nil, fmt.Errorf("arm %d: %q cannot be the name of a folder (name the file otherwise)", i+1, base)
		}
		a.Name = base
		for k := 2; used[strings.ToLower(a.Name)]; k++ {
			a.Name = fmt.Sprintf("%s-%d", base, k)
		}
		used[strings.ToLower(a.Name)] = true
		out[i] = a
	}
	return out, nil
}

// pair compares every arm with every one before it on the test images.
func (c *Comparison) pair() error {
	if len(c.Arms[0].Classes) > 2 {
		return nil
	}
	for i, a := range c.Arms {
		ea, sa := a.last()
		for k, b := range c.Arms[:i] {
			eb, sb := b.last()
			if !slices.Equal(sa.images(), sb.images()) {
				return fmt.Errorf("%s and %s were scored on different images: nothing to compare (choose another --name)", c.Names[i], c.Names[k])
			}
			diff, err := metrics.Compare(sa.binary(), sb.binary(), ea.Threshold.Threshold, eb.Threshold.Threshold, metrics.Options{})
			if err != nil {
				return err
			}
			c.Pairs = append(c.Pairs, Pair{A: c.Names[i], B: c.Names[k], Difference: diff})
		}
	}
	return nil
}

// images lists what was scored: each image's digest and its label.
func (s *scored) images() []string {
	out := make([]string, len(s.items))
	for i, k := range s.items {
		out[i] = fmt.Sprint(s.data.set.Items[k].SHA256, s.labels[i])
	}
	return out
}
