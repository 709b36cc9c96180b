package main

import (
	"context"
	"encoding/json"
	"runtime"
	"time"

	"github.com/tlkit/tl/bench/peer"
	"github.com/tlkit/tl/internal/engine"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// load says what a contender is to compute.
type load struct {
	Network   string `json:"network"` // ONNX file
	Input     string `json:"input"`   // NumPy file, (batch,3,size,size)
	Batch     int    `json:"batch"`
	Size      int    `json:"size"`
	Threads   int    `json:"threads"`
	Precision string `json:"precision"`
}

// tl is the contender of this project: a compiled network and its input.
type tl struct {
	exec engine.Exec
	x    *tensor.Tensor
}

// Load compiles the network; what it needs lives as long as the process.
func (p *tl) Load(what json.RawMessage) (version, settings string, err error) {
	var l load
	if err := json.Unmarshal(what, &l); err != nil {
		return "", "", err
	}
	m, err := onnx.Read(l.Network)
	if err != nil {
		return "", "", err
	}
	g, err := graph.Import(m, graph.ImportOptions{Batch: l.Batch, Size: l.Size})
	if err != nil {
		return "", "", err
	}
	e, err := engine.CPU(l.Threads)
	if err != nil {
		return "", "", err
	}
	if p.x, err = peer.ReadNPY(l.Input); err != nil {
		return "", "", err
	}
	o := engine.Options{Precision: l.Precision}
	if l.Precision != "f32" {
		o.Samples = p.x
	}
	p.exec, err = e.Compile(context.Background(), engine.Program{Graph: g, Release: m.Release}, o)
	return "tl, " + runtime.Version(), l.Precision + ", " + e.Name(), err
}

// Run computes the features that often.
func (p *tl) Run(iterations int) (seconds []float64, images int, err error) {
	for range iterations {
		start := time.Now()
		if _, err := p.exec.Run(context.Background(), p.x); err != nil {
			return nil, 0, err
		}
		seconds = append(seconds, time.Since(start).Seconds())
	}
	return seconds, iterations * p.x.Shape[0], nil
}

// Output returns the features (N,C).
func (p *tl) Output() (*tensor.Tensor, error) {
	y, err := p.exec.Run(context.Background(), p.x)
	if err != nil {
		return nil, err
	}
	return tensor.Of(y[0].Data, y[0].Shape[0], y[0].Shape[1]), nil
}
