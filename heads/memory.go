package heads

// TrainingMemory returns the bytes that a Trainer with these options takes
// besides the network itself: values and gradients of the graph, running means
// and averages, inputs of a padded batch. It allocates none of that. Scratch
// of the kernels, which depends on the machine, is not counted.
func (h *Head) TrainingMemory(o TrainOptions) (int64, error) {
	o, err := o.complete(h)
	if err != nil {
		return 0, err
	}
	t := &Trainer{head: h, o: o, at: &place{}}
	g, loss, err := t.build()
	if err != nil {
		return 0, err
	}
	n, err := g.Bytes(loss)
	return n + t.held(), err
}

// Memory is Head.TrainingMemory of this trainer, and the kernels' scratch as
// far as it has grown: all of it after the first step.
func (t *Trainer) Memory() int64 { return t.machine.Bytes() + t.held() + t.dev.ScratchBytes() }

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
