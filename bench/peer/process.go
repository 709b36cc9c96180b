package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tlkit/tl/internal/tensor"
)

// Command says how a contender's process is started.
type Command struct {
	Label   string   // in errors, e.g. "torch jit"
	Args    []string // the program and its arguments
	Env     []string // variables that steer its libraries; all others of the kind are taken away
	Threads int
}

// Self is the command of this program's own worker: it must Serve when its only
// argument is -serve.
func Self() ([]string, error) {
	name, err := os.Executable()
	return []string{name, "-serve"}, err
}

// Python is the command of a Python peer: script is the path of its module.
// setup is what a user types where there is no Python yet.
func Python(python, setup, script, variant string) ([]string, error) {
	if _, err := exec.LookPath(python); err != nil {
		return nil, fmt.Errorf("%w; in the repository's root, type %s", err, setup)
	}
	worker := filepath.Join(filepath.Dir(script), "..", "peer", "worker.py")
	for _, file := range []string{worker, script} {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("%w; run in the repository's root, or say -scripts FOLDER", err)
		}
	}
	return []string{python, worker, script, variant}, nil
}

// steering are the variables by which libraries are steered: a contender gets
// its own, none that happen to be set.
var steering = []string{"OMP_", "KMP_", "GOMP_", "ONEDNN_", "DNNL_", "ATEN_", "MALLOC_", "TL_CPU=", "GOMAXPROCS="}

// KeepMemory makes the C library keep the arrays that torch allocates and frees
// in every run. Without it the system hands out fresh pages each time, a sixth
// of ResNet50's forward time in batches of 8.
const KeepMemory = "MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184"

// environ is this process's environment with another steering.
func environ(threads int, own []string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return slices.ContainsFunc(steering, func(s string) bool { return strings.HasPrefix(v, s) })
	})
	env = append(env, fmt.Sprintf("OMP_NUM_THREADS=%d", threads), "PYTHONDONTWRITEBYTECODE=1")
	return append(env, own...)
}

// pause is the time between turns: onnxruntime's threads spin for 40 ms after
// theirs.
const pause = 100 * time.Millisecond

// Record is what a contender is and has done so far.
type Record struct {
	Version, Settings string
	Rates             []float64 // images a second, one for each turn
	Peak              int64     // bytes, largest resident memory of the process
}

// Rate is the median over turns of images a second.
func (r Record) Rate() float64 { return Median(r.Rates) }

// Process is a running contender.
type Process struct {
	Record
	label  string
	ctx    context.Context
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	send   *json.Encoder
	recv   *json.Decoder
	stderr bytes.Buffer // whole only once the process has ended
}

// Start starts a process, which ends with ctx.
func Start(ctx context.Context, c Command) (*Process, error) {
	p := &Process{label: c.Label, ctx: ctx, cmd: exec.CommandContext(ctx, c.Args[0], c.Args[1:]...)}
	p.cmd.Env, p.cmd.Stderr, p.cmd.WaitDelay = environ(c.Threads, c.Env), &p.stderr, time.Second
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	p.send, p.recv = json.NewEncoder(p.stdin), json.NewDecoder(stdout)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Label, err)
	}
	return p, nil
}

// Load says what to compute, and records what computes it.
func (p *Process) Load(what any) error {
	b, err := json.Marshal(what)
	if err != nil {
		return err
	}
	a, err := p.ask(request{Load: b})
	p.Version, p.Settings = a.Version, a.Settings
	return err
}

// Run computes that many iterations, unrecorded.
func (p *Process) Run(iterations int) (Answer, error) { return p.ask(request{Run: iterations}) }

// TakeTurn computes that many iterations after a pause, and records how fast.
func (p *Process) TakeTurn(iterations int) error {
	time.Sleep(pause)
	a, err := p.Run(iterations)
	if err != nil {
		return err
	}
	p.Rates, p.Peak = append(p.Rates, a.Rate()), a.Peak
	return nil
}

// Output returns what the process has computed, by way of a file in dir.
func (p *Process) Output(dir string) (*tensor.Tensor, error) {
	path := filepath.Join(dir, "output.npy")
	if _, err := p.ask(request{Output: path}); err != nil {
		return nil, err
	}
	x, err := ReadNPY(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.label, err)
	}
	return x, nil
}

// ask sends a request and waits for its answer. After an error the process has
// ended, and the error holds its last words.
func (p *Process) ask(r request) (a Answer, err error) {
	if err = p.send.Encode(r); err == nil {
		err = p.recv.Decode(&a)
	}
	if err == nil {
		return a, nil
	}
	p.stdin.Close()
	ended := p.cmd.Wait()
	if p.ctx.Err() != nil {
		return a, errors.New("interrupted")
	}
	return a, fmt.Errorf("%s: %w; the process ended: %v\n%s", p.label, err, ended, lastLines(p.stderr.String(), 20))
}

// Kill ends the process, however it is.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // may have ended already
	_ = p.cmd.Wait()         // says that it was killed
}

// lastLines returns the last n lines of s.
func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
