package finetune

import (
	"context"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tlkit/tl/internal/dataset"
	"github.com/tlkit/tl/internal/engine"
	"github.com/tlkit/tl/internal/graph"
	"github.com/tlkit/tl/internal/tensor"
	"github.com/tlkit/tl/onnx"
)

// predictBatch is the largest number of images that an exported model sees at once.
const predictBatch = 16

// Model is an exported model, ready to use. It is not safe for concurrent use.
type Model struct {
	Path      string
	Classes   []string // in the order of the probabilities; two classes: negative, positive
	Positive  string   // "" for more than two classes
	Threshold float64  // probability from which an image counts as positive
	Size      int      // side in pixels of the resized image
	Trained   string   // what was trained, e.g. "head on resnet50"
	Facts     []string // what the file says about itself, in words

	groups string   // how patients are read off file names
	seen   []string // what is known of the training images, ascending
	file   *onnx.Model
	engine engine.Engine
	exec   engine.Exec    // nil before the first prediction
	in     *tensor.Tensor // (B,3,S,S), what exec wants
}

// Prediction is the answer for one image.
type Prediction struct {
	Path          string    `json:"path"`
	Group         string    `json:"group,omitempty"` // patient, where the file name tells
	Label         string    `json:"label,omitempty"`
	Probability   float64   `json:"probability"` // of the positive class; of Label for more than two
	Probabilities []float64 `json:"probabilities,omitempty"`
	Error         string    `json:"error,omitempty"` // why there is no answer
}

// OpenModel opens a file that tl exported. threads 0 is all cores.
func OpenModel(path string, threads int) (*Model, error) {
	file, err := onnx.Read(path)
	if err != nil {
		return nil, err
	}
	m, err := newModel(file, threads)
	if err != nil {
		file.Close()
		return nil, err
	}
	return m, nil
}

func newModel(file *onnx.Model, threads int) (*Model, error) {
	f, err := readFacts(file)
	if err != nil {
		return nil, err
	}
	if _, err := f.network(file, 1); err != nil {
		return nil, err
	}
	e, err := engine.CPU(threads)
	if err != nil {
		return nil, err
	}
	facts := []string{fmt.Sprintf("%s, classes %s, images %d×%d", f.Model, strings.Join(f.Classes, ", "), f.Size, f.Size)}
	if f.Positive != "" {
		facts = append(facts, fmt.Sprintf("positive: %s from probability %.4g (%s)", f.Positive, f.Threshold, f.Rule))
	}
	return &Model{Path: file.Path, Classes: f.Classes, Positive: f.Positive, Threshold: f.Threshold, Size: f.Size,
		Trained: f.Model, Facts: facts, groups: f.Groups, seen: f.Seen, file: file, engine: e}, nil
}

// network reads the file's network from resized images (n,3,S,S) to their
// probabilities: (n,1) for two classes, (n,K) for more.
func (f modelFacts) network(file *onnx.Model, n int) (*graph.Graph, error) {
	g, err := graph.Import(file, graph.ImportOptions{Batch: n, Input: pixelsValue, InputShape: tensor.Shape{n, 3, f.Size, f.Size}, Outputs: []string{probability}})
	if err != nil {
		return nil, err
	}
	want := tensor.Shape{n, len(f.Classes)}
	if len(f.Classes) == 2 {
		want[1] = 1
	}
	if got := g.Outputs[0].Shape; !slices.Equal(got, want) {
		return nil, fmt.Errorf("%s: output %s has shape %v, wanted %v for %d classes", file.Path, probability, got, want, len(f.Classes))
	}
	return g, nil
}

// prepare compiles the network for n images at once.
func (m *Model) prepare(ctx context.Context, n int) error {
	if m.exec != nil && m.in.Shape[0] == n {
		return nil
	}
	g, err := modelFacts{Classes: m.Classes, Size: m.Size}.network(m.file, n)
	if err != nil {
		return err
	}
	if m.exec, err = m.engine.Compile(ctx, engine.Program{Graph: g}, engine.Options{}); err != nil {
		return fmt.Errorf("%s: %w", m.Path, err)
	}
	m.in = tensor.New(n, 3, m.Size, m.Size)
	return nil
}

