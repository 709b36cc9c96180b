package dataset

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// SplitOptions says how pictures are divided. The zero value divides by group
// if groups are known, else at random, 15 % for validation and 15 % for test.
type SplitOptions struct {
	Rule      string  // "group", "random", "keras", "given"; "" = given if the data set says so, else group, else random
	Val, Test float64 // fractions; both 0 = .15 and .15. The lecture: random, .2 and 0
	Seed      uint64

	Folds int // 2 or more: test one of so many equal parts, see folds.go. Test does not count then
	Fold  int // which one, from 1
}

// part is a fraction with its name.
type part struct {
	split    Split
	fraction float64
}

// parts returns train, val and test with their fractions.
func (o SplitOptions) parts() ([]part, error) {
	if o.Val == 0 && o.Test == 0 {
		o.Val, o.Test = .15, .15
	}
	if !(o.Val >= 0 && o.Test >= 0 && o.Val+o.Test < 1) {
		return nil, fmt.Errorf("split: validation %g and test %g; wants fractions from 0 that leave something for training", o.Val, o.Test)
	}
	return []part{{Train, 1 - o.Val - o.Test}, {Val, o.Val}, {Test, o.Test}}, nil
}

// Assign sets every Item.Split and returns warnings in words.
//
//   - group: no group and no picture is in two splits; shares of classes,
//     pictures and groups come near the fractions.
//   - random: the same with every distinct picture on its own; patients
//     straddle the splits, which is counted in a warning.
//   - keras: of each class folder, in the order of names, the first Val·n are
//     for validation and the next Test·n for test (ImageDataGenerator's
//     validation_split, which is no random split).
//   - group or random with Folds: the test is one of so many equal parts, of
//     which each picture is in one; validation comes out of the others.
//   - given: as the folders or the manifest say; if they hold no validation,
//     it is taken from the training pictures.
//
// The result depends on the seed and the bytes of the pictures (with keras on
// their names), not on the order of the folder or on its name.
func (d *Dataset) Assign(o SplitOptions) ([]string, error) {
	if o.Folds != 0 {
		return d.assignFold(o)
	}
	parts, err := o.parts()
	if err != nil {
		return nil, err
	}
	rule := o.Rule
	if rule == "" {
		rule = d.defaultRule()
	}
	d.Seed = o.Seed
	switch rule {
	case "group":
		if d.GroupRule == "" {
			return nil, errNoGroups
		}
		divide(d.Classes, d.units(true), parts, o.Seed)
	case "random":
		divide(d.Classes, d.units(false), parts, o.Seed)
	case "keras":
		d.assignKeras(parts)
	case "given":
		return d.assignGiven(parts, o.Seed)
	default:
		return nil, fmt.Errorf("split rule %q is none of group, random, keras, given", rule)
	}
	d.SplitRule = fmt.Sprintf("%s (val %.3g, test %.3g)", rule, parts[1].fraction, parts[2].fraction)
	return append(d.straddleWarning(), d.emptyWarning(parts)...), nil
}

var errNoGroups = errors.New("split by group: no groups are known; name them with --group REGEX or --group-csv FILE, or split at random")

func (d *Dataset) defaultRule() string {
	switch {
	case strings.HasPrefix(d.SplitRule, "given"):
		return "given"
	case d.GroupRule != "":
		return "group"
	}
	return "random"
}

// unit is what is never divided: a patient's pictures, or one picture with
// its copies.
type unit struct {
	items   []*Item
	digests []string // sorted
	key     [32]byte // sha256(seed, digests): the unit's place in the order
	part    int      // where allot put it
}

// units joins pictures that share bytes and, if byGroup, those that share a group.
func (d *Dataset) units(byGroup bool) []*unit {
	sets := newSets(len(d.Items))
	first := map[string]int{}
	join := func(key string, i int) {
		if j, ok := first[key]; ok {
			sets.join(i, j)
		} else {
			first[key] = i
		}
	}
	for i, it := range d.Items {
		join("bytes "+it.SHA256, i)
		if byGroup {
			join("group "+it.Group, i)
		}
	}
	byRoot := map[int]*unit{}
	var out []*unit
	for i := range d.Items {
		r := sets.root(i)
		if byRoot[r] == nil {
			byRoot[r] = &unit{}
			out = append(out, byRoot[r])
		}
		byRoot[r].items = append(byRoot[r].items, &d.Items[i])
	}
	return out
}

// divide gives each unit to a split.
func divide(classes []string, units []*unit, parts []part, seed uint64) {
	fractions := make([]float64, len(parts))
	for i, p := range parts {
		fractions[i] = p.fraction
	}
	allot(classes, units, fractions, seed)
	for _, u := range units {
		for _, it := range u.items {
			it.Split = parts[u.part].split
		}
	}
}

