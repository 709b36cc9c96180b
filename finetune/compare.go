package finetune

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

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
	Pairs   []Pair     `json:"pairs"`   // every arm after the first against the first; two classes only
	Verdict []string   `json:"verdict"` // who is better, as far as the intervals tell
}

// Pair is the difference of two arms on the same test images.
type Pair struct {
	A          string      `json:"a"`
	B          string      `json:"b"`
	Difference *Difference `json:"difference"` // A − B
}

// Compare runs every arm on the same split, each in a folder of its own inside
// the comparison's, and compares all others with the first. Arms that are
// finished already are not run again, so that a comparison can be resumed by
// giving it the name of its folder.
func Compare(ctx context.Context, data DataOptions, runs, name string, arms []Arm, p Progress) (*Comparison, error) {
	def(&runs, "runs")
	if len(arms) < 2 {
		return nil, fmt.Errorf("nothing to compare: wants at least two arms, e.g. the baseline and --backbone resnet50")
	}
	for _, a := range arms {
		a.Options.Data = data
		r, err := a.Options.Resolved()
		if err == nil {
			err = canOpen(r)
		}
		if err != nil {
			return nil, err
		}
	}
	d, err := OpenData(ctx, data, p)
	if err != nil {
		return nil, err
	}
	if name == "" {
		f, err := createFolder(runs, "", "compare")
		if err != nil {
			return nil, err
		}
		defer f.close()
		name = filepath.Base(f.Path)
	}
	c := &Comparison{Folder: filepath.Join(runs, name)}
	for _, a := range named(arms) {
		p.Note("")
		p.Note("── " + a.Name + " ──")
		out, err := runArm(ctx, d, data, c.Folder, a, p)
		if errors.Is(err, context.Canceled) {
			return nil, fmt.Errorf("%s: %w (the same command with --name %s goes on)", a.Name, context.Canceled, name)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.Name, err)
		}
		c.Names, c.Arms = append(c.Names, a.Name), append(c.Arms, out)
	}
	if err := c.pair(); err != nil {
		return nil, err
	}
	return c, c.write()
}

// runArm runs or resumes one arm.
func runArm(ctx context.Context, d *Data, data DataOptions, folder string, a Arm, p Progress) (*Outcome, error) {
	o := a.Options
	o.Data, o.Runs, o.Name = data, folder, a.Name
	r, err := o.Resolved()
	if err != nil {
		return nil, err
	}
	resetPeakMemory()
	path := filepath.Join(folder, a.Name)
	if s, err := readSettings(path); err == nil {
		if digest(s.Resolved.withoutPaths()) != digest(r.withoutPaths()) {
			return nil, fmt.Errorf("%s: began with other options (choose another --name)", path)
		}
		return Resume(ctx, path, r.Threads, r.CacheDir, r.WeightsDir, p)
	}
	return runOn(ctx, d, o, r, p)
}

var notInNames = regexp.MustCompile(`[^a-zA-Z0-9._-]+`)

// named gives every arm a name of its own that can be a folder's.
func named(arms []Arm) []Arm {
	out, seen := make([]Arm, len(arms)), map[string]int{}
	for i, a := range arms {
		if a.Name == "" {
			a.Name = "baseline"
			if a.Options.Model != "baseline" {
				a.Name = strings.TrimSuffix(filepath.Base(a.Options.Backbone), ".onnx")
			}
		}
		a.Name = notInNames.ReplaceAllString(a.Name, "-")
		if seen[a.Name]++; seen[a.Name] > 1 {
			a.Name = fmt.Sprintf("%s-%d", a.Name, seen[a.Name])
		}
		out[i] = a
	}
	return out
}

// pair compares every arm after the first with the first on the test images.
func (c *Comparison) pair() error {
	first := c.Arms[0]
	if len(first.Classes) > 2 {
		return nil
	}
	e0, s0 := first.last()
	for i, arm := range c.Arms[1:] {
		e, s := arm.last()
		diff, err := metrics.Compare(s.binary(), s0.binary(), e.Threshold.Threshold, e0.Threshold.Threshold, metrics.Options{})
		if err != nil {
			return err
		}
		c.Pairs = append(c.Pairs, Pair{A: c.Names[i+1], B: c.Names[0], Difference: diff})
	}
	return nil
}
