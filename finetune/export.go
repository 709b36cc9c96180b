package finetune

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tlkit/tl/backbones"
	"github.com/tlkit/tl/heads"
	"github.com/tlkit/tl/onnx"
)

// exportOpset is the least operator set of an exported file, in which
// ReduceSum takes its axes as an input; a newer backbone keeps its own.
const exportOpset = 13

// The value names that an exported file always has. Its own nodes and weights
// begin with "tl/", so that they cannot collide with the backbone's.
const (
	imageInput  = "image"       // uint8 (N,H,W,3) RGB, any H and W
	pixelsValue = "tl/pixels"   // float32 (N,3,S,S) RGB 0…255: the resized image
	probability = "probability" // (N,1) of the positive class, or (N,K)
)

// The metadata keys of an exported file.
const (
	metaVersion   = "tl.version"
	metaClasses   = "tl.classes"   // JSON list, in the order of the outputs; two classes: negative, positive
	metaPositive  = "tl.positive"  // name of the positive class, "" for more than two classes
	metaThreshold = "tl.threshold" // probability from which an image counts as positive
	metaRule      = "tl.threshold_rule"
	metaSize      = "tl.size" // side of the resized image in pixels
	metaModel     = "tl.model"
	metaCard      = "tl.card"         // JSON of the backbone's card
	metaData      = "tl.data_digest"  // SHA-256 over images, classes and split
	metaGroups    = "tl.groups"       // how patients are read off file names, "" unknown
	metaSeen      = "tl.train_images" // base64 of the beginning of each training image's SHA-256, see seenBytes
	metaNotice    = "tl.notice"       // what this model is not
	notice        = "Research use only: no diagnosis, and not tested on other stains, microscopes or species."
	trainedDoc    = "Made by tl: a frozen backbone, a trained head, and the preprocessing in one file."
	baselineDoc   = "Made by tl: a baseline CNN trained from scratch, with its preprocessing in one file."
	producerName  = "tl"
	exportIR      = 7 // the IR version that came with operator set 13
)

// seenBytes is how much of a training image's digest an exported file keeps.
// With 20,000 training images and 20,000 others, the chance that any other is
// taken for one of them is 1 in 700,000.
const seenBytes = 6

// modelFacts are what an exported file says about itself.
type modelFacts struct {
	Classes    []string
	Positive   string
	Threshold  float64
	Rule       string
	Size       int
	Model      string
	Card       *backbones.Card // nil for the baseline
	DataDigest string
	Groups     string
	Seen       []string // beginnings of the training images' SHA-256, in hex, ascending
}

// builder collects the nodes and weights of a file in the making.
type builder struct{ m *onnx.Model }

func (b builder) node(op, out string, in []string, attrs map[string]any) string {
	b.m.Nodes = append(b.m.Nodes, onnx.Node{Name: out, Op: op, Inputs: in, Outputs: []string{out}, Attrs: attrs})
	return out
}

func (b builder) floats(name string, shape []int64, data ...float32) string {
	b.m.Weights[name] = onnx.NewFloats(name, shape, data)
	return name
}

func (b builder) ints(name string, shape []int64, data ...int64) string {
	b.m.Weights[name] = onnx.NewInts(name, shape, data...)
	return name
}

// assemble builds the file: preprocessing, backbone and head. Weights are views
// of the backbone's file, so nothing is held twice. b is nil for the baseline.
func assemble(b *backbones.Backbone, h *heads.Head, facts modelFacts) (*onnx.Model, error) {
	meta, err := facts.metadata()
	if err != nil {
		return nil, err
	}
	doc := trainedDoc
	if b == nil {
		doc = baselineDoc
	}
	x := builder{&onnx.Model{
		IRVersion: exportIR, Opset: exportOpset, Producer: producerName, ProducerVersion: Version, Doc: doc,
		Metadata: meta, Name: "tl", Weights: map[string]*onnx.Tensor{},
		Inputs: []onnx.ValueInfo{{Name: imageInput, Type: onnx.Uint8, Shape: []onnx.Dim{{Size: -1, Param: "N"}, {Size: -1, Param: "H"}, {Size: -1, Param: "W"}, {Size: 3}}}},
	}}
	v := x.pixels(facts.Size)
	if b == nil {
		v = x.node("Mul", "tl/scaled", []string{v, x.floats("tl/scale", nil, 1.0/255)}, nil)
	} else if v, err = x.backbone(v, b, h.Body()); err != nil {
		return nil, err
	}
	x.head(v, h)
	return x.m, nil
}

// backbone adds the card's preprocessing and the file's own nodes up to the cut,
// with what learned in place of the file's weights.
func (b builder) backbone(v string, bb *backbones.Backbone, learned *heads.Body) (string, error) {
	card := bb.Card()
	b.m.Sources = append(b.m.Sources, bb.Model())
	part := bb.Model().Cut(card.Cut)
	if learned != nil {
		maps.Copy(part.Weights, learned.Weights())
	}
	frozen, err := onnx.Upgrade(part, max(exportOpset, bb.Model().Opset))
	if err != nil {
		return "", fmt.Errorf("%s: export: %w", card.File, err)
	}
	frozen = apart(frozen)
	cut := frozen.Outputs[0].Name
	b.m.Opset, b.m.IRVersion = frozen.Opset, max(exportIR, frozen.IRVersion)
	b.node("Identity", frozen.Inputs[0].Name, []string{b.normalise(v, card)}, nil)
	b.m.Nodes = append(b.m.Nodes, frozen.Nodes...)
	maps.Copy(b.m.Weights, frozen.Weights)
	return b.pool(cut, card), nil
}

