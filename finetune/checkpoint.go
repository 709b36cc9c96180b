package finetune

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/tlkit/tl/weights"
)

// save writes the checkpoint: the trainer's state, parameters included, the
// best parameters so far and the history. A kill at any moment leaves the one
// before.
func (t *trainer) save(f *Folder) error {
	meta, err := json.Marshal(t.state)
	if err != nil {
		return err
	}
	c := &weights.Checkpoint{Meta: meta}
	for i, p := range t.best().head.Params() {
		c.Arrays = append(c.Arrays, weights.Array{Name: "best/" + p.Name, Shape: p.Shape, Data: t.state.best[i]})
	}
	for _, a := range t.step.State() {
		a.Name = "trainer/" + a.Name
		c.Arrays = append(c.Arrays, a)
	}
	path := f.file(checkpointFile)
	return diskError(path, weights.SaveCheckpoint(path, c))
}

// restore goes on from the folder's checkpoint. Without one it leaves t as it
// is. A checkpoint that is damaged, or of other settings or images, is an error.
func (t *trainer) restore(f *Folder) error {
	path := f.file(checkpointFile)
	c, err := weights.LoadCheckpoint(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		if err = t.resume(c); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	switch {
	case errors.As(err, new(foreignError)):
		return fmt.Errorf("%w (start a new run with another --name)", err)
	case err != nil:
		return fmt.Errorf("%w (delete it to train again from the cached features)", err)
	}
	return nil
}

// foreignError says that a checkpoint is another run's.
type foreignError struct{ what string }

func (e foreignError) Error() string { return "belongs to " + e.what + " than this run's" }

// resume goes on from a checkpoint. On an error t is as it was, but for the
// head's weights.
func (t *trainer) resume(c *weights.Checkpoint) error {
	var s state
	if err := json.Unmarshal(c.Meta, &s); err != nil {
		return fmt.Errorf("is damaged: %w", err)
	}
	if err := t.state.same(s); err != nil {
		return err
	}
	if err := t.possible(s); err != nil {
		return fmt.Errorf("is damaged: %w", err)
	}
	return t.load(c, s)
}

// same returns an error that says what then was made of that now is not.
func (now state) same(then state) error {
	switch {
	case then.Settings == "":
		return foreignError{"another version of tl"}
	case then.Settings != now.Settings:
		return foreignError{"other settings"}
	case then.Images != now.Images:
		return foreignError{"other images, or another split of them,"}
	case then.Features != now.Features:
		return foreignError{"features of other weights, another version of tl or another kind of processor"}
	}
	return nil
}

// possible returns an error where this training cannot have come to s:
// checkpoints are saved after whole epochs, and one epoch is the best.
func (t *trainer) possible(s state) error {
	if s.Phase < 0 || s.Phase >= len(t.phases) || s.BestPhase < 0 || s.BestPhase > s.Phase || (s.Phase == 0) != (s.Began == 0) {
		return fmt.Errorf("phase %d of %d from epoch %d, the best in %d, cannot be", s.Phase, len(t.phases), s.Began, s.BestPhase)
	}
	inPhase := s.Epoch - s.Began
	if s.Began < 0 || inPhase < 1 || inPhase > t.phases[s.Phase].epochs || s.Step != t.steps()*inPhase || s.Best < 1 || s.Best > s.Epoch || len(s.History) != s.Epoch {
		return fmt.Errorf("epoch %d of %d, best %d, %d in the history, %d steps cannot be", s.Epoch, s.Began+t.phases[s.Phase].epochs, s.Best, len(s.History), s.Step)
	}
	for i, e := range s.History {
		if e.Epoch != i+1 {
			return fmt.Errorf("epoch %d is the %d. of the history", e.Epoch, i+1)
		}
	}
	return nil
}

// load takes over what the checkpoint holds.
func (t *trainer) load(c *weights.Checkpoint, s state) error {
	for _, p := range t.phases[s.BestPhase].head.Params() {
		best := c.Array("best/" + p.Name)
		if best == nil || len(best.Data) != len(p.Data) {
			return fmt.Errorf("parameter %s: wants %d numbers; the checkpoint does not fit the head", p.Name, len(p.Data))
		}
		s.best = append(s.best, best.Data)
	}
	var now []weights.Array
	for _, a := range c.Arrays {
		if name, ok := strings.CutPrefix(a.Name, "trainer/"); ok {
			a.Name = name
			now = append(now, a)
		}
	}
	began := t.state
	t.leave()
	t.state = s
	err := t.enter(Silent{})
	if err == nil {
		err = t.step.Restore(now, s.Step)
	}
	if err != nil {
		t.leave()
		t.state = began
	}
	return err
}

// withSeconds returns the finished epochs of a run that goes on: the
// checkpoint's history, which a kill between checkpoint and log leaves one ahead
// of the log, with the seconds that the log knows.
func withSeconds(history, log []Epoch) []Epoch {
	out := slices.Clone(history)
	for i := range min(len(out), len(log)) {
		out[i].Seconds = log[i].Seconds
	}
	return out
}

// writeLog writes all epochs as log.jsonl and log.csv.
func (f *Folder) writeLog(epochs []Epoch) error {
	var lines, table bytes.Buffer
	w := csv.NewWriter(&table)
	w.Write([]string{"epoch", "learning_rate", "train_loss", "val_loss", "val_accuracy", "val_auc", "best", "seconds"})
	num := func(x float64) string { return strconv.FormatFloat(x, 'g', 8, 64) }
	for _, e := range epochs {
		js, err := json.Marshal(e)
		if err != nil {
			return err
		}
		lines.Write(append(js, '\n'))
		w.Write([]string{strconv.Itoa(e.Epoch), num(e.LearningRate), num(e.TrainLoss), num(e.ValLoss), num(e.ValAccuracy), num(e.ValAUC), strconv.FormatBool(e.Best), num(e.Seconds)})
	}
	w.Flush() // a buffer never fails
	if err := writeFile(f.file(logFile), lines.Bytes()); err != nil {
		return err
	}
	return writeFile(f.file(logTableFile), table.Bytes())
}

// readLog reads the epochs of log.jsonl; without the file there are none. Of a
// damaged file it returns those before the damage, and an error.
func (f *Folder) readLog() ([]Epoch, error) {
	b, err := os.ReadFile(f.file(logFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out, err := parseLog(b)
	if err != nil {
		return out, fmt.Errorf("%s is damaged: %w", f.file(logFile), err)
	}
	return out, nil
}

// parseLog is readLog of the file's bytes.
func parseLog(b []byte) (out []Epoch, err error) {
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		var e Epoch
		err := d.Decode(&e)
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return out, err
		case e.Epoch != len(out)+1 || !(e.Seconds >= 0 && e.Seconds < longest):
			return out, fmt.Errorf("epoch %d of %g s follows epoch %d", e.Epoch, e.Seconds, len(out))
		}
		out = append(out, e)
	}
}