// Close lets the file and the threads go.
func (m *Model) Close() error {
	m.engine.Close()
	return m.file.Close()
}

// Predict answers for each file in order. A file that is no readable image
// gets a Prediction with Error; only a fault of the model or the end of ctx
// is an error.
func (m *Model) Predict(ctx context.Context, files []string) iter.Seq2[Prediction, error] {
	return func(yield func(Prediction, error) bool) {
		if err := m.prepare(ctx, max(1, min(predictBatch, len(files)))); err != nil {
			yield(Prediction{}, err)
			return
		}
		for b := range m.load(ctx, files) {
			out, err := m.answer(ctx, b)
			if err != nil {
				yield(Prediction{}, err)
				return
			}
			for _, p := range out {
				if !yield(p, nil) {
					return
				}
			}
		}
		if err := ctx.Err(); err != nil {
			yield(Prediction{}, err)
		}
	}
}

// loaded is a batch of decoded and resized images.
type loaded struct {
	files  []string
	pixels []float32 // (B,3,S,S)
	errs   []error
}

// load decodes the next batch while the one before is being answered.
func (m *Model) load(ctx context.Context, files []string) iter.Seq[loaded] {
	return func(yield func(loaded) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		next := make(chan loaded, 1)
		go func() {
			defer close(next)
			for part := range slices.Chunk(files, m.in.Shape[0]) {
				select {
				case next <- m.decode(part):
				case <-ctx.Done():
					return
				}
			}
		}()
		for b := range next {
			if ctx.Err() != nil || !yield(b) {
				return
			}
		}
	}
}

// decode reads and resizes files, at most one a core at once: the largest
// pictures take hundreds of MiB each.
func (m *Model) decode(files []string) loaded {
	per := 3 * m.Size * m.Size
	b := loaded{files: files, pixels: make([]float32, len(files)*per), errs: make([]error, len(files))}
	one := func(i int) {
		im, err := dataset.Decode(files[i], dataset.Limits{})
		if err != nil {
			b.errs[i] = err
			return
		}
		dataset.Resize(b.pixels[i*per:][:per], im, m.Size)
	}
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(files)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(files); i = int(next.Add(1)) - 1 {
				one(i)
			}
		})
	}
	wg.Wait()
	return b
}

// answer runs the network on a batch.
func (m *Model) answer(ctx context.Context, b loaded) ([]Prediction, error) {
	copy(m.in.Data, b.pixels)
	y, err := m.exec.Run(ctx, m.in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Path, err)
	}
	k := y[0].Shape[1]
	out := make([]Prediction, len(b.files))
	for i, f := range b.files {
		out[i] = Prediction{Path: f, Group: dataset.GroupOf(m.groups, filepath.ToSlash(f))}
		if b.errs[i] != nil {
			out[i].Error = b.errs[i].Error()
			continue
		}
		m.call(&out[i], y[0].Data[i*k:][:k])
	}
	return out, nil
}

// call fills the label and the probabilities of p.
func (m *Model) call(p *Prediction, y []float32) {
	if len(y) == 1 {
		p.Probability = float64(y[0])
		p.Label = m.Classes[0]
		if p.Probability >= m.Threshold {
			p.Label = m.Classes[1]
		}
		return
	}
	best := 0
	for c, v := range y {
		p.Probabilities = append(p.Probabilities, float64(v))
		if v > y[best] {
			best = c
		}
	}
	p.Label, p.Probability = m.Classes[best], float64(y[best])
}

// ImageFiles returns the files named by paths: a folder stands for every PNG
// and JPEG file below it, in order of name.
func ImageFiles(paths []string) ([]string, error) {
	var out []string
	for _, p := range paths {
		st, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !st.IsDir() {
			out = append(out, p)
			continue
		}
		err = filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && isImageName(d.Name()) {
				out = append(out, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: holds no PNG or JPEG file", strings.Join(paths, ", "))
	}
	return out, nil
}

func isImageName(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	return slices.Contains([]string{".png", ".jpg", ".jpeg"}, strings.ToLower(filepath.Ext(name)))
}
