package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

func weightsMakeCommand() *cli.Command {
	return &cli.Command{
		Name: "make", Usage: "write a network with random weights from a seed, for demos, tests and benchmarks", ArgsUsage: "NAME OUT.onnx",
		Flags: []cli.Flag{
			&cli.Uint64Flag{Name: "seed", Usage: "another `SEED` gives other weights"},
			&cli.Int64Flag{Name: "opset", Usage: "`N` from 7 to 22", Value: 13},
			&cli.BoolFlag{Name: "nhwc", Usage: "in the manner of tf2onnx"},
			&cli.BoolFlag{Name: "folded", Usage: "batch norm folded into the convolutions"},
			&cli.Int64Flag{Name: "batch", Usage: "fixed batch of `N` images", DefaultText: "dynamic"},
			&cli.IntFlag{Name: "classes", Usage: "`N` outputs", Value: 1000},
			&cli.IntFlag{Name: "size", Usage: "image side in `PIXELS`", DefaultText: "the network's own"},
			&cli.Float64Flag{Name: "width", Usage: "`FACTOR` on all channels", Value: 1},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return usageError{fmt.Errorf("wants a network and a file, found %d words; networks: %s (tl weights make resnet50 seeded.onnx)", c.NArg(), strings.Join(weights.SeededNames(), ", "))}
			}
			m, err := weights.Seeded(c.Args().First(), weights.SeededOptions{
				Seed: c.Uint64("seed"), Opset: c.Int64("opset"), NHWC: c.Bool("nhwc"), FoldedBN: c.Bool("folded"),
				Batch: c.Int64("batch"), Classes: c.Int("classes"), Size: c.Int("size"), Width: c.Float64("width"),
			})
			if err != nil {
				return err
			}
			if err := onnx.WriteFile(c.Args().Get(1), m); err != nil {
				return err
			}
			fmt.Fprintf(c.App.Writer, "%s: a %s with RANDOM weights; it has learned nothing\n", c.Args().Get(1), c.Args().First())
			return nil
		},
	}
}
