package report

import "github.com/tlkit/tl/internal/metrics"

// Data says which images a report speaks of.
type Data struct {
	Name        string   `json:"name,omitempty"`         // of the folder or manifest
	Classes     []string `json:"classes,omitempty"`      // in the order of labels
	Positive    string   `json:"positive,omitempty"`     // the positive class; "" for more than two classes
	PositiveWhy string   `json:"positive_why,omitempty"` // how it was determined
	Splits      []Split  `json:"splits,omitempty"`       // train, val, test in this order
	GroupWord   string   `json:"group_word,omitempty"`   // what a group is: "patient"; "" reads "group"
	GroupRule   string   `json:"group_rule,omitempty"`   // how groups were found; "": none are known
	SplitRule   string   `json:"split_rule,omitempty"`   // "group", "random", "keras", "given"
	Seed        uint64   `json:"seed,omitempty"`         // of the split
	Digest      string   `json:"digest,omitempty"`       // over the images, classes and splits
	Generated   bool     `json:"generated,omitempty"`    // made up by tl data make: no real cells
	Warnings    []string `json:"warnings,omitempty"`     // e.g. patients in more than one split
}

// Split is the size of one part of the data.
type Split struct {
	Name      string `json:"name,omitempty"` // "train", "val", "test"
	Images    int    `json:"images"`
	Positives int    `json:"positives"`
	Groups    int    `json:"groups"`
}

// Model says what was trained.
type Model struct {
	Name      string `json:"name,omitempty"`      // "ResNet50", "baseline CNN"
	Baseline  bool   `json:"baseline,omitempty"`  // the small network that the others are held against
	Backbone  string `json:"backbone,omitempty"`  // file or card; "" for the baseline
	Digest    string `json:"digest,omitempty"`    // sha256 of the backbone's file
	Cut       string `json:"cut,omitempty"`       // layer the features are taken from, e.g. "stage3"
	Features  string `json:"features,omitempty"`  // their shape in words, e.g. "1024 × 8 × 8, pooled"
	Size      int    `json:"size,omitempty"`      // pixels a side of the network's input
	Preproc   string `json:"preproc,omitempty"`   // preprocessing in words
	Precision string `json:"precision,omitempty"` // that features were computed in, in words
	Head      string `json:"head,omitempty"`      // in words, e.g. "Flatten → Dense(1)"
	Licence   string `json:"licence,omitempty"`
	Source    string `json:"source,omitempty"`
	Unfrozen  string `json:"unfrozen,omitempty"`  // where the part of the backbone that learns begins, in words; "": all of it is frozen
	NoGain    string `json:"no_gain,omitempty"`   // what is kept instead where unfreezing brought nothing; "": it did
	Untrained string `json:"untrained,omitempty"` // why the weights look untrained; "": they do not
	Trainable int    `json:"trainable,omitempty"` // parameters
	Frozen    int    `json:"frozen,omitempty"`    // parameters
}

// Training says how it was trained and what that cost.
type Training struct {
	Epochs     int     `json:"epochs,omitempty"`    // run
	Best       int     `json:"best,omitempty"`      // epoch whose weights were kept; 0: the last
	Monitor    string  `json:"monitor,omitempty"`   // what "best" means, e.g. "validation loss"
	Stopped    string  `json:"stopped,omitempty"`   // why it ended, e.g. "no gain for 5 epochs"
	Optimiser  string  `json:"optimiser,omitempty"` // in words, with its rate and schedule
	Batch      int     `json:"batch,omitempty"`
	Seed       uint64  `json:"seed,omitempty"`
	Seconds    float64 `json:"seconds,omitempty"`    // training alone
	Extraction float64 `json:"extraction,omitempty"` // seconds that computing features took; 0: none
	Peak       int64   `json:"peak,omitempty"`       // bytes of resident memory; 0: not measured
	Device     string  `json:"device,omitempty"`     // "cpu (avx512, 2 threads)"
}

// Picture is a file of the run folder to be shown.
type Picture struct {
	Title string `json:"title"`
	File  string `json:"file"`
}

// Evaluation is what was measured on the test images. Result is for two
// classes, Multi for more; one of them is set.
type Evaluation struct {
	Split  string               `json:"split,omitempty"` // which images: "test"; "val" where there is no test split
	Choice metrics.Choice       `json:"choice,omitempty"`
	Result *metrics.Result      `json:"result,omitempty"`
	Multi  *metrics.MultiResult `json:"multi,omitempty"`
	Groups []metrics.Group      `json:"groups,omitempty"` // nil: none known
}

// Run is everything that report.md of a run tells.
type Run struct {
	Name       string     `json:"name,omitempty"`
	Created    string     `json:"created,omitempty"` // date, in words; "": not told
	Version    string     `json:"version,omitempty"` // of tl
	Command    string     `json:"command,omitempty"` // as typed
	Data       Data       `json:"data,omitempty"`
	Model      Model      `json:"model,omitempty"`
	Training   Training   `json:"training,omitempty"`
	Evaluation Evaluation `json:"evaluation,omitempty"`
	Pictures   []Picture  `json:"pictures,omitempty"`
}

// Arm is one model of a comparison.
type Arm struct {
	Model      Model      `json:"model,omitempty"`
	Training   Training   `json:"training,omitempty"`
	Evaluation Evaluation `json:"evaluation,omitempty"`
}

// Pair is the difference First minus Second, two models' names.
type Pair struct {
	First      string              `json:"first"`
	Second     string              `json:"second"`
	Difference *metrics.Difference `json:"difference,omitempty"`
}

// Comparison is everything that report.md of a comparison tells: all arms
// trained and measured on one split.
type Comparison struct {
	Name     string    `json:"name,omitempty"`
	Created  string    `json:"created,omitempty"`
	Version  string    `json:"version,omitempty"`
	Command  string    `json:"command,omitempty"`
	Data     Data      `json:"data,omitempty"`
	Arms     []Arm     `json:"arms,omitempty"`
	Pairs    []Pair    `json:"pairs,omitempty"`   // best every arm against those before it
	Primary  string    `json:"primary,omitempty"` // key of the metric that decides; "": "accuracy"
	Pictures []Picture `json:"pictures,omitempty"`
}

func (d Data) word() string {
	if d.GroupWord == "" {
		return "group"
	}
	return d.GroupWord
}

// over is what intervals were drawn over, in this data's words.
func (d Data) over(drawnOver string) string {
	if drawnOver == "groups" {
		return pluralOf(d.word())
	}
	return drawnOver
}

func (d Data) split(name string) Split {
	for _, s := range d.Splits {
		if s.Name == name {
			return s
		}
	}
	return Split{Name: name}
}

// metrics of the evaluation, whichever kind it is.
func (e Evaluation) metrics() (rows []metrics.Metric, level float64, drawnOver string, draws int, notes []string) {
	switch {
	case e.Result != nil:
		r := e.Result
		return r.Metrics(), r.Level, r.DrawnOver, r.Draws, r.Notes
	case e.Multi != nil:
		r := e.Multi
		return r.Metrics(), r.Level, r.DrawnOver, r.Draws, r.Notes
	}
	return nil, 0, "", 0, nil
}
