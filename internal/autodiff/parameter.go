package autodiff

import (
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"
	gt "gorgonia.org/tensor"
)

// parameter is a parameter of a Machine with its gradient, as Gorgonia's
// solvers take it. The gradient of one run is read where the run leaves it; a
// second array exists only once several runs are added up.
type parameter struct {
	m     *Machine
	value gorgonia.Value
	grad  *buffer // of the last run
	sum   *buffer // of all runs held, where there are several
}

// Value is the parameter's array.
func (p *parameter) Value() gorgonia.Value { return p.value }

// Grad is the gradient of all runs held.
func (p *parameter) Grad() (gorgonia.Value, error) {
	switch p.m.runs {
	case 0:
		return nil, errors.New("autodiff: no gradients are held; run the machine first")
	case 1:
		return p.grad.value(), nil
	}
	return p.sum.value(), nil
}

// keep saves the gradient of a first run from being overwritten by the second.
func (p *parameter) keep() {
	if p.m.runs != 1 {
		return
	}
	if p.sum == nil {
		p.sum = newBuffer(p.grad.t.Shape)
	}
	p.sum.ready()
	copy(p.sum.t.Data, p.grad.t.Data)
}

// add adds the run just made to those held before it.
func (p *parameter) add() {
	if p.m.runs > 0 {
		p.m.g.dev.Add(p.sum.t.Data, p.sum.t.Data, p.grad.t.Data)
	}
}

// gradient returns the numbers of p's gradient.
func gradient(p gorgonia.ValueGrad) ([]float32, error) {
	v, err := p.Grad()
	if err != nil {
		return nil, err
	}
	d, ok := v.(*gt.Dense)
	if !ok {
		return nil, fmt.Errorf("gradient is a %T, want a float32 array", v)
	}
	return d.Float32s(), nil
}
