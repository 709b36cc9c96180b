package finetune

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/tlkit/tl/internal/dataset"
)

// Place says where this machine has what a run needs, as in Options. The zero
// value is: all where it was when the run began, and all cores.
type Place struct {
	Data     string // images that moved
	Root     string // folder of a manifest's images that moved
	Backbone string // ONNX file that moved

	CacheDir   string
	WeightsDir string
	Threads    int
}

// in returns o with what is known of the place.
func (at Place) in(o Options) Options {
	if at.Data != "" {
		o.Data.Path, o.Data.Root = at.Data, ""
	}
	if at.Root != "" {
		o.Data.Root = at.Root
	}
	if at.Backbone != "" && o.Model != "baseline" {
		o.Backbone = at.Backbone
	}
	o.Threads, o.CacheDir, o.WeightsDir = at.Threads, at.CacheDir, at.WeightsDir
	return o
}

// Resume goes on with the run in folder path from its last checkpoint. The
// final bytes are those of a run that was never interrupted. Other images, or
// another split of them, than the run began with are an error.
func Resume(ctx context.Context, path string, at Place, p Progress) (*Outcome, error) {
	s, err := readSettings(path)
	if err != nil {
		return nil, err
	}
	if w := s.otherVersion(); w != "" {
		p.Warn(w)
	}
	return resume(ctx, path, s, at.in(s.Resolved), nil, p, (*run).steps)
}

// resume goes on with o, which is s.Resolved in this place, and does work there.
// d is nil where the images are not open yet.
func resume(ctx context.Context, path string, s Settings, o Options, d *Data, p Progress, w work) (*Outcome, error) {
	f, err := lockFolder(path)
	if err != nil {
		return nil, err
	}
	defer f.close()
	if d == nil {
		if d, err = OpenData(ctx, f.data(o.Data), p); err != nil {
			return nil, err
		}
	}
	if err := sameSplit(f.file(splitFile), d); err != nil {
		return nil, err
	}
	src, card, err := openSource(o, p)
	if err != nil {
		return nil, err
	}
	defer src.close()
	if err := f.writeSettings(d.set.Root, s.Given, o); err != nil { // they may have moved
		return nil, err
	}
	return (&run{o: o, data: d, src: src, card: card, folder: f, p: p}).do(ctx, w)
}

// sameSplit returns an error when the images or their split are not those of
// the manifest that the run began with; without one it writes it.
func sameSplit(path string, d *Data) error {
	then, err := dataset.LoadManifest(path, d.set.Root)
	if errors.Is(err, os.ErrNotExist) {
		return d.set.SaveManifest(path)
	}
	if err != nil {
		return fmt.Errorf("%w (put the file back, or begin a new run: tl finetune with another --name)", err)
	}
	if what := then.Difference(d.set); what != "" {
		return fmt.Errorf("%s: the images or their split changed since this run began: %s (put the images back, or begin a new run: tl finetune with another --name)", path, what)
	}
	return nil
}
