// Package heads holds what learns: a dense head on frozen features, and the
// baseline CNN on pixels. Both are short lists of layers; the same list is run
// for logits, built into a Gorgonia graph for training, and written as ONNX
// nodes for export.
package heads

import (
	"fmt"

	"github.com/tlkit/tl/internal/tensor"
)

// Spec says what to build. Only Input is required: the zero value of the rest
// is Flatten → Dense(1), one logit for two classes.
type Spec struct {
	Model   string  // "head" (also "") or "baseline"
	Input   []int   // (C,H,W) or (F): one item, without the batch
	Head    string  // "flat" (also "") or "gap": global average pooling first, if Input is (C,H,W)
	Hidden  int     // head: > 0 puts Dense(Hidden) → ReLU before the last Dense
	Dropout float64 // probability before the last Dense; baseline: after each pool, 0 means 0.2, negative none
	Classes int     // 2 (also 0) is one logit; more is one logit a class
	Seed    uint64  // of the initial weights

	// Standardise subtracts a mean from each feature and divides by a standard
	// deviation, both given by SetNormaliser before training and folded into
	// the first Dense by Nodes. For heads only.
	Standardise bool
}

// The names of Model and Head.
const (
	ModelHead     = "head"
	ModelBaseline = "baseline"
	HeadFlat      = "flat"
	HeadGAP       = "gap"
)

// complete fills in the defaults and checks the rest.
func (s Spec) complete() (Spec, error) {
	if s.Model == "" {
		s.Model = ModelHead
	}
	if s.Head == "" {
		s.Head = HeadFlat
	}
	if s.Classes == 0 {
		s.Classes = 2
	}
	s.Input = tensor.Shape(s.Input).Clone()
	if s.Model == ModelBaseline {
		s = s.baselineDropout()
	}
	return s, s.check()
}

func (s Spec) baselineDropout() Spec {
	switch {
	case s.Dropout == 0:
		s.Dropout = 0.2
	case s.Dropout < 0:
		s.Dropout = 0
	}
	return s
}

func (s Spec) check() error {
	if s.Model != ModelHead && s.Model != ModelBaseline {
		return fmt.Errorf("heads: unknown model %q, want %q or %q", s.Model, ModelHead, ModelBaseline)
	}
	if s.Head != HeadFlat && s.Head != HeadGAP {
		return fmt.Errorf("heads: unknown head %q, want %q or %q", s.Head, HeadFlat, HeadGAP)
	}
	if len(s.Input) != 1 && len(s.Input) != 3 {
		return fmt.Errorf("heads: input is %v, want (F) or (C,H,W)", tensor.Shape(s.Input))
	}
	for _, d := range s.Input {
		if d < 1 || d > 1<<24 {
			return fmt.Errorf("heads: input is %v, want every axis from 1 to 2^24", tensor.Shape(s.Input))
		}
	}
	if s.Classes < 2 || s.Hidden < 0 || s.Dropout < 0 || s.Dropout >= 1 {
		return fmt.Errorf("heads: %d classes, %d hidden, dropout %g; want at least 2, at least 0, from 0 to below 1", s.Classes, s.Hidden, s.Dropout)
	}
	if s.Model == ModelBaseline {
		return s.checkBaseline()
	}
	return nil
}

// checkBaseline wants pixels of which two convolutions and pools leave something.
func (s Spec) checkBaseline() error {
	if len(s.Input) != 3 || s.Input[1] < 10 || s.Input[2] < 10 {
		return fmt.Errorf("heads: the baseline's input is %v, want (C,H,W) with height and width of at least 10", tensor.Shape(s.Input))
	}
	if s.Standardise || s.Hidden != 0 || s.Head == HeadGAP {
		return fmt.Errorf("heads: the baseline is fixed; it takes no hidden layer, gap or standardisation")
	}
	return nil
}

// outputs is the number of logits.
func (s Spec) outputs() int {
	if s.Classes == 2 {
		return 1
	}
	return s.Classes
}
