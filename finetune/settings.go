package finetune

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Settings are what a run was asked for.
type Settings struct {
	Version  string  `json:"version"`  // of tl
	Images   string  `json:"images"`   // folder that the paths of split.csv are relative to
	Given    Options `json:"given"`    // as the user said it
	Resolved Options `json:"resolved"` // with every default filled in and absolute paths
}

// writeSettings keeps what the run was asked for, with paths that mean the
// same in any working folder.
func (f *Folder) writeSettings(images string, given, o Options) error {
	o, err := o.absolute()
	if err == nil {
		images, err = filepath.Abs(images)
	}
	if err != nil {
		return err
	}
	return writeJSON(f.file(settingsFile), Settings{Version: Version, Images: images, Given: given, Resolved: o})
}

// errNoRun is what readSettings answers for a folder without settings.
var errNoRun = errors.New("no run folder")

// readSettings reads what the run in folder path was asked for.
func readSettings(path string) (Settings, error) {
	var s Settings
	file := filepath.Join(path, settingsFile)
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		hint := "tl finetune makes one"
		if arms, _ := filepath.Glob(filepath.Join(path, "*", settingsFile)); len(arms) > 0 {
			hint = fmt.Sprintf("a comparison goes on with the command that began it and --name %s", filepath.Base(path))
		}
		return s, fmt.Errorf("%s: %w: it holds no %s (%s)", path, errNoRun, settingsFile, hint)
	}
	if err != nil {
		return s, err
	}
	if s, err = parseSettings(b); err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// parseSettings is readSettings of the file's bytes.
func parseSettings(b []byte) (Settings, error) {
	var s Settings
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	err := d.Decode(&s)
	if err == nil && len(bytes.TrimSpace(b[d.InputOffset():])) > 0 {
		err = errors.New("something follows the settings")
	}
	switch {
	case err != nil && s.Version != "" && s.Version != Version:
		return s, fmt.Errorf("was written by tl %s, this is tl %s: %w (go on with that version, or start a new run)", s.Version, Version, err)
	case err != nil:
		return s, fmt.Errorf("is damaged: %w (start a new run with another --name)", err)
	}
	def(&s.Resolved.Precision, "f32") // of runs before there was a choice
	return s, s.Resolved.check()
}

// otherVersion says that the run began with another tl, "" for this one.
func (s Settings) otherVersion() string {
	if s.Version == Version {
		return ""
	}
	return fmt.Sprintf("this run began with tl %s, this is tl %s: a checkpoint of other settings or features will be refused", s.Version, Version)
}

// absolute is o with paths that mean the same in any working folder.
func (o Options) absolute() (Options, error) {
	csv := strings.Split(o.Data.GroupCSV, ",")
	paths := []*string{&o.Data.Path, &o.Data.Root, &o.Data.Corrections}
	for i := range csv {
		paths = append(paths, &csv[i])
	}
	if strings.HasSuffix(strings.ToLower(o.Backbone), ".onnx") || strings.ContainsAny(o.Backbone, "/"+string(os.PathSeparator)) { // else a name
		paths = append(paths, &o.Backbone)
	}
	for _, p := range paths {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return o, err
		}
		*p = abs
	}
	o.Data.GroupCSV = strings.Join(csv, ",")
	return o, nil
}

// withoutPaths is o without where images and network are: they may move, and
// what is in them is told by digests.
func (o Options) withoutPaths() Options {
	o.Data.Path, o.Data.Root, o.Data.GroupCSV, o.Data.Corrections, o.Backbone = "", "", "", "", ""
	return o
}

// difference names the first field in which o differs from what a run began
// with, "" for none. Folders and threads may differ.
func (o Options) difference(began Options) string {
	now, then := o.withoutPaths().fields(), began.withoutPaths().fields()
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if then[name] != now[name] {
			return fmt.Sprintf("%s was %s, is %s", name, then[name], now[name])
		}
	}
	return ""
}

// fields are the numbers and words of o by their names in settings.json.
func (o Options) fields() map[string]string {
	js, err := json.Marshal(o)
	if err != nil {
		panic("finetune: options: " + err.Error()) // plain words and numbers
	}
	var all map[string]any
	d := json.NewDecoder(bytes.NewReader(js))
	d.UseNumber()
	if err := d.Decode(&all); err != nil {
		panic("finetune: options: " + err.Error())
	}
	out := map[string]string{}
	for name, v := range all {
		inner, ok := v.(map[string]any)
		if !ok {
			out[name] = fmt.Sprint(v)
		}
		for field, v := range inner {
			out[name+"."+field] = fmt.Sprint(v)
		}
	}
	return out
}
