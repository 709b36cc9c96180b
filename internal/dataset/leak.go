package dataset

import (
	"fmt"
	"slices"
	"strings"
)

// CheckLeak refuses splits that share what they must not: the same bytes under
// any rule; the same group unless the rule is one that was asked for knowing
// it (random, keras), for which Assign has warned. The error names up to five
// of each.
func (d *Dataset) CheckLeak() error {
	var faults []string
	if bytes := d.shared(func(it *Item) string { return it.SHA256 }); len(bytes) > 0 {
		faults = append(faults, fmt.Sprintf("%s in two splits: %s",
			count(len(bytes), "picture is", "pictures are"), some(d.describeShared(bytes, true))))
	}
	if d.GroupRule != "" && !d.cellwise() {
		if groups := d.shared(func(it *Item) string { return it.Group }); len(groups) > 0 {
			faults = append(faults, fmt.Sprintf("%s in two splits: %s",
				count(len(groups), "group is", "groups are"), some(d.describeShared(groups, false))))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("%s: splits leak: %s", d.Root, strings.Join(faults, "; "))
}

// cellwise reports whether the rule divides patients on purpose.
func (d *Dataset) cellwise() bool {
	return strings.HasPrefix(d.SplitRule, "random") || strings.HasPrefix(d.SplitRule, "keras")
}

// shared returns, for each key that lies in more than one split, its items;
// in the order of the items. Empty keys and unassigned items do not count.
func (d *Dataset) shared(key func(*Item) string) [][]int {
	where := map[string][]int{}
	var keys []string
	for i := range d.Items {
		it := &d.Items[i]
		k := key(it)
		if k == "" || it.Split == Unassigned {
			continue
		}
		if where[k] == nil {
			keys = append(keys, k)
		}
		where[k] = append(where[k], i)
	}
	var out [][]int
	for _, k := range keys {
		if d.splitsOf(where[k]) > 1 {
			out = append(out, where[k])
		}
	}
	return out
}

// splitsOf counts the different splits of some items.
func (d *Dataset) splitsOf(items []int) int {
	var seen []Split
	for _, i := range items {
		if !slices.Contains(seen, d.Items[i].Split) {
			seen = append(seen, d.Items[i].Split)
		}
	}
	return len(seen)
}

// describeShared names each leak: two files of it, or the group with counts.
func (d *Dataset) describeShared(shared [][]int, files bool) []string {
	var out []string
	for _, items := range shared {
		a := &d.Items[items[0]]
		i := slices.IndexFunc(items, func(i int) bool { return d.Items[i].Split != a.Split })
		b := &d.Items[items[i]]
		if files {
			out = append(out, fmt.Sprintf("%s (%s) = %s (%s)", a.Path, a.Split, b.Path, b.Split))
		} else {
			out = append(out, fmt.Sprintf("%s (%s, %s)", a.Group, a.Split, b.Split))
		}
	}
	return out
}

// straddleWarning counts the groups that lie in more than one split.
func (d *Dataset) straddleWarning() []string {
	if d.GroupRule == "" {
		return nil
	}
	groups := map[string]bool{}
	for _, it := range d.Items {
		groups[it.Group] = true
	}
	shared := d.shared(func(it *Item) string { return it.Group })
	if len(shared) == 0 {
		return nil
	}
	n := 0
	for _, items := range shared {
		n += len(items)
	}
	return []string{fmt.Sprintf("%d of %d patients straddle the splits (%d of %d pictures): the model is measured on patients it has seen, figures come out too good; --split group keeps patients apart",
		len(shared), len(groups), n, len(d.Items))}
}
