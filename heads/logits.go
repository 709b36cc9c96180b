package heads

import (
	"context"
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/tensor"
)

// logitsBatch is how many items Logits runs at a time, to bound its memory.
const logitsBatch = 32

// Logits sets dst (n,Outputs) to the logits of x (n,Input), for any n. Nothing
// is dropped out. ctx is looked at between batches of 32 items.
func (h *Head) Logits(ctx context.Context, dst, x []float32, n int) (err error) {
	size, outputs := h.InputSize(), h.Outputs()
	if len(x) != n*size || len(dst) != n*outputs {
		return fmt.Errorf("heads: logits of %d items: %d numbers in and %d out, want %d and %d", n, len(x), len(dst), n*size, n*outputs)
	}
	d, err := h.device()
	if err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("heads: logits: %v", p)
		}
	}()
	if h.body != nil {
		if x, err = h.throughBody(ctx, x, n); err != nil {
			return err
		}
		size = tensor.Shape(h.spec.Input).Size()
	}
	r := runner{dev: d, program: h.program()}
	for i := 0; i < n; i += logitsBatch {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := min(logitsBatch, n-i)
		y, err := r.run(tensor.Of(x[i*size:(i+m)*size], append([]int{m}, h.spec.Input...)...))
		if err != nil {
			return err
		}
		copy(dst[i*outputs:], y.Data)
	}
	return nil
}

// throughBody computes what the head's own layers see of n items.
func (h *Head) throughBody(ctx context.Context, x []float32, n int) ([]float32, error) {
	if h.runner == nil {
		r, err := h.body.runner(h.dev, bodyBatch)
		if err != nil {
			return nil, err
		}
		h.runner = r
	}
	y := make([]float32, n*tensor.Shape(h.spec.Input).Size())
	return y, h.runner.all(ctx, y, x, n)
}

// runner runs layers one after the other, reusing their outputs.
type runner struct {
	dev     *cpu.Device
	program []*layer
	outputs [][]float32 // by layer, large enough for the first batch
}

func (r *runner) run(x *tensor.Tensor) (*tensor.Tensor, error) {
	if r.outputs == nil {
		r.outputs = make([][]float32, len(r.program))
	}
	for i, l := range r.program {
		if l.op == nil {
			continue
		}
		in, shapes := []*tensor.Tensor{x}, []tensor.Shape{x.Shape}
		for _, p := range l.params {
			in = append(in, tensor.Of(p.Data, p.Shape...))
			shapes = append(shapes, p.Shape)
		}
		s, err := l.op.Shape(shapes...)
		if err != nil {
			return nil, fmt.Errorf("heads: layer %q: %w", l.name, err)
		}
		if r.outputs[i] == nil {
			r.outputs[i] = make([]float32, s.Size())
		}
		y := tensor.Of(r.outputs[i][:s.Size()], s...)
		l.op.Forward(r.dev, y, in...)
		x = y
	}
	return x, nil
}
