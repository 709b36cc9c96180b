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

// TrainOptions says how to train. The zero value is Adam on batches of 32.
type TrainOptions struct {
	Batch        int       // items a step at most; 0 is 32
	Optimiser    string    // "adam" (also ""), "adamw" or "sgd"
	WeightDecay  float64   // decoupled, adamw only: kernels shrink by lr·WeightDecay a step
	L2           float64   // coupled: L2·w is added to the gradient of kernels (a penalty of L2/2·Σw²)
	Momentum     float64   // sgd only
	ClassWeights []float64 // by class; nil is 1 each. The loss is Σ w·l / Σ w
	Threads      int       // 0 is all cores; results do not depend on it
	Seed         uint64    // of dropout
}

// Trainer trains a Head: one Gorgonia graph of fixed batch size, one solver. A
// shorter batch is padded with rows of weight 0. Not safe for concurrent use.
type Trainer struct {
	head    *Head
	o       TrainOptions
	dev     *cpu.Device
	machine *autodiff.Machine
	solver  autodiff.Solver
	input   *autodiff.Node

	padded []float32 // (Batch,Input): used for a shorter batch
	labels []float32 // (Batch)
	rows   []float32 // (Batch): row weights, 0 for padding
	step   uint64    // steps made; Dropout's masks follow it
}

// Trainer readies the network for training. Close it afterwards.
func (h *Head) Trainer(o TrainOptions) (*Trainer, error) {
	if o.Batch == 0 {
		o.Batch = 32
	}
	if err := h.checkTraining(o); err != nil {
		return nil, err
	}
	dev, err := cpu.New(o.Threads)
	if err != nil {
		return nil, fmt.Errorf("heads: %w", err)
	}
	t := &Trainer{head: h, o: o, dev: dev, labels: make([]float32, o.Batch), rows: make([]float32, o.Batch)}
	if err := t.build(); err != nil {
		dev.Close()
		return nil, fmt.Errorf("heads: build the training graph: %w", err)
	}
	return t, nil
}

func (h *Head) checkTraining(o TrainOptions) error {
	if o.Batch < 1 || o.Batch > math.MaxInt32/h.InputSize() {
		return fmt.Errorf("heads: batch of %d items of %d numbers, want at least 1 item and less than 2^31 numbers", o.Batch, h.InputSize())
	}
	if o.ClassWeights != nil && len(o.ClassWeights) != h.spec.Classes {
		return fmt.Errorf("heads: %d class weights, want %d", len(o.ClassWeights), h.spec.Classes)
	}
	for i, w := range o.ClassWeights {
		if !(w > 0) || math.IsInf(w, 0) {
			return fmt.Errorf("heads: weight %g of class %d, want more than 0", w, i)
		}
	}
	return nil
}

// build makes the graph: layers, loss, gradients; and the solver.
func (t *Trainer) build() error {
	h := t.head
	t.padded = make([]float32, t.o.Batch*h.InputSize())
	g := autodiff.NewGraph(t.dev)
	x, err := g.Input("x", tensor.Of(t.padded, append([]int{t.o.Batch}, h.input()...)...))
	if err != nil {
		return err
	}
	t.input = x
	if h.body != nil {
		if x, err = h.body.build(g, x, t.o.Batch); err != nil {
			return err
		}
	}
	for i, l := range h.program() {
		if x, err = t.apply(g, i, l, x); err != nil {
			return err
		}
	}
	loss, err := t.loss(g, x)
	if err != nil {
		return err
	}
	if t.machine, err = g.Compile(loss); err != nil {
		return err
	}
	t.solver, err = autodiff.NewSolver(t.dev, t.solverOptions())
	return err
}

