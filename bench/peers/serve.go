package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"time"

	"github.com/tlkit/tl/internal/engine"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// tl is the worker of this project: a compiled network and its input.
type tl struct {
	exec engine.Exec
	x    *tensor.Tensor
}

// serve answers requests as worker.py does, until there are no more.
func serve(in io.Reader, out io.Writer) error {
	var p tl
	requests, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var r request
		if err := requests.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		a, err := p.answer(r)
		if err != nil {
			return err
		}
		a.Peak = peakMemory()
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}

func (p *tl) answer(r request) (answer, error) {
	switch {
	case r.Load != nil:
		return p.load(*r.Load)
	case r.Run > 0:
		return p.run(r.Run)
	}
	y, err := p.exec.Run(context.Background(), p.x)
	if err != nil {
		return answer{}, err
	}
	return answer{}, writeNPY(r.Output, tensor.Of(y[0].Data, y[0].Shape[0], y[0].Shape[1]))
}

// load compiles the network; what it needs lives as long as the process.
func (p *tl) load(l load) (a answer, err error) {
	m, err := onnx.Read(l.Network)
	if err != nil {
		return a, err
	}
	g, err := graph.Import(m, graph.ImportOptions{Batch: l.Batch, Size: l.Size})
	if err != nil {
		return a, err
	}
	e, err := engine.CPU(l.Threads)
	if err != nil {
		return a, err
	}
	if p.x, err = readNPY(l.Input); err != nil {
		return a, err
	}
	o := engine.Options{Precision: l.Precision}
	if l.Precision != "f32" {
		o.Samples = p.x
	}
	p.exec, err = e.Compile(context.Background(), engine.Program{Graph: g, Release: m.Release}, o)
	return answer{Version: "tl, " + runtime.Version(), Settings: l.Precision + ", " + e.Name()}, err
}

func (p *tl) run(iterations int) (answer, error) {
	a := answer{Images: iterations * p.x.Shape[0]}
	for range iterations {
		start := time.Now()
		if _, err := p.exec.Run(context.Background(), p.x); err != nil {
			return answer{}, err
		}
		a.Seconds = append(a.Seconds, time.Since(start).Seconds())
	}
	return a, nil
}
