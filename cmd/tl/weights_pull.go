package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/weights"
)

func weightsPullCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name: "pull", Usage: "download a known file, checked by its SHA-256", ArgsUsage: "NAME",
		Flags: []cli.Flag{weightsDirFlag("")},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usageError{fmt.Errorf("wants one name, found %d (tl weights pull resnet50; tl weights list shows all)", c.NArg())}
			}
			e, ok := weights.Lookup(c.Args().First())
			if !ok {
				return usageError{fmt.Errorf("no file or network is called %q (tl weights list shows what there is)", c.Args().First())}
			}
			path, err := pull(c, v, e)
			if err != nil {
				return err
			}
			fmt.Fprintln(c.App.Writer, path)
			return nil
		},
	}
}