// apply adds layer i of the program to the graph.
func (t *Trainer) apply(g *autodiff.Graph, i int, l *layer, x *autodiff.Node) (*autodiff.Node, error) {
	o := l.op
	if l.dropout > 0 {
		o = &autodiff.Dropout{P: l.dropout, Seed: t.o.Seed + uint64(i)<<32, Step: &t.step}
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

func (t *Trainer) loss(g *autodiff.Graph, logits *autodiff.Node) (*autodiff.Node, error) {
	y, err := g.Input("labels", tensor.Of(t.labels, t.o.Batch))
	if err != nil {
		return nil, err
	}
	w, err := g.Input("row weights", tensor.Of(t.rows, t.o.Batch))
	if err != nil {
		return nil, err
	}
	var o op.Differentiable = autodiff.BCEWithLogits{}
	if t.head.Outputs() > 1 {
		o = autodiff.SoftmaxCrossEntropy{}
	}
	return g.Apply("loss", o, logits, y, w)
}

// solverOptions lets decay work on kernels, never on biases.
func (t *Trainer) solverOptions() autodiff.SolverOptions {
	o := autodiff.SolverOptions{Kind: t.o.Optimiser, Momentum: t.o.Momentum, L2: t.o.L2, WeightDecay: t.o.WeightDecay}
	for _, p := range t.head.Params() {
		o.Sizes = append(o.Sizes, len(p.Data))
		o.Decay = append(o.Decay, len(p.Shape) > 1)
	}
	return o
}

// Step makes one step on n ≤ Batch items x (n,Input) with their classes, and
// returns the loss before it, without the L2 penalty. After an error, a loss
// that is not finite included, the network is as before.
func (t *Trainer) Step(x []float32, labels []int, n int, lr float64) (loss float64, err error) {
	if loss, err = t.run(x, labels, n); err != nil {
		return loss, err
	}
	t.solver.SetRate(lr)
	if err := t.solver.Step(t.machine.Params()); err != nil {
		return loss, fmt.Errorf("heads: step %d: %w", t.step+1, err)
	}
	t.step++
	return loss, nil
}

// Gradients returns the loss of a batch and its gradient by each of
// Head.Params, without a step.
func (t *Trainer) Gradients(x []float32, labels []int, n int) (loss float64, grads [][]float32, err error) {
	if loss, err = t.run(x, labels, n); err != nil {
		return loss, nil, err
	}
	for _, g := range t.machine.Gradients() {
		grads = append(grads, append([]float32(nil), g...))
	}
	t.machine.ZeroGrad()
	return loss, grads, nil
}

// run computes loss and gradients of one batch.
func (t *Trainer) run(x []float32, labels []int, n int) (float64, error) {
	if err := t.feed(x, labels, n); err != nil {
		return 0, err
	}
	loss, err := t.machine.Run()
	if err != nil {
		return 0, fmt.Errorf("heads: step %d: %w", t.step+1, err)
	}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		t.machine.ZeroGrad()
		return loss, fmt.Errorf("heads: step %d: the loss is %g; a smaller learning rate may help, or inputs that are not finite", t.step+1, loss)
	}
	return loss, nil
}

// feed sets the graph's inputs; a full batch is not copied.
func (t *Trainer) feed(x []float32, labels []int, n int) error {
	if n < 1 || n > t.o.Batch || len(labels) < n || len(x) != n*t.head.InputSize() {
		return fmt.Errorf("heads: step %d: %d items with %d labels and %d numbers, want 1 to %d items of %d numbers",
			t.step+1, n, len(labels), len(x), t.o.Batch, t.head.InputSize())
	}
	clear(t.rows)
	for i, c := range labels[:n] {
		if c < 0 || c >= t.head.spec.Classes {
			return fmt.Errorf("heads: step %d: label %d of item %d, want 0 to %d", t.step+1, c, i, t.head.spec.Classes-1)
		}
		t.labels[i], t.rows[i] = float32(c), 1
		if t.o.ClassWeights != nil {
			t.rows[i] = float32(t.o.ClassWeights[c])
		}
	}
	if n < t.o.Batch {
		clear(t.padded[copy(t.padded, x):])
		x = t.padded
	}
	return autodiff.Feed(t.input, x)
}

// Steps is the number of steps made.
func (t *Trainer) Steps() int { return int(t.step) }

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
