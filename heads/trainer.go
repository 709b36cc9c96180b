package heads

import (
	"errors"
	"fmt"
	"math"

	"github.com/tlkit/tl/internal/autodiff"
	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/op"
	"github.com/tlkit/tl/internal/tensor"
)

// Trainer trains a Head: one Gorgonia graph of fixed batch size, one solver. A
// shorter batch is padded with rows of weight 0. Not safe for concurrent use.
//
// With TrainOptions.Accumulate the graph takes a part of the batch at a time
// and a step adds up the gradients of the parts: each loss is divided by the
// weight of the whole batch and dropout's masks are those of the whole, so the
// sums are the same. They are added up in another order, part by part, and so
// differ in float32's last digits.
type Trainer struct {
	head    *Head
	o       TrainOptions
	dev     *cpu.Device
	machine *autodiff.Machine
	solver  autodiff.Solver
	input   *autodiff.Node

	padded []float32 // (rows,Input): used for a shorter part
	labels []float32 // (rows)
	rows   []float32 // (rows): row weights, 0 for padding
	others []float32 // (rows): the second labels of mixed items
	shares []float32 // (rows): and their weights
	at     *place
	away   bool // the parameters are swapped with their averages
}

// place is what the graph's operators look up. It is no part of Trainer, which
// holds the graph: Gorgonia's machine has a finalizer, and so is never freed
// as one of a circle.
type place struct {
	step   uint64  // steps made; Dropout's masks follow it
	row    int     // of the batch, where the present part begins
	weight float64 // of the whole batch
}

// Trainer readies the network for training. Close it afterwards.
func (h *Head) Trainer(o TrainOptions) (*Trainer, error) {
	o, err := o.complete(h)
	if err != nil {
		return nil, err
	}
	dev, err := cpu.New(o.Threads)
	if err != nil {
		return nil, fmt.Errorf("heads: %w", err)
	}
	n := o.rows()
	t := &Trainer{head: h, o: o, dev: dev, at: &place{}, labels: make([]float32, n), rows: make([]float32, n), others: make([]float32, n), shares: make([]float32, n), padded: make([]float32, n*h.InputSize())}
	if err := t.ready(); err != nil {
		dev.Close()
		return nil, fmt.Errorf("heads: build the training graph: %w", err)
	}
	return t, nil
}

// ready makes the machine and the solver.
func (t *Trainer) ready() error {
	g, loss, err := t.build()
	if err != nil {
		return err
	}
	if t.machine, err = g.Compile(loss); err != nil {
		return err
	}
	t.dev.Reserve(t.machine.Scratch())
	t.solver, err = autodiff.NewSolver(t.dev, t.o.solver(t.head.Params()))
	return err
}

// build makes the graph of layers and loss. It allocates none of its arrays.
func (t *Trainer) build() (*autodiff.Graph, *autodiff.Node, error) {
	h := t.head
	g := autodiff.NewGraph(t.dev)
	x, err := g.Input("x", t.tensor(t.padded, h.input()...))
	if err != nil {
		return nil, nil, err
	}
	t.input = x
	if h.body != nil {
		if x, err = h.body.build(g, x, t.o.rows()); err != nil {
			return nil, nil, err
		}
	}
	for i, l := range h.program() {
		if x, err = t.apply(g, i, l, x); err != nil {
			return nil, nil, err
		}
	}
	loss, err := t.loss(g, x)
	return g, loss, err
}

// tensor is data of shape (rows,item…). Without data the graph is only measured.
func (t *Trainer) tensor(data []float32, item ...int) *tensor.Tensor {
	return &tensor.Tensor{Shape: append(tensor.Shape{t.o.rows()}, item...), Data: data}
}

// apply adds layer i of the program to the graph.
func (t *Trainer) apply(g *autodiff.Graph, i int, l *layer, x *autodiff.Node) (*autodiff.Node, error) {
	o := l.op
	if l.dropout > 0 {
		o = &autodiff.Dropout{P: l.dropout, Seed: t.o.Seed + uint64(i)<<32, Step: &t.at.step, Row: &t.at.row}
	}
	if o == nil {
		return x, nil
	}
	in := []*autodiff.Node{x}
	for _, p := range l.params {
		n, err := g.Param(p.Name, tensor.Of(p.Data, p.Shape...))
		if err != nil {
			return nil, err
		}
		in = append(in, n)
	}
	return g.Apply(l.name, o, in...)
}

// loss adds the loss of the logits, and where items are mixed that of their
// second labels.
func (t *Trainer) loss(g *autodiff.Graph, logits *autodiff.Node) (*autodiff.Node, error) {
	loss, err := t.lossOf(g, logits, "", t.labels, t.rows)
	if err != nil || !t.o.Mixup {
		return loss, err
	}
	second, err := t.lossOf(g, logits, "second ", t.others, t.shares)
	if err != nil {
		return nil, err
	}
	return g.Apply("mixed loss", op.Add{}, loss, second)
}

func (t *Trainer) lossOf(g *autodiff.Graph, logits *autodiff.Node, which string, labels, weights []float32) (*autodiff.Node, error) {
	y, err := g.Input(which+"labels", t.tensor(labels))
	if err != nil {
		return nil, err
	}
	w, err := g.Input(which+"row weights", t.tensor(weights))
	if err != nil {
		return nil, err
	}
	var o op.Differentiable = autodiff.BCEWithLogits{Total: &t.at.weight}
	if t.head.Outputs() > 1 {
		o = autodiff.SoftmaxCrossEntropy{Total: &t.at.weight}
	}
	return g.Apply(which+"loss", o, logits, y, w)
}

