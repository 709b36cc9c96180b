package main

import (
	"context"
	"fmt"
	"math"
	"os"

	"github.com/tlkit/tl/internal/cpu"
	"github.com/tlkit/tl/internal/engine"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// rtol and atol are those of onnx.backend.test.runner: a number is right when
// |got-want| ≤ atol + rtol·|want|.
const rtol, atol = 1e-3, 1e-7

// suite is what runs the cases.
type suite struct {
	ctx     context.Context
	devices []*cpu.Device // one for each set of kernels
}

// runAll runs every case with every set of kernels.
func runAll(ctx context.Context, cases []testCase) ([]result, error) {
	devices, err := kernelSets()
	if err != nil {
		return nil, err
	}
	s := &suite{ctx, devices}
	results := make([]result, len(cases))
	for i, c := range cases {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		results[i] = s.try(c)
	}
	for _, d := range devices {
		d.Close()
	}
	return results, nil
}

// kernelSets makes a device of two threads for each set of kernels that this
// machine can run.
func kernelSets() (all []*cpu.Device, err error) {
	defer os.Setenv("TL_CPU", os.Getenv("TL_CPU"))
	for _, name := range []string{"portable", "avx2", "avx512", "neon"} {
		os.Setenv("TL_CPU", name)
		if d, err := cpu.New(2); err == nil {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no set of kernels runs here")
	}
	return all, nil
}

// model runs m on every data set in every binding. It returns the importer's
// first refusal when no binding can be imported.
func (s *suite) model(r *result, m *onnx.Model) error {
	if len(r.sets) == 0 {
		return wrong{fmt.Errorf("the case has no data")}
	}
	return r.each(func(in, want []*onnx.Tensor) error { return s.set(r, m, in, want) })
}

// set runs one data set.
func (s *suite) set(r *result, m *onnx.Model, in, want []*onnx.Tensor) error {
	var refusal error
	imported := false
	for b := range bindings {
		p, err := bind(m, b, in, want)
		switch {
		case err != nil && panicked(err):
			return err
		case err != nil && refusal == nil:
			refusal = err
		case err == nil && p != nil:
			imported = true
			if err := s.compare(r, p); err != nil {
				return wrong{fmt.Errorf("%v: %w", b, err)}
			}
			r.by[b] = true
		}
	}
	if imported {
		return nil
	}
	return refusal
}

// compare runs p with every set of kernels, raw and optimised.
func (s *suite) compare(r *result, p *bound) error {
	for _, d := range s.devices {
		e := engine.NewCPU(d)
		for _, raw := range []bool{true, false} {
			r.runs++
			where := fmt.Sprintf("%s, raw %v", e.Name(), raw)
			x, err := e.Compile(s.ctx, engine.Program{Graph: p.graph}, engine.Options{Raw: raw})
			if err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			got, err := x.Run(s.ctx, p.in...)
			if err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			if err := p.same(got); err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
		}
	}
	return nil
}

// same compares all outputs.
func (p *bound) same(got []*tensor.Tensor) error {
	if len(got) != len(p.want) {
		return fmt.Errorf("%d outputs, want %d", len(got), len(p.want))
	}
	for i, t := range p.want {
		want, err := floats(t)
		if err != nil {
			return err
		}
		if p.added && len(want.Shape) == 0 {
			want.Shape = tensor.Shape{1} // by the addition
		}
		if !got[i].Shape.Equal(want.Shape) {
			return fmt.Errorf("output %d is %v, want %v", i, got[i].Shape, want.Shape)
		}
		if err := near(got[i].Data, want.Data); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

// near reports the first number that is out of tolerance. NaN equals NaN.
func near(got, want []float32) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d numbers, want %d", len(got), len(want))
	}
	for i := range want {
		g, w := float64(got[i]), float64(want[i])
		if g == w || math.IsNaN(g) && math.IsNaN(w) || math.Abs(g-w) <= atol+rtol*math.Abs(w) && !math.IsInf(w, 0) {
			continue
		}
		return fmt.Errorf("number %d is %g, want %g", i, g, w)
	}
	return nil
}
