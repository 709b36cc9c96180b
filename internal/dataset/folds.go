package dataset

import (
	"fmt"
	"strings"
)

// assignFold splits for one fold of a cross-validation.
//
// The rule: all units, patients or with the rule "random" pictures, go to
// o.Folds parts of equal wants, by the same greedy choice that splits use (see
// allot): large units first, each to the part that then has the least to
// complain of, so that classes, pictures and patients are as even as whole
// patients allow. It is the idea of scikit-learn's StratifiedGroupKFold. Part
// o.Fold is the test; every unit is in one part, so the folds together test
// each picture once. Of the other parts validation gets the share o.Val of all
// pictures, chosen anew for each fold. All is decided by o.Seed and the bytes
// of the pictures.
func (d *Dataset) assignFold(o SplitOptions) ([]string, error) {
	byGroup, err := d.foldRule(&o)
	if err != nil {
		return nil, err
	}
	units := d.units(byGroup)
	if len(units) < o.Folds {
		return nil, fmt.Errorf("%d folds of %s: wants at least one for each fold (--folds %d or fewer)", o.Folds, unitWords(len(units), byGroup), max(2, len(units)))
	}
	equal := make([]float64, o.Folds)
	for i := range equal {
		equal[i] = 1 / float64(o.Folds)
	}
	allot(d.Classes, units, equal, o.Seed)
	for _, u := range units {
		for _, it := range u.items {
			it.Split = Train
			if u.part == o.Fold-1 {
				it.Split = Test
			}
		}
	}
	// Another seed for each fold, or the same patients would choose the
	// threshold of nearly every fold.
	d.carve(o.Val/(1-equal[0]), o.Seed+uint64(o.Fold)<<32, byGroup)
	d.Seed = o.Seed
	d.SplitRule = fmt.Sprintf("%s, fold %d of %d (val %.3g)", o.Rule, o.Fold, o.Folds, o.Val)
	return append(d.straddleWarning(), d.lackingClasses(o)...), nil
}

// foldRule fills in o's defaults and refuses what cannot be.
func (d *Dataset) foldRule(o *SplitOptions) (byGroup bool, err error) {
	if o.Rule == "" {
		o.Rule = d.defaultRule()
	}
	if o.Val == 0 {
		o.Val = .15
	}
	switch {
	case o.Rule != "group" && o.Rule != "random":
		return false, fmt.Errorf("folds divide all pictures anew; the split %q is another one (--split group or --split random, or no --folds)", o.Rule)
	case o.Rule == "group" && d.GroupRule == "":
		return false, errNoGroups
	case o.Folds < 2 || o.Fold < 1 || o.Fold > o.Folds:
		return false, fmt.Errorf("fold %d of %d; wants 2 folds or more, and one of them", o.Fold, o.Folds)
	case !(o.Val > 0 && o.Val+1/float64(o.Folds) < 1):
		return false, fmt.Errorf("%d folds and validation %g: wants a share above 0 that leaves something for training", o.Folds, o.Val)
	}
	return o.Rule == "group", nil
}

func unitWords(n int, byGroup bool) string {
	if byGroup {
		return count(n, "patient", "patients")
	}
	return count(n, "distinct picture", "distinct pictures")
}

// lackingClasses tells of classes that the fold does not test: its own AUC or
// sensitivity is not known then.
func (d *Dataset) lackingClasses(o SplitOptions) []string {
	tested := make([]bool, len(d.Classes))
	for _, i := range d.Indices(Test) {
		tested[d.Items[i].Class] = true
	}
	var lacking []string
	for c, ok := range tested {
		if !ok {
			lacking = append(lacking, d.Classes[c])
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("fold %d of %d tests no picture of %s", o.Fold, o.Folds, strings.Join(lacking, ", "))}
}
