package dataset

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// tree is what one folder holds, found without opening files.
type tree struct {
	pictures map[string][]string // class folder → paths relative to the root
	report   *Report
	root     string
}

// listFolder finds the pictures of class folders or of split folders. A root
// that holds nothing but one folder (an unpacked archive) is entered.
func listFolder(root string, report *Report) (*Dataset, error) {
	for {
		dirs, files, err := entries(root)
		if err != nil {
			return nil, err
		}
		if parts := splitFolders(dirs); parts != nil {
			return listSplits(root, dirs, parts, files, report)
		}
		if len(dirs) != 1 || hasPicture(files) {
			break
		}
		inner, _, err := entries(filepath.Join(root, dirs[0]))
		if err != nil || len(inner) == 0 {
			break
		}
		sortOut(report, "", files)
		root = filepath.Join(root, dirs[0])
	}
	d := &Dataset{Root: root, Layout: "class folders"}
	t := &tree{pictures: map[string][]string{}, report: report, root: root}
	if err := t.classes(""); err != nil {
		return nil, err
	}
	d.add(t.pictures, Unassigned)
	return d, nil
}

// listSplits reads train/, val/ and test/, each a folder of class folders.
func listSplits(root string, dirs []string, parts map[string]Split, files []string, report *Report) (*Dataset, error) {
	d := &Dataset{Root: root, Layout: "split folders", SplitRule: "given"}
	sortOut(report, "", files)
	seen := map[Split]string{}
	perSplit := map[Split]map[string][]string{}
	for _, dir := range dirs {
		s, ok := parts[dir]
		if !ok {
			report.Other = append(report.Other, dir+"/ (beside the split folders)")
			continue
		}
		if seen[s] != "" {
			return nil, fmt.Errorf("%s: both %s and %s are the %s folder; keep one", root, seen[s], dir, s)
		}
		seen[s] = dir
		t := &tree{pictures: map[string][]string{}, report: report, root: root}
		if err := t.classes(dir); err != nil {
			return nil, err
		}
		perSplit[s] = t.pictures
	}
	d.Classes = classNames(perSplit[Train], perSplit[Val], perSplit[Test])
	for _, s := range []Split{Train, Val, Test} {
		d.add(perSplit[s], s)
	}
	return d, nil
}

// splitFolders recognises train beside val or test; nil when it is not so.
func splitFolders(dirs []string) map[string]Split {
	parts := map[string]Split{}
	var train bool
	for _, dir := range dirs {
		if s, err := ParseSplit(dir); err == nil {
			parts[dir] = s
			train = train || s == Train
		}
	}
	if !train || len(parts) < 2 {
		return nil
	}
	return parts
}

// classes reads every class folder below dir (relative to the root).
func (t *tree) classes(dir string) error {
	dirs, files, err := entries(filepath.Join(t.root, dir))
	if err != nil {
		return err
	}
	sortOut(t.report, dir, files)
	for _, name := range dirs {
		rel := path.Join(dir, name)
		if copied, err := t.nestedCopy(rel, dirs); err != nil {
			return err
		} else if copied {
			t.report.Ignored = append(t.report.Ignored, rel+"/ (a nested copy of the class folders)")
			continue
		}
		n := len(t.pictures[name])
		if err := t.walk(name, rel); err != nil {
			return err
		}
		if len(t.pictures[name]) == n {
			t.report.Other = append(t.report.Other, rel+"/ (no pictures)")
		}
	}
	return nil
}

// nestedCopy reports whether folder rel holds folders named as its siblings
// are, as cell_images/cell_images of the Kaggle archive does.
func (t *tree) nestedCopy(rel string, siblings []string) (bool, error) {
	inner, files, err := entries(filepath.Join(t.root, filepath.FromSlash(rel)))
	if err != nil || len(inner) < 2 || hasPicture(files) {
		return false, err
	}
	for _, name := range inner {
		if !slices.Contains(siblings, name) {
			return false, nil
		}
	}
	return true, nil
}

// walk collects the pictures below folder rel for a class.
func (t *tree) walk(class, rel string) error {
	dirs, files, err := entries(filepath.Join(t.root, filepath.FromSlash(rel)))
	if err != nil {
		return err
	}
	for _, f := range files {
		if isPicture(f) {
			t.pictures[class] = append(t.pictures[class], path.Join(rel, f))
		} else {
			sortOut(t.report, rel, []string{f})
		}
	}
	for _, sub := range dirs {
		if err := t.walk(class, path.Join(rel, sub)); err != nil {
			return err
		}
	}
	return nil
}

// entries lists a folder: sub-folders that are no junk, and files; both sorted.
// Links to files are followed, links to folders are not.
func entries(dir string) (dirs, files []string, err error) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range list {
		switch {
		case e.IsDir() && isJunk(e.Name()):
			files = append(files, e.Name())
		case e.IsDir():
			dirs = append(dirs, e.Name())
		default:
			files = append(files, e.Name())
		}
	}
	slices.Sort(dirs)
	slices.Sort(files)
	return dirs, files, nil
}

// sortOut files everything that is no picture of a class under Ignored or Other.
func sortOut(r *Report, dir string, files []string) {
	for _, f := range files {
		if isJunk(f) {
			r.Ignored = append(r.Ignored, path.Join(dir, f))
		} else {
			r.Other = append(r.Other, path.Join(dir, f))
		}
	}
}

// isJunk recognises what operating systems leave in folders.
func isJunk(name string) bool {
	switch strings.ToLower(name) {
	case "thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "icon\r", generatedNote:
		return true
	}
	return strings.HasPrefix(name, ".")
}

// isPicture goes by the extension; content is judged when it is decoded.
func isPicture(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".png", ".jpg", ".jpeg", ".jpe", ".jfif":
		return !isJunk(name)
	}
	return false
}

func hasPicture(files []string) bool { return slices.ContainsFunc(files, isPicture) }

// classNames is the sorted union of the classes that have pictures; whole
// numbers are sorted as numbers.
func classNames(maps ...map[string][]string) []string {
	var names []string
	for _, m := range maps {
		for name, files := range m {
			if len(files) > 0 && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	sortClasses(names)
	return names
}

// add appends the pictures of one split, class by class.
func (d *Dataset) add(pictures map[string][]string, s Split) {
	if d.Classes == nil {
		d.Classes = classNames(pictures)
	}
	for c, class := range d.Classes {
		files := pictures[class]
		slices.SortFunc(files, byFolder)
		for _, f := range files {
			d.Items = append(d.Items, Item{Path: f, Class: c, Split: s})
		}
	}
}

// byFolder orders paths by folder, then by name, as a walk through folders does.
func byFolder(a, b string) int {
	return cmp.Or(cmp.Compare(path.Dir(a), path.Dir(b)), cmp.Compare(a, b))
}
