package metrics

import (
	"encoding/json"
	"math"
)

// SmearCells is the usual number of red cells looked at in one thin smear.
const SmearCells = 5000

// DetectionLimit is the parasitaemia, as a share of red cells, that a thin
// film must show to be of clinical use: 200 parasites/µL of 5·10⁶ red
// cells/µL (experts miss a quarter of the films below it; Malaria J 7:22).
const DetectionLimit = 200.0 / 5e6

// SmearEstimate is what a cell classifier would report for a whole smear.
type SmearEstimate struct {
	Cells      int     // red cells looked at
	Prevalence float64 // share of them that are infected: the true parasitaemia

	FalseCells float64 // healthy cells called infected
	TrueCells  float64 // infected cells called infected
	Missed     float64 // infected cells called healthy
	Apparent   float64 // apparent parasitaemia: share of cells called infected
	Clean      float64 // apparent parasitaemia of a healthy person: 1 − specificity
	PPV        float64 // share of cells called infected that are
	NPV        float64 // share of cells called healthy that are
}

// Smear computes what sensitivity and specificity mean for a smear of that
// many cells (0: [SmearCells]), of which the share prevalence is infected:
//
//	apparent = sensitivity·prevalence + (1 − specificity)·(1 − prevalence)
func Smear(cells int, prevalence, sensitivity, specificity float64) SmearEstimate {
	if cells <= 0 {
		cells = SmearCells
	}
	n := float64(cells)
	e := SmearEstimate{Cells: cells, Prevalence: prevalence,
		FalseCells: n * (1 - prevalence) * (1 - specificity),
		TrueCells:  n * prevalence * sensitivity,
		Missed:     n * prevalence * (1 - sensitivity),
		Clean:      1 - specificity}
	called := e.FalseCells + e.TrueCells
	e.Apparent = called / n
	e.PPV = e.TrueCells / called // NaN when no cell is called infected
	e.NPV = n * (1 - prevalence) * specificity / (n - called)
	return e
}

// MarshalJSON writes undefined figures as null.
func (e SmearEstimate) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Cells      int    `json:"cells"`
		Prevalence number `json:"prevalence"`
		FalseCells number `json:"false_cells"`
		TrueCells  number `json:"true_cells"`
		Missed     number `json:"missed_cells"`
		Apparent   number `json:"apparent_parasitaemia"`
		Clean      number `json:"apparent_parasitaemia_healthy"`
		PPV        number `json:"ppv"`
		NPV        number `json:"npv"`
	}{e.Cells, number(e.Prevalence), number(e.FalseCells), number(e.TrueCells), number(e.Missed),
		number(e.Apparent), number(e.Clean), number(e.PPV), number(e.NPV)})
}

// TrueParasitaemia undoes Smear: the infected share that a classifier of
// known sensitivity and specificity saw as apparent, kept to 0…1 (Rogan and
// Gladen, Am J Epidemiol 107:71, 1978). NaN when the classifier is no better
// than chance.
func TrueParasitaemia(apparent, sensitivity, specificity float64) float64 {
	youden := sensitivity + specificity - 1
	if !(youden > 0) {
		return math.NaN()
	}
	return min(max((apparent+specificity-1)/youden, 0), 1)
}
