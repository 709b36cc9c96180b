package main

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/finetune"
)

func TestFlagsFirst(t *testing.T) {
	commands := app(newVoice(os.Stderr), os.Stdout, os.Stderr).Commands
	for _, c := range []struct{ in, want string }{
		{"tl predict images --model m.onnx", "tl predict --model m.onnx images"},
		{"tl predict a --per-patient b --model=m.onnx c", "tl predict --per-patient --model=m.onnx a b c"},
		{"tl data stats cells --no-groups", "tl data stats --no-groups cells"},
		{"tl predict a --model m -- --b --threads 2", "tl predict --model m -- a --b --threads 2"},
		{"tl predict a --model", "tl predict --model a"},
		{"tl predict - --bogus x", "tl predict --bogus - x"},
		{"tl data stats", "tl data stats"},
		{"tl nonsense x --y", "tl nonsense x --y"},
		{"tl", "tl"},
	} {
		if got := strings.Join(flagsFirst(strings.Fields(c.in), commands), " "); got != c.want {
			t.Errorf("%s: %q, wanted %q", c.in, got, c.want)
		}
	}
	if got := typed([]string{"tl", "data", "stats", "--x"}, commands); got != "tl data stats" {
		t.Errorf("typed: %q", got)
	}
}

// armsOf are the arms of a command line of tl compare.
func armsOf(t *testing.T, words ...string) ([]finetune.Arm, error) {
	t.Helper()
	a := app(newVoice(io.Discard), io.Discard, io.Discard)
	var out []finetune.Arm
	for _, c := range a.Commands {
		if c.Name == "compare" {
			c.Action = func(c *cli.Context) (err error) {
				out, err = arms(c)
				return err
			}
		}
	}
	return out, a.Run(append([]string{"tl", "compare", "--data", "cells"}, words...))
}

func TestArms(t *testing.T) {
	type arm struct {
		Name, Model, File, Cut, Augment string
		Size, Unfreeze, Hidden          int
		Rate, Backbone                  float64
	}
	frozen := arm{Name: "r-stage3", Model: "head", File: "w/r.onnx", Cut: "stage3", Size: 96, Hidden: 8, Rate: 0.01}
	for _, c := range []struct {
		name  string
		words []string
		want  []arm
	}{
		{"backbones", []string{"--backbone", "w/r.onnx@stage3", "--backbone", "w/r.onnx@@64", "--cut", "stage4", "--size", "96", "--hidden", "8", "--lr", "0.01"}, []arm{
			{Name: "baseline", Model: "baseline", Rate: 0.01, Cut: "stage4"}, frozen,
			{Name: "r-64", Model: "head", File: "w/r.onnx", Cut: "stage4", Size: 64, Hidden: 8, Rate: 0.01},
		}},
		{"arms", []string{"--arm", "baseline,size=48,learning-rate=0.1", "--arm", "w/r.onnx@stage3,size=96,name=tuned,unfreeze=3,backbone-lr=3e-4,augment=flip,blur=1,hidden=8",
			"--arm", "w/r.onnx,unfreeze=2", "--lr", "0.01"}, []arm{
			{Name: "baseline-size-48-learning-rate-0.1", Model: "baseline", Size: 48, Rate: 0.1},
			{Name: "tuned", Model: "head", File: "w/r.onnx", Cut: "stage3", Size: 96, Unfreeze: 3, Hidden: 8, Augment: "flip,blur=1", Rate: 0.01, Backbone: 3e-4},
			{Name: "r-unfreeze-2", Model: "head", File: "w/r.onnx", Unfreeze: 2, Rate: 0.01},
		}},
	} {
		list, err := armsOf(t, c.words...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []arm
		for _, a := range list {
			o := a.Options
			got = append(got, arm{a.Name, o.Model, o.Backbone, o.Cut, o.Augment, o.Size, o.Unfreeze, o.Hidden, o.LearningRate, o.BackboneLR})
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: wanted − got +\n%s", c.name, d)
		}
	}
	for _, c := range []struct{ arm, want string }{
		{"", "wants baseline, NAME"},
		{"@stage3", "wants baseline, NAME"},
		{"a@b@1@2", "wants baseline, NAME"},
		{"a@b@c", "size=c: "},
		{"a,cut=b,unfreez=2", `"unfreez" is no flag of a model or its training (perhaps unfreeze=; tl finetune --help`},
		{"a,unfreeze", `"unfreeze": wants KEY=VALUE`},
		{"a,unfreeze=x", "unfreeze=x: "},
		{"a@b,cut=c", "cut is given twice"},
		{"a,lr=1e-3,learning-rate=1e-4", "is given twice"},
		{"a,data=b", `"data" is no flag`},
		{"a,epochs=-3", "--epochs -3: wants"},
		{"a,lr=0", "--lr 0: "},
		{"a,weight-decay=0.1", "only --optimiser adamw has a decoupled decay"},
		{"baseline@stage3", "the baseline CNN is fixed"},
		{"baseline,unfreeze=2", "--unfreeze does nothing here"},
	} {
		if _, err := armsOf(t, "--arm", "baseline", "--arm", c.arm); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, wanted %q", c.arm, err, c.want)
		}
	}
	if _, err := armsOf(t, "--arm", "baseline", "--arm", "a", "--no-baseline"); err == nil || !strings.Contains(err.Error(), "--arm lists all arms") {
		t.Errorf("--arm with --no-baseline: %v", err)
	}
}
