package peer

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/tlkit/tl/internal/tensor"
)

// Contender does the work of a process, as class Peer does in Python.
type Contender interface {
	// Load readies the work, which is the contest's own JSON.
	Load(what json.RawMessage) (version, settings string, err error)
	// Run does the work that often: the seconds of each time, and how many
	// images that were in all.
	Run(iterations int) (seconds []float64, images int, err error)
	// Output is what contenders are compared by.
	Output() (*tensor.Tensor, error)
}

// Serve answers requests as worker.py does, until there are no more.
func Serve(in io.Reader, out io.Writer, c Contender) error {
	requests, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var r request
		if err := requests.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		a, err := r.answer(c)
		if err != nil {
			return err
		}
		a.Peak = peakMemory()
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}

func (r request) answer(c Contender) (a Answer, err error) {
	switch {
	case r.Load != nil:
		a.Version, a.Settings, err = c.Load(r.Load)
	case r.Run > 0:
		a.Seconds, a.Images, err = c.Run(r.Run)
	default:
		var x *tensor.Tensor
		if x, err = c.Output(); err == nil {
			err = WriteNPY(r.Output, x)
		}
	}
	return a, err
}
