package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/finetune"
)

// setting is one flag's value that counts for a part of a command only, such
// as an arm of a comparison.
type setting struct{ name, value string }

// ownFlags are those that an arm or a cell of a grid may have of its own: what
// is trained and how, not on which images.
func ownFlags() []cli.Flag {
	return append(append(without(modelFlags(), "backbone", "model", "download"), without(trainFlags(), "grid")...), only(runFlags(), "precision", "cache")...)
}

// readSettings reads KEY=VALUE,…, whose keys are flags of tl finetune. A part
// without = goes on with the value before it, and so does one with = inside
// augment's list: augment=flip,blur=1.
func readSettings(parts []string) ([]setting, error) {
	var out []setting
	for _, p := range parts {
		key, value, ok := strings.Cut(p, "=")
		known := ok && flagNamed(ownFlags(), key) != nil
		switch last := len(out) - 1; {
		case known:
			out = append(out, setting{key, value})
		case last >= 0 && (!ok || out[last].name == "augment"):
			out[last].value += "," + p
		case ok: // a key, but of what?
			var near string
			if s := strings.TrimLeft(cli.SuggestFlag(ownFlags(), key, true), "-"); alike(s, key) {
				near = "perhaps " + s + "=; "
			}
			return nil, fmt.Errorf("%q is no flag of a model or its training (%stl finetune --help lists them)", key, near)
		default:
			return nil, fmt.Errorf("%q: wants KEY=VALUE, e.g. unfreeze=2", p)
		}
	}
	return out, nil
}

// flagNamed is the flag of that name or alias, nil for none.
func flagNamed(flags []cli.Flag, name string) cli.Flag {
	i := slices.IndexFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	if i < 0 {
		return nil
	}
	return flags[i]
}

// over is the command line c with settings laid over its flags: they are read
// as those flags are.
func over(c *cli.Context, settings []setting) (*cli.Context, error) {
	set := flag.NewFlagSet(c.Command.Name, flag.ContinueOnError)
	for _, s := range settings {
		f := flagNamed(append(modelFlags(), ownFlags()...), s.name)
		if set.Lookup(s.name) != nil {
			return nil, fmt.Errorf("%s is given twice", s.name)
		}
		if err := f.Apply(set); err != nil {
			return nil, err
		}
		for _, name := range f.Names() { // aliases too
			if err := set.Set(name, s.value); err != nil {
				return nil, fmt.Errorf("%s=%s: %w (tl finetune --help says what it wants)", s.name, s.value, err)
			}
		}
	}
	out := cli.NewContext(c.App, set, c)
	out.Command = c.Command
	return out, nil
}

// parseArm reads "baseline", NAME, NAME@CUT or NAME@CUT@SIZE, then KEY=VALUE
// of what this arm has otherwise than all others. It is named after the file
// and what was chosen, or by name=.
func parseArm(c *cli.Context, s string) (finetune.Arm, error) {
	words := strings.Split(s, ",")
	var name string
	place := strings.Split(words[0], "@")
	words = slices.DeleteFunc(words[1:], func(w string) bool {
		value, ok := strings.CutPrefix(w, "name=")
		if ok {
			name = value
		}
		return ok
	})
	if len(place) > 3 || place[0] == "" || strings.Contains(place[0], "=") {
		return finetune.Arm{}, fmt.Errorf("arm %q: wants baseline, NAME, NAME@CUT or NAME@CUT@SIZE, then KEY=VALUE", s)
	}
	settings, err := readSettings(words)
	if err != nil {
		return finetune.Arm{}, fmt.Errorf("arm %q: %w", s, err)
	}
	if name == "" {
		parts := []string{strings.TrimSuffix(filepath.Base(place[0]), ".onnx")}
		parts = append(parts, slices.DeleteFunc(slices.Clone(place[1:]), func(p string) bool { return p == "" })...)
		for _, s := range settings {
			parts = append(parts, s.name, s.value)
		}
		name = strings.Join(parts, "-")
	}
	for i, key := range []string{"cut", "size"} {
		if i+1 < len(place) && place[i+1] != "" {
			settings = append(settings, setting{key, place[i+1]})
		}
	}
	o, err := armOptions(c, place[0], settings)
	if err != nil {
		return finetune.Arm{}, fmt.Errorf("arm %q: %w", s, err)
	}
	return finetune.Arm{Name: name, Options: o}, nil
}

// armOptions are those of the baseline CNN or of a backbone's head: c's with
// settings laid over. What c says of backbones is not the baseline's.
func armOptions(c *cli.Context, name string, settings []setting) (finetune.Options, error) {
	own, err := over(c, append([]setting{{"model", "head"}, {"backbone", name}}, settings...))
	if err != nil {
		return finetune.Options{}, err
	}
	if err := contradictions(own); err != nil {
		return finetune.Options{}, err
	}
	if name != "baseline" {
		return options(own), nil
	}
	alone, err := over(cli.NewContext(c.App, nil, nil), settings)
	if err != nil {
		return finetune.Options{}, err
	}
	alone.Command = c.Command
	if err := noBackbone(alone); err != nil {
		return finetune.Options{}, err
	}
	o := options(own)
	o.Model, o.Backbone, o.Hidden, o.Standardise = "baseline", "", 0, ""
	if !alone.IsSet("size") {
		o.Size = c.Int("baseline-size")
	}
	return o, nil
}
