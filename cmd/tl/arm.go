package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tlkit/tl/finetune"
)

// parseArm reads NAME, NAME@CUT or NAME@CUT@SIZE over the options that all
// arms share. The arm is named after the file and what was chosen.
func parseArm(s string, o finetune.Options) (finetune.Arm, error) {
	parts := strings.Split(s, "@")
	if len(parts) > 3 || parts[0] == "" {
		return finetune.Arm{}, fmt.Errorf("--backbone %q: wants NAME, NAME@CUT or NAME@CUT@SIZE", s)
	}
	o.Model, o.Backbone = "head", parts[0]
	if len(parts) > 1 && parts[1] != "" {
		o.Cut = parts[1]
	}
	if len(parts) > 2 {
		size, err := strconv.Atoi(parts[2])
		if err != nil {
			return finetune.Arm{}, fmt.Errorf("--backbone %q: size %q is no number", s, parts[2])
		}
		o.Size = size
	}
	parts[0] = strings.TrimSuffix(filepath.Base(parts[0]), ".onnx")
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	return finetune.Arm{Name: strings.Join(parts, "-"), Options: o}, nil
}
