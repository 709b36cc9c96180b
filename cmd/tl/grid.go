package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/finetune"
)

// gridCells are all combinations of what --grid lists: KEY=VALUE,VALUE… once
// for each key, whose keys are flags of tl finetune.
func gridCells(c *cli.Context) ([]finetune.Arm, error) {
	cells := [][]setting{nil}
	for _, g := range repeatedOf(c, "grid") {
		key, values, ok := strings.Cut(g, "=")
		if !ok || values == "" {
			return nil, usageError{fmt.Errorf("--grid %s: wants KEY=VALUE,VALUE, e.g. --grid lr=1e-3,3e-4", g)}
		}
		if flagNamed(ownFlags(), key) == nil || key == "monitor" || key == "seed" {
			return nil, usageError{fmt.Errorf("--grid %s: %q is nothing to choose by validation (wants a flag of the model or its training, such as lr, unfreeze, cut, size; tl finetune --help lists them)", g, key)}
		}
		if c.IsSet(key) {
			return nil, usageError{fmt.Errorf("--%s and --grid %s both say what %s is (leave one out)", key, g, key)}
		}
		var next [][]setting
		for _, cell := range cells {
			for _, v := range strings.Split(values, ",") {
				next = append(next, append(cell[:len(cell):len(cell)], setting{key, v}))
			}
		}
		cells = next
	}
	var out []finetune.Arm
	for _, cell := range cells {
		own, err := over(c, cell)
		if err != nil {
			return nil, usageError{fmt.Errorf("--grid: %w", err)}
		}
		o, err := checkedOptions(own)
		if err != nil {
			return nil, err
		}
		var parts []string
		for _, s := range cell {
			parts = append(parts, s.name, s.value)
		}
		out = append(out, finetune.Arm{Name: strings.Join(parts, "-"), Options: o})
	}
	return out, nil
}
