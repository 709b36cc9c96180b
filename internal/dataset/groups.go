package dataset

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// nihName is the form of the NIH malaria cells' file names:
// <key>_IMG_<date>_<time>[a]_cell_<n>.png.
var nihName = regexp.MustCompile(`^(.+)_IMG_[0-9]+_[0-9]+[A-Za-z]?_cell_[0-9]+\.(?i:png|jpe?g)$`)

// nihThin finds where the patient's part of a key ends: C38P3thinF_original,
// C61P22N_ThinF, C47P8thin_Original_Motic.
var nihThin = regexp.MustCompile(`(?i)_?thin`)

// nihRule is GroupRule for those names.
const nihRule = `patients of the NIH file names: the part before "thin"`

// NIHPatient returns the patient of a key of the NIH malaria set: the part
// before "thin" in any case, without a "_" between; the key when it has none.
func NIHPatient(key string) string {
	if at := nihThin.FindStringIndex(key); at != nil && at[0] > 0 {
		return key[:at[0]]
	}
	return key
}

// nihGroup returns the patient of a file name, "" if it has another form.
func nihGroup(file string) string {
	m := nihName.FindStringSubmatch(path.Base(file))
	if m == nil {
		return ""
	}
	return NIHPatient(m[1])
}

// findGroups fills in Item.Group as asked, else from the manifest, else from
// NIH file names.
func (d *Dataset) findGroups(o ScanOptions, report *Report) error {
	switch {
	case o.NoGroups && (o.GroupRegex != "" || o.GroupCSV != ""), o.GroupRegex != "" && o.GroupCSV != "":
		return fmt.Errorf("groups: ask for one of a regular expression, a CSV and none")
	case o.NoGroups:
		return d.setGroups("", func(Item) string { return "" })
	case o.GroupRegex != "":
		return d.groupByRegex(o.GroupRegex)
	case o.GroupCSV != "":
		return d.groupByCSV(o.GroupCSV)
	case d.GroupRule != "":
		return d.setGroups(d.GroupRule, func(it Item) string { return it.Group })
	}
	return d.groupByNIH(report)
}

// setGroups gives each item its group and refuses items without one.
func (d *Dataset) setGroups(rule string, group func(Item) string) error {
	var without []string
	for i := range d.Items {
		g := group(d.Items[i])
		if g == "" && rule != "" {
			without = append(without, d.Items[i].Path)
		}
		d.Items[i].Group = g
	}
	if len(without) > 0 {
		return fmt.Errorf("groups by %s: none for %s: %s", rule, count(len(without), "picture", "pictures"), some(without))
	}
	d.GroupRule = rule
	return nil
}

// groupByNIH groups when at least nine names in ten have the NIH form; the
// others then are groups of their own.
func (d *Dataset) groupByNIH(report *Report) error {
	var others []string
	for _, it := range d.Items {
		if nihGroup(it.Path) == "" {
			others = append(others, it.Path)
		}
	}
	if 10*len(others) > len(d.Items) {
		if len(others) < len(d.Items) {
			report.Warnings = append(report.Warnings, fmt.Sprintf("%d of %d file names have the NIH form, too few to group by patient; say --group or --group-csv",
				len(d.Items)-len(others), len(d.Items)))
		}
		return d.setGroups("", func(Item) string { return "" })
	}
	if len(others) > 0 {
		report.Warnings = append(report.Warnings, fmt.Sprintf("%s no NIH form and is a group of its own: %s",
			count(len(others), "file name has", "file names have"), some(others)))
	}
	return d.setGroups(nihRule, func(it Item) string {
		if g := nihGroup(it.Path); g != "" {
			return g
		}
		return it.Path
	})
}

