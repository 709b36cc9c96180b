package heads

import (
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
)

// TrainingMemory returns the bytes that a Trainer with these options takes
// besides the network itself: values and gradients of the graph, running means
// and averages, inputs of a padded batch, scratch of this machine's kernels.
// It allocates none of that.
func (h *Head) TrainingMemory(o TrainOptions) (int64, error) {
	o, err := o.complete(h)
	if err != nil {
		return 0, err
	}
	dev, err := cpu.New(o.Threads)
	if err != nil {
		return 0, fmt.Errorf("heads: %w", err)
	}
	defer dev.Close()
	t := &Trainer{head: h, o: o, dev: dev, at: &place{}}
	g, loss, err := t.build()
	if err != nil {
		return 0, err
	}
	arrays, scratch, err := g.Bytes(loss)
	return arrays + scratch.Bytes(dev.Threads()) + t.held(), err
}

// Memory is Head.TrainingMemory of this trainer.
func (t *Trainer) Memory() int64 {
	return t.machine.Bytes() + t.machine.Scratch().Bytes(t.dev.Threads()) + t.held()
}

// held is what lies outside of the graph: the solver's arrays and, of a batch
// in parts, the gradients of the parts before.
func (t *Trainer) held() int64 {
	params := t.head.Params()
	s := t.o.solver(params)
	n := s.Bytes()
	if t.o.Accumulate > 1 {
		for _, p := range params {
			n += 4 * int64(len(p.Data))
		}
	}
	return n
}
