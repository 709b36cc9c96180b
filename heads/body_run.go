package heads

import (
	"context"
	"fmt"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
)

// bodyRunner runs a body forward, operator by operator, with the weights that
// it has at the moment. An array is used again once nothing reads it any more.
type bodyRunner struct {
	dev   *cpu.Device
	net   *graph.Graph
	last  map[*graph.Value]int // the node that reads a value last
	free  map[int][][]float32  // arrays by their length
	value map[*graph.Value]*tensor.Tensor
}

func (b *Body) runner(dev *cpu.Device, batch int) (*bodyRunner, error) {
	net, err := b.graph(batch)
	if err != nil {
		return nil, err
	}
	r := &bodyRunner{dev: dev, net: net, last: map[*graph.Value]int{}, free: map[int][][]float32{}, value: map[*graph.Value]*tensor.Tensor{}}
	for i, n := range net.Nodes {
		for _, v := range n.In {
			r.last[v] = i
		}
	}
	r.last[net.Outputs[0]] = len(net.Nodes)
	return r, nil
}

// run returns the body's output for x (batch, InputShape…), valid until the
// next run.
func (r *bodyRunner) run(x *tensor.Tensor) *tensor.Tensor {
	if y := r.value[r.net.Outputs[0]]; y != nil {
		r.release(y)
	}
	clear(r.value)
	r.value[r.net.Inputs[0]] = x
	for i, n := range r.net.Nodes {
		in := make([]*tensor.Tensor, len(n.In))
		for k, v := range n.In {
			if v == nil {
				continue
			}
			if in[k] = v.Const; in[k] == nil {
				in[k] = r.value[v]
			}
		}
		y := r.take(n.Out.Shape)
		n.Op.Forward(r.dev, y, in...)
		r.value[n.Out] = y
		r.done(i, n)
	}
	return r.value[r.net.Outputs[0]]
}

// done releases what node i was the last to read.
func (r *bodyRunner) done(i int, n *graph.Node) {
	for _, v := range n.In {
		if v != nil && v.Const == nil && v != r.net.Inputs[0] && r.last[v] == i && r.value[v] != nil {
			r.release(r.value[v])
			delete(r.value, v)
		}
	}
}

func (r *bodyRunner) take(s tensor.Shape) *tensor.Tensor {
	n := s.Size()
	if f := r.free[n]; len(f) > 0 {
		r.free[n] = f[:len(f)-1]
		return tensor.Of(f[len(f)-1], s...)
	}
	return tensor.New(s...)
}

func (r *bodyRunner) release(t *tensor.Tensor) {
	r.free[len(t.Data)] = append(r.free[len(t.Data)], t.Data)
}

// bodyBatch is how many items a body computes at a time.
const bodyBatch = 16

// Features computes the body's output with the weights that it has now:
//
//	dst []float32 // (n, OutputShape…)
//	x   []float32 // (n, InputShape…)
//
// ctx is looked at between batches. The Device's threads do not change the bytes.
func (b *Body) Features(ctx context.Context, dst, x []float32, n, threads int) error {
	dev, err := cpu.New(threads)
	if err != nil {
		return fmt.Errorf("heads: %w", err)
	}
	defer dev.Close()
	r, err := b.runner(dev, bodyBatch)
	if err != nil {
		return err
	}
	return r.all(ctx, dst, x, n)
}

// all runs over any number of items, in batches of one size so that what comes
// out for an item does not depend on their number.
func (r *bodyRunner) all(ctx context.Context, dst, x []float32, n int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("heads: body: %v", p)
		}
	}()
	shape := r.net.Inputs[0].Shape
	in, out := shape[1:].Size(), r.net.Outputs[0].Shape[1:].Size()
	if len(x) < n*in || len(dst) < n*out {
		return fmt.Errorf("heads: body of %d items: %d numbers in and %d out, want %d and %d", n, len(x), len(dst), n*in, n*out)
	}
	for i := 0; i < n; i += shape[0] {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := min(shape[0], n-i)
		batch := x[i*in : (i+m)*in]
		if m < shape[0] {
			batch = append(make([]float32, 0, shape.Size()), batch...)[:shape.Size()]
		}
		y := r.run(tensor.Of(batch, shape...))
		copy(dst[i*out:(i+m)*out], y.Data)
	}
	return nil
}
