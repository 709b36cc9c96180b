package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/finetune"
)

func reviewCommand() *cli.Command {
	return &cli.Command{
		Name: "review", Usage: "list the images whose labels a model that did not see them doubts most", ArgsUsage: "FOLDER",
		Description: "tl finetune --backbone resnet50 --folds 5 --data cells/ --name all\n" +
			"tl review runs/all                               (pictures in review.html, a table to fill in)\n" +
			"tl finetune --corrections runs/all/review.csv --backbone resnet50 --data cells/",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "arm", Usage: "`NAME` of the arm of a comparison", DefaultText: "the first"},
			&cli.IntFlag{Name: "top", Usage: "`N` images", Value: 100},
		},
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usageError{fmt.Errorf("%d folders (tl review runs/NAME)", c.NArg())}
			}
			if c.Int("top") < 1 {
				return usageError{fmt.Errorf("--top %d: wants a number from 1", c.Int("top"))}
			}
			r, err := finetune.ReviewFolder(c.Args().First(), c.String("arm"), c.Int("top"))
			if err != nil {
				return err
			}
			fmt.Fprintln(c.App.Writer, r.Summary())
			return nil
		},
	}
}
