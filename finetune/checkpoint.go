package finetune

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
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
	for i, p := range t.head.Params() {
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
	var s state
	if err == nil {
		if err = json.Unmarshal(c.Meta, &s); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err == nil && s.Digest != t.state.Digest {
		return fmt.Errorf("%s: belongs to other settings, images or weights than this run's (start a new run with another --name)", path)
	}
	if err == nil {
		err = t.load(c, s, path)
	}
	if err != nil {
		return fmt.Errorf("%w (delete %s to train again from the cached features)", err, path)
	}
	return nil
}

// load takes over what the checkpoint holds.
func (t *trainer) load(c *weights.Checkpoint, s state, path string) error {
	for _, p := range t.head.Params() {
		best := c.Array("best/" + p.Name)
		if best == nil || len(best.Data) != len(p.Data) {
			return fmt.Errorf("%s: parameter %s: wants %d numbers; the checkpoint does not fit the head", path, p.Name, len(p.Data))
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
	if err := t.step.Restore(now, s.Step); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	t.state = s
	return nil
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
	var out []Epoch
	for d := json.NewDecoder(bytes.NewReader(b)); d.More(); {
		var e Epoch
		if err := d.Decode(&e); err != nil {
			return out, fmt.Errorf("%s is damaged: %w", f.file(logFile), err)
		}
		out = append(out, e)
	}
	return out, nil
}
