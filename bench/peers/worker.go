package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// request is one line to a worker; exactly one field is set. See worker.py.
type request struct {
	Load   *load  `json:"load,omitempty"`
	Run    int    `json:"run,omitempty"`    // iterations
	Output string `json:"output,omitempty"` // NumPy file to write
}

// load says what a worker is to compute.
type load struct {
	Network   string `json:"network"` // ONNX file
	Input     string `json:"input"`   // NumPy file, (batch,3,size,size)
	Batch     int    `json:"batch"`
	Size      int    `json:"size"`
	Threads   int    `json:"threads"`
	Precision string `json:"precision"`
}

// answer is one line from a worker.
type answer struct {
	Version  string    `json:"version,omitempty"`  // of the library, after load
	Settings string    `json:"settings,omitempty"` // chosen, after load
	Seconds  []float64 `json:"seconds,omitempty"`  // of each run
	Images   int       `json:"images,omitempty"`   // computed in all of Seconds together
	Peak     int64     `json:"peak"`               // bytes, largest resident memory so far
}

// rate returns images a second.
func (a answer) rate() float64 { return float64(a.Images) / a.seconds() }

func (a answer) seconds() (sum float64) {
	for _, s := range a.Seconds {
		sum += s
	}
	return sum
}

// worker is a running contender.
type worker struct {
	contender
	ctx    context.Context
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	send   *json.Encoder
	recv   *json.Decoder
	stderr bytes.Buffer // whole only once the process has ended
}

// start starts the process of c, which ends with ctx.
func start(ctx context.Context, c contender) (*worker, error) {
	name, args, err := c.command()
	if err != nil {
		return nil, fmt.Errorf("%v: %w", c, err)
	}
	w := &worker{contender: c, ctx: ctx, cmd: exec.CommandContext(ctx, name, args...)}
	w.cmd.Env, w.cmd.Stderr, w.cmd.WaitDelay = c.environ(), &w.stderr, time.Second
	stdout, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	w.send, w.recv = json.NewEncoder(w.stdin), json.NewDecoder(stdout)
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%v: %w", c, err)
	}
	return w, nil
}

// ask sends a request and waits for its answer. After an error the process has
// ended, and the error holds its last words.
func (w *worker) ask(r request) (a answer, err error) {
	if err = w.send.Encode(r); err == nil {
		err = w.recv.Decode(&a)
	}
	if err == nil {
		return a, nil
	}
	w.stdin.Close()
	ended := w.cmd.Wait()
	if w.ctx.Err() != nil {
		return a, errors.New("interrupted")
	}
	return a, fmt.Errorf("%v: %w; the process ended: %v\n%s", w.contender, err, ended, lastLines(w.stderr.String(), 20))
}

// kill ends the process, however it is.
func (w *worker) kill() {
	_ = w.cmd.Process.Kill() // may have ended already
	_ = w.cmd.Wait()         // says that it was killed
}

// lastLines returns the last n lines of s.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