// Mix says that items are mixtures of two: item i is Share of an item of class
// labels[i] and the rest of one of class Others[i].
type Mix struct {
	Others []int
	Share  float64 // from 0 to 1
}

// Step makes one step on n ≤ Batch items x (n,Input) with their classes, and
// returns the loss before it, without the L2 penalty. After an error, a loss or
// a gradient that is not finite included, the network is as before.
func (t *Trainer) Step(x []float32, labels []int, n int, lr float64) (loss float64, err error) {
	return t.StepMixed(x, labels, Mix{Share: 1}, n, lr)
}

// StepMixed is Step on mixtures, of a trainer with TrainOptions.Mixup: the loss
// is Share times that of labels and the rest times that of the others (Zhang et
// al., mixup, ICLR 2018).
func (t *Trainer) StepMixed(x []float32, labels []int, m Mix, n int, lr float64) (loss float64, err error) {
	if loss, err = t.run(x, labels, m, n); err != nil {
		return loss, err
	}
	defer t.machine.ZeroGrad()
	t.solver.SetRate(lr)
	if err := t.solver.Step(t.machine.Params()); err != nil {
		return loss, fmt.Errorf("heads: step %d: %w; a smaller learning rate may help", t.at.step+1, err)
	}
	t.at.step++
	return loss, nil
}

// Gradients returns the loss of a batch and its gradient by each of
// Head.Params, without a step.
func (t *Trainer) Gradients(x []float32, labels []int, n int) (loss float64, grads [][]float32, err error) {
	if loss, err = t.run(x, labels, Mix{Share: 1}, n); err != nil {
		return loss, nil, err
	}
	for _, g := range t.machine.Gradients() {
		grads = append(grads, append([]float32(nil), g...))
	}
	t.machine.ZeroGrad()
	return loss, grads, nil
}

// run computes loss and gradients of one batch, part by part.
func (t *Trainer) run(x []float32, labels []int, m Mix, n int) (loss float64, err error) {
	if err := t.check(x, labels, m, n); err != nil {
		return 0, err
	}
	t.at.weight = 0
	for i, c := range labels[:n] {
		t.at.weight += m.Share * float64(t.classWeight(c))
		if m.Share < 1 {
			t.at.weight += (1 - m.Share) * float64(t.classWeight(m.Others[i]))
		}
	}
	part, size := t.o.rows(), t.head.InputSize()
	for t.at.row = 0; t.at.row < n; t.at.row += part {
		end := min(t.at.row+part, n)
		if err := t.feed(x[t.at.row*size:end*size], labels[t.at.row:end], m.part(t.at.row, end)); err != nil {
			return 0, err
		}
		l, err := t.machine.Run()
		if err != nil {
			return 0, fmt.Errorf("heads: step %d: %w", t.at.step+1, err)
		}
		loss += l
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		t.machine.ZeroGrad()
		return loss, fmt.Errorf("heads: step %d: the loss is %g; a smaller learning rate may help, or inputs that are not finite", t.at.step+1, loss)
	}
	return loss, nil
}

// part is m of the items from lo to hi.
func (m Mix) part(lo, hi int) Mix {
	if m.Others != nil {
		m.Others = m.Others[lo:hi]
	}
	return m
}

func (t *Trainer) check(x []float32, labels []int, m Mix, n int) error {
	if t.away {
		return fmt.Errorf("heads: step %d within Averaged: the parameters are away", t.at.step+1)
	}
	if n < 1 || n > t.o.Batch || len(labels) < n || len(x) != n*t.head.InputSize() {
		return fmt.Errorf("heads: step %d: %d items with %d labels and %d numbers, want 1 to %d items of %d numbers",
			t.at.step+1, n, len(labels), len(x), t.o.Batch, t.head.InputSize())
	}
	if !(m.Share >= 0 && m.Share <= 1) || m.Share < 1 && (!t.o.Mixup || len(m.Others) < n) {
		return fmt.Errorf("heads: step %d: a share of %g and %d second labels of %d items, want a share from 0 to 1, and below 1 TrainOptions.Mixup and as many labels",
			t.at.step+1, m.Share, len(m.Others), n)
	}
	for _, list := range [][]int{labels[:n], m.Others[:min(n, len(m.Others))]} {
		for i, c := range list {
			if c < 0 || c >= t.head.spec.Classes {
				return fmt.Errorf("heads: step %d: label %d of item %d, want 0 to %d", t.at.step+1, c, i, t.head.spec.Classes-1)
			}
		}
	}
	return nil
}

// classWeight is the weight of an item of class c.
func (t *Trainer) classWeight(c int) float32 {
	if t.o.ClassWeights == nil {
		return 1
	}
	return float32(t.o.ClassWeights[c])
}

// feed sets the graph's inputs to one part; a full one is not copied.
func (t *Trainer) feed(x []float32, labels []int, m Mix) error {
	clear(t.rows)
	clear(t.shares)
	for i, c := range labels {
		t.labels[i], t.rows[i] = float32(c), float32(m.Share)*t.classWeight(c)
		if m.Share < 1 {
			t.others[i], t.shares[i] = float32(m.Others[i]), float32(1-m.Share)*t.classWeight(m.Others[i])
		}
	}
	if len(x) < len(t.padded) {
		clear(t.padded[copy(t.padded, x):])
		x = t.padded
	}
	return autodiff.Feed(t.input, x)
}

// Steps is the number of steps made.
func (t *Trainer) Steps() int { return int(t.at.step) }

// Close releases the trainer's threads. The trained network remains usable.
func (t *Trainer) Close() error {
	if t.dev == nil {
		return errors.New("heads: the trainer is closed already")
	}
	err := t.machine.Close()
	t.dev.Close()
	t.dev = nil
	return err
}
