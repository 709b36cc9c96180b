package report

import "github.com/tlkit/tl/internal/metrics"

// Data says which images a report speaks of.
type Data struct {
	Name        string   // of the folder or manifest
	Classes     []string // in the order of labels
	Positive    string   // the positive class; "" for more than two classes
	PositiveWhy string   // how it was determined
	Splits      []Split  // train, val, test in this order
	GroupWord   string   // what a group is: "patient"; "" reads "group"
	GroupRule   string   // how groups were found; "": none are known
	SplitRule   string   // "group", "random", "keras", "given"
	Seed        uint64   // of the split
	Digest      string   // over the images, classes and splits
	Generated   bool     // made up by tl data make: no real cells
	Warnings    []string // e.g. patients in more than one split
}

// Split is the size of one part of the data.
type Split struct {
	Name                      string // "train", "val", "test"
	Images, Positives, Groups int
}

// Model says what was trained.
type Model struct {
	Name      string // "ResNet50", "baseline CNN"
	Baseline  bool   // the small network that the others are held against
	Backbone  string // file or card; "" for the baseline
	Digest    string // sha256 of the backbone's file
	Cut       string // layer the features are taken from, e.g. "stage3"
	Features  string // their shape in words, e.g. "1024 × 8 × 8, pooled"
	Size      int    // pixels a side of the network's input
	Preproc   string // preprocessing in words
	Head      string // in words, e.g. "Flatten → Dense(1)"
	Licence   string
	Source    string
	Untrained string // why the weights look untrained; "": they do not
	Trainable int    // parameters
	Frozen    int    // parameters
}

// Training says how it was trained and what that cost.
type Training struct {
	Epochs     int    // run
	Best       int    // epoch whose weights were kept; 0: the last
	Monitor    string // what "best" means, e.g. "validation loss"
	Stopped    string // why it ended, e.g. "no gain for 5 epochs"
	Optimiser  string // in words, with its rate and schedule
	Batch      int
	Seed       uint64
	Seconds    float64 // training alone
	Extraction float64 // seconds that computing features took; 0: none
	Peak       int64   // bytes of resident memory; 0: not measured
	Device     string  // "cpu (avx512, 2 threads)"
}

// Picture is a file of the run folder to be shown.
type Picture struct{ Title, File string }

// Evaluation is what was measured on the test images. Result is for two
// classes, Multi for more; one of them is set.
type Evaluation struct {
	Split  string // which images: "test"; "val" where there is no test split
	Choice metrics.Choice
	Result *metrics.Result
	Multi  *metrics.MultiResult
	Groups []metrics.Group // nil: none known
}

// Run is everything that report.md of a run tells.
type Run struct {
	Name       string
	Created    string // date, in words; "": not told
	Version    string // of tl
	Command    string // as typed
	Data       Data
	Model      Model
	Training   Training
	Evaluation Evaluation
	Pictures   []Picture
}

// Arm is one model of a comparison.
type Arm struct {
	Model      Model
	Training   Training
	Evaluation Evaluation
}

// Pair is the difference First minus Second, two models' names.
type Pair struct {
	First, Second string
	Difference    *metrics.Difference
}

// Comparison is everything that report.md of a comparison tells: all arms
// trained and measured on one split.
type Comparison struct {
	Name     string
	Created  string
	Version  string
	Command  string
	Data     Data
	Arms     []Arm
	Pairs    []Pair // best each arm against the baseline
	Primary  string // key of the metric that decides; "": "accuracy"
	Pictures []Picture
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
