package finetune

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/tlkit/tl/internal/atomicfile"
	"github.com/tlkit/tl/onnx"
)

// Export writes the best model of a run to path and returns the run's folder.
// folder "" is the newest run in runs. Of a run that was stopped, the best
// epoch so far is written; that needs its images and backbone again.
func Export(ctx context.Context, runs, folder, path, cacheDir, weightsDir string, p Progress) (string, error) {
	if runs == "" {
		runs = "runs"
	}
	if err := replaceable(path); err != nil {
		return "", err
	}
	if folder == "" {
		var err error
		if folder, err = newestRun(runs); err != nil {
			return "", err
		}
	}
	finished := filepath.Join(folder, modelFile)
	if _, err := os.Stat(finished); err == nil {
		return folder, copyFile(path, finished)
	}
	s, err := readSettings(folder)
	if err != nil {
		return "", err
	}
	o := s.Resolved
	o.CacheDir, o.WeightsDir = cacheDir, weightsDir
	return folder, exportStopped(ctx, o, folder, path, p)
}

// replaceable returns an error where path holds what tl did not export: a slip
// of the keyboard must not cost a file.
func replaceable(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	m, err := onnx.Read(path)
	if err == nil {
		defer m.Close()
		if m.Metadata[metaVersion] != "" {
			return nil
		}
	}
	return fmt.Errorf("%s: is there already, and is no model that tl exported (choose another name, or remove it first)", path)
}

// exportStopped writes the best epoch so far of a run that is not finished.
func exportStopped(ctx context.Context, o Options, folder, path string, p Progress) error {
	f, err := lockFolder(folder)
	if err != nil {
		return err
	}
	defer f.close()
	d, err := OpenData(ctx, f.data(o.Data), p)
	if err != nil {
		return err
	}
	src, card, err := openSource(o, p)
	if err != nil {
		return err
	}
	defer src.close()
	r := &run{o: o, data: d, src: src, card: card, folder: f, p: p}
	x, err := r.features(ctx)
	if err != nil {
		return err
	}
	defer x.close()
	t, err := r.trainer(ctx, x)
	if err != nil {
		return err
	}
	defer t.close()
	if err := t.restore(f); err != nil {
		return err
	}
	if t.state.Best == 0 {
		return fmt.Errorf("%s: no epoch is finished, there is nothing to export (tl finetune --resume %s)", folder, folder)
	}
	if err := t.useBest(); err != nil {
		return err
	}
	s, err := score(ctx, d, t.best().x, t.best().head, t.val)
	if err != nil {
		return err
	}
	choice, err := s.choose(o.Threshold)
	if err != nil {
		return err
	}
	return r.export(path, t, choice)
}

// newestRun returns the run folder whose settings are the newest, arms of
// comparisons included.
func newestRun(runs string) (string, error) {
	found, err := filepath.Glob(filepath.Join(runs, "*", settingsFile))
	if err != nil {
		return "", err
	}
	arms, err := filepath.Glob(filepath.Join(runs, "*", "*", settingsFile))
	if err != nil {
		return "", err
	}
	found = append(found, arms...)
	var newest string
	var at time.Time
	for _, f := range found {
		if st, err := os.Stat(f); err == nil && st.ModTime().After(at) {
			newest, at = filepath.Dir(f), st.ModTime()
		}
	}
	if newest == "" {
		return "", fmt.Errorf("%s: holds no run (tl finetune makes one; --runs names another folder)", runs)
	}
	return newest, nil
}

func copyFile(to, from string) error {
	if a, err := os.Stat(to); err == nil {
		if b, err := os.Stat(from); err == nil && os.SameFile(a, b) {
			return nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	return atomicfile.Write(to, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}
