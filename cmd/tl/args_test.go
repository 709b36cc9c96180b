package main

import (
	"os"
	"strings"
	"testing"

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

func TestParseArm(t *testing.T) {
	for _, c := range []struct {
		in, name, file, cut string
		size                int
	}{
		{"resnet50", "resnet50", "resnet50", "stage4", 96},
		{"w/r.onnx@stage3", "r-stage3", "w/r.onnx", "stage3", 96},
		{"w/r.onnx@@64", "r-64", "w/r.onnx", "stage4", 64},
	} {
		a, err := parseArm(c.in, finetune.Options{Cut: "stage4", Size: 96})
		if err != nil || a.Name != c.name || a.Options.Backbone != c.file || a.Options.Cut != c.cut || a.Options.Size != c.size {
			t.Errorf("%s: %+v, %v", c.in, a, err)
		}
	}
	for _, in := range []string{"", "@stage3", "a@b@c", "a@b@1@2"} {
		if _, err := parseArm(in, finetune.Options{}); err == nil {
			t.Errorf("%q: no error", in)
		}
	}
}
