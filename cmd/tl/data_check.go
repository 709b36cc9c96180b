package main

import (
	"fmt"

	"github.com/urfave/cli/v2"
)

func dataCheckCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "decode every image and name the bad ones; look for patients in two splits and for copies", ArgsUsage: "FOLDER",
		Description: "Exit code 1 when an image cannot be read, a correction does not fit or the split leaks.",
		Flags:       append(without(scanFlags(), "skip-bad"), splitFlags()...),
		Action: func(c *cli.Context) error {
			d, r, err := scan(c, v, true)
			if err != nil {
				return err
			}
			w := c.App.Writer
			fmt.Fprintf(w, "%d images can be read, %d cannot\n", len(d.Items), len(r.Bad))
			for _, b := range r.Bad {
				fmt.Fprintf(w, "bad      %s (%d bytes): %s\n", b.Path, b.Bytes, b.Reason)
			}
			for _, o := range r.Other {
				fmt.Fprintf(w, "no image %s\n", o)
			}
			for _, same := range d.Stats().Duplicates {
				fmt.Fprintf(w, "same     %v\n", same)
			}
			if err := assign(c, v, d); err != nil {
				return err
			}
			if err := d.CheckLeak(); err != nil {
				return err
			}
			fmt.Fprintf(w, "split %s: no patient and no image in two splits\n", d.SplitRule)
			if len(r.Bad) > 0 {
				return fmt.Errorf("%s: %d images cannot be read (--skip-bad leaves them out of a training)", d.Root, len(r.Bad))
			}
			return nil
		},
	}
}