// head adds the trained nodes and the probability.
func (b builder) head(v string, h *heads.Head) {
	nodes, weights, logits := h.Nodes(v)
	b.m.Nodes = append(b.m.Nodes, nodes...)
	for _, w := range weights {
		b.m.Weights[w.Name] = w
	}
	k := int64(h.Outputs())
	if k == 1 {
		b.node("Sigmoid", probability, []string{logits}, nil)
	} else {
		b.node("Softmax", probability, []string{logits}, map[string]any{"axis": int64(1)})
	}
	b.m.Outputs = []onnx.ValueInfo{{Name: probability, Type: onnx.Float, Shape: []onnx.Dim{{Size: -1, Param: "N"}, {Size: k}}}}
}

// export writes the trained model as one ONNX file.
func (r *run) export(path string, t *trainer, choice Threshold) error {
	facts := modelFacts{
		Classes: r.data.labelNames(), Threshold: choice.Threshold, Rule: choice.Rule, Size: r.src.size(),
		Model: r.modelName(), Card: r.card, DataDigest: r.data.set.Digest(), Groups: r.data.set.GroupRule,
		Seen: r.data.seen(),
	}
	if p := r.data.set.Positive; p >= 0 {
		facts.Positive = r.data.set.Classes[p]
	}
	var b *backbones.Backbone
	if f, ok := r.src.(frozen); ok {
		b = f.Backbone
	}
	m, err := assemble(b, t.best().head, facts)
	if err != nil {
		return err
	}
	return diskError(path, onnx.WriteFile(path, m))
}

// modelName says in words what was trained.
func (r *run) modelName() string {
	if r.card == nil {
		return fmt.Sprintf("baseline CNN (%d×%d)", r.o.Size, r.o.Size)
	}
	learns := ""
	if u := r.card.Unfrozen; u != nil {
		learns = fmt.Sprintf(", unfrozen from %s", u.Name)
	}
	return fmt.Sprintf("head on %s (%s, %d×%d%s)", r.card.Name, r.card.CutName, r.card.Size, r.card.Size, learns)
}

// parameters counts what learned and what stayed as it was.
func (r *run) parameters(t *trainer) (trainable, frozenCount int64) {
	for _, p := range t.phases[len(t.phases)-1].head.Params() {
		trainable += int64(len(p.Data))
	}
	if f, ok := r.src.(frozen); ok {
		for _, l := range f.Layers() {
			frozenCount += l.Params
		}
	}
	return trainable, frozenCount
}

// metadata returns the facts as the file's metadata_props.
func (f modelFacts) metadata() (map[string]string, error) {
	classes, err := json.Marshal(f.Classes)
	if err != nil {
		return nil, err
	}
	seen, err := hex.DecodeString(strings.Join(f.Seen, ""))
	if err != nil {
		return nil, err
	}
	m := map[string]string{
		metaSeen: base64.StdEncoding.EncodeToString(seen), metaVersion: Version, metaClasses: string(classes), metaPositive: f.Positive, metaModel: f.Model,
		metaThreshold: strconv.FormatFloat(f.Threshold, 'g', -1, 64), metaRule: f.Rule,
		metaSize: strconv.Itoa(f.Size), metaData: f.DataDigest, metaGroups: f.Groups, metaNotice: notice,
	}
	if f.Card != nil {
		card := *f.Card
		card.File = "" // a path of this machine
		js, err := json.Marshal(card)
		if err != nil {
			return nil, err
		}
		m[metaCard] = string(js)
	}
	return m, nil
}

// readFacts reads what metadata wrote.
func readFacts(m *onnx.Model) (modelFacts, error) {
	var f modelFacts
	bad := func(key string, err error) (modelFacts, error) {
		return f, fmt.Errorf("%s: metadata %s = %.60q: %w (export the model anew from its run: tl export)", m.Path, key, m.Metadata[key], err)
	}
	if m.Metadata[metaVersion] == "" {
		return f, fmt.Errorf("%s: was not exported by tl: its metadata holds no %s (tl finetune and tl export make such files)", m.Path, metaVersion)
	}
	var err error
	if err = json.Unmarshal([]byte(m.Metadata[metaClasses]), &f.Classes); err != nil || len(f.Classes) < 2 {
		return bad(metaClasses, fmt.Errorf("wants a list of at least two names"))
	}
	if f.Size, err = strconv.Atoi(m.Metadata[metaSize]); err != nil || f.Size < 1 || f.Size > maxSize {
		return bad(metaSize, fmt.Errorf("wants a side of 1 to %d pixels", maxSize))
	}
	if f.Threshold, err = strconv.ParseFloat(m.Metadata[metaThreshold], 64); err != nil || !(f.Threshold >= 0 && f.Threshold <= 1) {
		return bad(metaThreshold, fmt.Errorf("wants a probability"))
	}
	if js := m.Metadata[metaCard]; js != "" {
		f.Card = new(backbones.Card)
		if err := json.Unmarshal([]byte(js), f.Card); err != nil {
			return bad(metaCard, err)
		}
	}
	f.Positive, f.Rule, f.Model = m.Metadata[metaPositive], m.Metadata[metaRule], m.Metadata[metaModel]
	f.DataDigest, f.Groups = m.Metadata[metaData], m.Metadata[metaGroups]
	want := "" // the positive class
	if len(f.Classes) == 2 {
		want = f.Classes[1]
	}
	if f.Positive != want {
		return bad(metaPositive, fmt.Errorf("wants %q for the classes %q", want, f.Classes))
	}
	seen, err := base64.StdEncoding.DecodeString(m.Metadata[metaSeen])
	if err != nil || len(seen)%seenBytes != 0 {
		return bad(metaSeen, fmt.Errorf("wants base64 of %d bytes an image", seenBytes))
	}
	for part := range slices.Chunk(seen, seenBytes) {
		f.Seen = append(f.Seen, hex.EncodeToString(part))
	}
	return f, nil
}
