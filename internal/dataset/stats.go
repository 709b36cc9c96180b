package dataset

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Stats are counts over a data set.
type Stats struct {
	Pictures   int
	Bytes      int64
	Classes    []ClassStats
	Splits     []SplitStats // those that hold pictures
	Groups     []GroupStats // largest first; nil when there are no groups
	MixedGroup int          // groups with pictures of more than one class
	Width      Range        // pixels
	Height     Range        // pixels
	Modes      []Count      // Item.Mode, most frequent first
	Duplicates [][]string   // paths of files with the same bytes
}

// ClassStats counts one class.
type ClassStats struct {
	Name     string
	Pictures int
	Groups   int
}

// SplitStats counts one split.
type SplitStats struct {
	Split    Split
	Pictures int
	Classes  []int // pictures of each class
	Groups   int
}

// GroupStats counts one patient.
type GroupStats struct {
	Name     string
	Pictures int
	Classes  []int // pictures of each class
	Split    Split // of its first picture
}

// Range is smallest, middle (lower median) and largest.
type Range struct{ Min, Median, Max int }

// Count is a name with its number.
type Count struct {
	Name string
	N    int
}

// Stats counts pictures per class, split, group, size and pixel format, and
// finds files with the same bytes.
func (d *Dataset) Stats() Stats {
	s := Stats{Pictures: len(d.Items), Duplicates: d.duplicates()}
	w, h := make([]int, 0, len(d.Items)), make([]int, 0, len(d.Items))
	modes := map[string]int{}
	for _, it := range d.Items {
		s.Bytes += it.Bytes
		w, h = append(w, it.W), append(h, it.H)
		modes[it.Mode]++
	}
	s.Width, s.Height, s.Modes = rangeOf(w), rangeOf(h), counts(modes)
	s.Groups = d.groupStats()
	for _, g := range s.Groups {
		if len(g.Classes)-len(slices.DeleteFunc(slices.Clone(g.Classes), func(n int) bool { return n > 0 })) > 1 {
			s.MixedGroup++
		}
	}
	for c, name := range d.Classes {
		n, _, groups := d.tally(func(it *Item) bool { return it.Class == c })
		s.Classes = append(s.Classes, ClassStats{name, n, groups})
	}
	for _, sp := range []Split{Train, Val, Test, Unassigned} {
		if n, classes, groups := d.tally(func(it *Item) bool { return it.Split == sp }); n > 0 {
			s.Splits = append(s.Splits, SplitStats{sp, n, classes, groups})
		}
	}
	return s
}

// tally counts the pictures that fit: all, per class, and their groups.
func (d *Dataset) tally(fits func(*Item) bool) (n int, classes []int, groups int) {
	classes = make([]int, len(d.Classes))
	seen := map[string]bool{}
	for i := range d.Items {
		it := &d.Items[i]
		if !fits(it) {
			continue
		}
		n++
		classes[it.Class]++
		if it.Group != "" {
			seen[it.Group] = true
		}
	}
	return n, classes, len(seen)
}

func (d *Dataset) groupStats() []GroupStats {
	at := map[string]int{}
	var out []GroupStats
	for _, it := range d.Items {
		if it.Group == "" {
			continue
		}
		i, ok := at[it.Group]
		if !ok {
			i = len(out)
			at[it.Group] = i
			out = append(out, GroupStats{Name: it.Group, Classes: make([]int, len(d.Classes)), Split: it.Split})
		}
		out[i].Pictures++
		out[i].Classes[it.Class]++
	}
	slices.SortFunc(out, func(a, b GroupStats) int {
		return cmp.Or(b.Pictures-a.Pictures, cmp.Compare(a.Name, b.Name))
	})
	return out
}

// duplicates returns paths of equal files, in the order of the items.
func (d *Dataset) duplicates() [][]string {
	paths := map[string][]string{}
	var order []string
	for _, it := range d.Items {
		if it.SHA256 == "" {
			continue
		}
		if paths[it.SHA256] == nil {
			order = append(order, it.SHA256)
		}
		paths[it.SHA256] = append(paths[it.SHA256], it.Path)
	}
	var out [][]string
	for _, sum := range order {
		if len(paths[sum]) > 1 {
			out = append(out, paths[sum])
		}
	}
	return out
}

func rangeOf(v []int) Range {
	if len(v) == 0 {
		return Range{}
	}
	slices.Sort(v)
	return Range{v[0], v[(len(v)-1)/2], v[len(v)-1]}
}

func counts(m map[string]int) []Count {
	var out []Count
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, Count{k, m[k]})
	}
	slices.SortStableFunc(out, func(a, b Count) int { return b.N - a.N })
	return out
}

// describe adds the warnings that need the whole set: equal files, and equal
// files with different labels.
func (d *Dataset) describe(report *Report) {
	dup := d.duplicates()
	if len(dup) == 0 {
		return
	}
	class := map[string]int{}
	for _, it := range d.Items {
		class[it.Path] = it.Class
	}
	var same, torn []string
	for _, paths := range dup {
		same = append(same, paths[0]+" = "+paths[1])
		if slices.ContainsFunc(paths, func(p string) bool { return class[p] != class[paths[0]] }) {
			torn = append(torn, paths[0]+" = "+paths[len(paths)-1])
		}
	}
	report.Warnings = append(report.Warnings, fmt.Sprintf("%s more than once: %s", count(len(same), "picture is there", "pictures are there"), some(same)))
	if len(torn) > 0 {
		report.Warnings = append(report.Warnings, fmt.Sprintf("%s in two classes: %s", count(len(torn), "picture is", "pictures are"), some(torn)))
	}
}