// allot gives each unit to one of the parts. Units come in the order of size (powers of
// two, large first) and, within a size, of a hash of the seed and their bytes;
// each goes where it lowers most the sum over splits and kinds of
// (have - want)² / want, where the kinds are the classes and the number of
// units. Part 0 has a fraction above 0.
func allot(classes []string, units []*unit, fractions []float64, seed uint64) {
	total := make([]float64, len(classes)+1)
	for _, u := range units {
		u.hash(seed)
		for k, n := range u.counts(len(classes)) {
			total[k] += n
		}
	}
	slices.SortFunc(units, func(a, b *unit) int {
		return cmp.Or(bits.Len(uint(len(b.items)))-bits.Len(uint(len(a.items))), slices.Compare(a.key[:], b.key[:]))
	})
	have := make([][]float64, len(fractions))
	for s := range have {
		have[s] = make([]float64, len(total))
	}
	for _, u := range units {
		n := u.counts(len(classes))
		best, least := 0, 0.0
		for s, fraction := range fractions {
			if fraction <= 0 {
				continue
			}
			if c := growth(have[s], n, total, fraction); s == 0 || c < least {
				best, least = s, c
			}
		}
		for k := range n {
			have[best][k] += n[k]
		}
		u.part = best
	}
}

// growth is the change of Σ (have - want)²/want, relative to each kind's
// total, when n is added.
func growth(have, n, total []float64, fraction float64) (sum float64) {
	for k := range n {
		if total[k] > 0 {
			want := float64(fraction * total[k])
			// The conversions keep processors from fusing steps: all round alike.
			sum += float64(n[k] * (float64(2*(have[k]-want)) + n[k]) / want / total[k])
		}
	}
	return sum
}

// counts returns the pictures of each class and, last, 1 for the unit.
func (u *unit) counts(classes int) []float64 {
	n := make([]float64, classes+1)
	for _, it := range u.items {
		n[it.Class]++
	}
	n[classes] = 1
	return n
}

// hash sets digests and key.
func (u *unit) hash(seed uint64) {
	for _, it := range u.items {
		u.digests = append(u.digests, it.SHA256)
	}
	slices.Sort(u.digests)
	h := sha256.New()
	h.Write(binary.LittleEndian.AppendUint64(nil, seed))
	for _, s := range u.digests {
		h.Write([]byte(s))
	}
	h.Sum(u.key[:0])
}

// assignKeras slices each class by file order: int(v·n) for validation, as
// keras.preprocessing's DirectoryIterator does, then int(t·n) for test.
func (d *Dataset) assignKeras(parts []part) {
	perClass := make([][]int, len(d.Classes))
	for i, it := range d.Items {
		perClass[it.Class] = append(perClass[it.Class], i)
	}
	for _, items := range perClass {
		n := float64(len(items))
		val, test := int(parts[1].fraction*n), int(parts[2].fraction*n)
		for k, i := range items {
			switch {
			case k < val:
				d.Items[i].Split = Val
			case k < val+test:
				d.Items[i].Split = Test
			default:
				d.Items[i].Split = Train
			}
		}
	}
}

// assignGiven keeps the splits that the folders or the manifest name. Without
// any validation, it takes the share that validation has beside training.
func (d *Dataset) assignGiven(parts []part, seed uint64) ([]string, error) {
	n := map[Split]int{}
	for i := range d.Items {
		n[d.Items[i].Split]++
	}
	if n[Unassigned] == len(d.Items) {
		return nil, errors.New("split as given: neither folders (train, val, test) nor a manifest's column say a split")
	}
	if n[Train] == 0 {
		return nil, errors.New("split as given: no picture is for training")
	}
	d.SplitRule = "given"
	var warnings []string
	if n[Unassigned] > 0 {
		warnings = append(warnings, fmt.Sprintf("%s no split and is left out", count(n[Unassigned], "picture has", "pictures have")))
	}
	if n[Val] == 0 && parts[1].fraction > 0 {
		v := parts[1].fraction / (parts[0].fraction + parts[1].fraction)
		d.carve(v, seed, d.GroupRule != "")
		d.SplitRule = fmt.Sprintf("given (val %.3g of train)", v)
		warnings = append(warnings, fmt.Sprintf("no validation is given: %.0f %% of the training pictures are taken", 100*v))
	}
	return append(warnings, d.emptyWarning(parts)...), nil
}

// carve moves the fraction v of the training units to validation. Where whole
// units would leave nothing to train on, the largest stays.
func (d *Dataset) carve(v float64, seed uint64, byGroup bool) {
	train := &Dataset{Classes: d.Classes, GroupRule: d.GroupRule}
	at := d.Indices(Train)
	for _, i := range at {
		train.Items = append(train.Items, d.Items[i])
	}
	units := train.units(byGroup)
	divide(d.Classes, units, []part{{Train, 1 - v}, {Val, v}}, seed)
	if len(units) > 0 && len(train.Indices(Train)) == 0 {
		for _, it := range units[0].items { // divide has put them in order
			it.Split = Train
		}
	}
	for k, i := range at {
		d.Items[i].Split = train.Items[k].Split
	}
}

// emptyWarning tells of splits that were asked for and hold nothing.
func (d *Dataset) emptyWarning(parts []part) (warnings []string) {
	for _, p := range parts {
		if p.fraction > 0 && len(d.Indices(p.split)) == 0 {
			warnings = append(warnings, fmt.Sprintf("no picture is in %s", p.split))
		}
	}
	return warnings
}

// sets are disjoint sets of 0…n-1.
type sets []int

func newSets(n int) sets {
	s := make(sets, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func (s sets) root(i int) int {
	for s[i] != i {
		s[i] = s[s[i]]
		i = s[i]
	}
	return i
}

func (s sets) join(i, j int) { s[s.root(i)] = s.root(j) }

// Apart reports whether the split kept each group in one part.
func (d *Dataset) Apart() bool { return d.GroupRule != "" && strings.HasPrefix(d.SplitRule, "group") }
