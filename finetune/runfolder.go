package finetune

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"github.com/tlkit/tl/internal/atomicfile"
)

// The files of a run folder.
const (
	settingsFile   = "settings.json"   // as given and as resolved
	splitFile      = "split.csv"       // every image with its class, group, split and SHA-256
	logFile        = "log.jsonl"       // one line an epoch
	logTableFile   = "log.csv"         // the same as a table
	checkpointFile = "checkpoint.tl"   // parameters, optimiser, history, best so far
	modelFile      = "model.onnx"      // the exported model
	resultFile     = "result.json"     // the evaluation
	scoresFile     = "predictions.csv" // every validation and test image with its probability
	reportFile     = "report.md"
)

// Folder is a run's folder: everything that it made or needs to go on.
type Folder struct {
	Path string
	lock *flock.Flock
}

// createFolder makes runs/name, or the first free runs/<prefix>-<k> where name
// is empty. A named folder that holds a run already is an error.
func createFolder(runs, name, prefix string) (*Folder, error) {
	if name != "" {
		return newFolder(filepath.Join(runs, name))
	}
	for k := 1; ; k++ {
		path := filepath.Join(runs, fmt.Sprintf("%s-%d", prefix, k))
		if err := os.MkdirAll(runs, 0o755); err != nil {
			return nil, err
		}
		err := os.Mkdir(path, 0o755)
		if err == nil {
			return lockFolder(path)
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
}

// newFolder takes the folder for a new run.
func newFolder(path string) (*Folder, error) {
	f, err := lockFolder(path)
	if err != nil {
		return nil, err
	}
	if err := unused(path); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// unused returns an error when the folder holds a run.
func unused(path string) error {
	if _, err := os.Stat(filepath.Join(path, settingsFile)); err == nil {
		return fmt.Errorf("%s: holds a run already (go on with --resume %s, or choose another --name)", path, path)
	}
	return nil
}

// lockFolder takes the folder for this process alone. Half-written files that
// a killed process left there are removed.
func lockFolder(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(path, ".lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !ok {
		return nil, fmt.Errorf("%s: another process is working in this run folder (wait for it, or choose another --name)", path)
	}
	f := &Folder{Path: path, lock: lock}
	if err := atomicfile.Tidy(path); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// file returns the path of a file of the folder.
func (f *Folder) file(name string) string { return filepath.Join(f.Path, name) }

func (f *Folder) close() error { return f.lock.Unlock() }

// writeJSON writes v indented, atomically.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(b, '\n'))
}

// writeFile writes b as the whole of path.
func writeFile(path string, b []byte) error {
	err := atomicfile.Write(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
	return diskError(path, err)
}
