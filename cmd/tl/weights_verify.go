package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

func weightsVerifyCommand() *cli.Command {
	return &cli.Command{
		Name: "verify", Usage: "recognise a file by its SHA-256", ArgsUsage: "FILE …",
		Action: func(c *cli.Context) error {
			if !c.Args().Present() {
				return usageError{fmt.Errorf("no file (tl weights verify FILE.onnx)")}
			}
			for _, f := range c.Args().Slice() {
				e, known, err := weights.Verify(f)
				if err != nil {
					return err
				}
				if known {
					fmt.Fprintf(c.App.Writer, "%s: is %s (%s), %s\n", f, e.Name, e.Network, e.Licence)
					continue
				}
				d, err := onnx.Digest(f)
				if err != nil {
					return err
				}
				fmt.Fprintf(c.App.Writer, "%s: not in the catalogue, sha256 %s\n", f, d)
			}
			return nil
		},
	}
}