// groupByRegex applies the expression to file names; if one does not match, to
// the relative paths of all.
func (d *Dataset) groupByRegex(expr string) error {
	re, err := regexp.Compile(expr)
	if err != nil {
		return fmt.Errorf("group: %w", err)
	}
	if re.NumSubexp() < 1 {
		return fmt.Errorf("group %q: wants a capture group, e.g. ^([^_]+)_", expr)
	}
	name := path.Base
	for _, it := range d.Items {
		if !re.MatchString(path.Base(it.Path)) {
			name = func(p string) string { return p }
			break
		}
	}
	return d.setGroups(regexRule+expr, func(it Item) string {
		if m := re.FindStringSubmatch(name(it.Path)); m != nil {
			return m[1]
		}
		return ""
	})
}

// groupByCSV reads file,group tables, with or without a header, and the
// official NIH ones (key,['file', 'file', …] without a header).
func (d *Dataset) groupByCSV(files string) error {
	groups := map[string]string{}
	for _, file := range strings.Split(files, ",") {
		if err := readGroups(groups, file); err != nil {
			return err
		}
	}
	var names []string
	for _, f := range strings.Split(files, ",") {
		names = append(names, filepath.Base(f))
	}
	return d.setGroups(strings.Join(names, ","), func(it Item) string {
		if g := groups[it.Path]; g != "" {
			return g
		}
		return groups[path.Base(it.Path)]
	})
}

// readGroups adds a table's lines to groups.
func readGroups(groups map[string]string, file string) error {
	b, err := readCapped(file, maxCSV)
	if err != nil {
		return err
	}
	rows, err := readRows(file, b)
	if err != nil {
		return err
	}
	return addGroups(groups, file, rows)
}

// addGroups is readGroups once the table is parsed.
func addGroups(groups map[string]string, file string, rows []row) (err error) {
	pathAt, groupAt := 0, 1
	for n, r := range rows {
		if len(r.fields) < 2 {
			return fmt.Errorf("%s:%d: wants two columns, file and group", file, r.line)
		}
		if n == 0 && !isPicture(r.fields[0]) && !isPicture(r.fields[1]) && !isNIHList(r.fields) {
			if pathAt, groupAt, err = groupHeader(file, r); err != nil {
				return err
			}
			continue
		}
		if isNIHList(r.fields) {
			addNIHList(groups, r.fields)
			continue
		}
		if max(pathAt, groupAt) >= len(r.fields) {
			return fmt.Errorf("%s:%d: has %d columns, wants %d", file, r.line, len(r.fields), max(pathAt, groupAt)+1)
		}
		p, g := path.Clean(filepath.ToSlash(r.fields[pathAt])), strings.TrimSpace(r.fields[groupAt])
		if old, ok := groups[p]; ok && old != g {
			return fmt.Errorf("%s:%d: %s is in group %s and in group %s", file, r.line, p, old, g)
		}
		groups[p] = g
	}
	return nil
}

// groupHeader finds the two columns by name.
func groupHeader(file string, r row) (pathAt, groupAt int, err error) {
	at := func(want string) int {
		return slices.IndexFunc(r.fields, func(f string) bool { return columns[strings.ToLower(strings.TrimSpace(f))] == want })
	}
	pathAt, groupAt = at("path"), at("group")
	if pathAt < 0 || groupAt < 0 {
		return 0, 0, fmt.Errorf("%s:%d: wants lines of file,group or a header with both names, found %q", file, r.line, strings.Join(r.fields, ","))
	}
	return pathAt, groupAt, nil
}

// isNIHList recognises a line of patientid_cellmapping_*.csv: lax quotes leave
// the list either in one field or spread over several.
func isNIHList(fields []string) bool { return strings.HasPrefix(strings.TrimSpace(fields[1]), "['") }

func addNIHList(groups map[string]string, fields []string) {
	patient := NIHPatient(strings.TrimSpace(fields[0]))
	for _, f := range fields[1:] {
		for _, name := range strings.Split(f, ",") {
			if name = strings.Trim(name, " []'"); name != "" {
				groups[name] = patient
			}
		}
	}
}

// some lists the first five names.
func some(names []string) string {
	if len(names) <= 5 {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:5], ", ") + fmt.Sprintf(" and %d more", len(names)-5)
}
