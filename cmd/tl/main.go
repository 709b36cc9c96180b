// Command tl is transfer learning without Python: it takes a pretrained ONNX
// network, freezes it, trains a small head on a folder of images, says
// honestly how good it is, and exports one ONNX file.
//
// One sub-command is one file; tui.go is the terminal's voice.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/finetune"
)

// Exit codes.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitInterrupted = 130 // stopped by Ctrl-C; what was finished is kept
)

func main() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) }

// run is main with its world passed in, so that tests can call it.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	v := newVoice(stderr)
	cli.HelpPrinter = printHelp
	a := app(v, stdout, stderr)
	err := a.RunContext(ctx, flagsFirst(args, a.Commands))
	v.End()
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		v.interrupted(err)
		return exitInterrupted
	}
	v.fail(err, typed(args, a.Commands))
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitError
}

func app(v *voice, stdout, stderr io.Writer) *cli.App {
	return &cli.App{
		Name:  "tl",
		Usage: "transfer learning without Python: pretrained ONNX network + folder of images → honest model",
		Description: "Try it now, offline:           tl demo\n" +
			"Train on your own images:      tl finetune --backbone resnet50.onnx --data cells/\n" +
			"Against a CNN from scratch:    tl compare --backbone resnet50.onnx --data cells/\n" +
			"Use what was trained:          tl predict --model runs/resnet50-1/model.onnx images/\n\n" +
			"Results go to standard output, all else to standard error.\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage, 130 stopped by Ctrl-C (tl finetune --resume goes on).",
		Version:   finetune.Version,
		Writer:    stdout,
		ErrWriter: stderr,
		Commands: prepare([]*cli.Command{
			demoCommand(v), finetuneCommand(v), lrFindCommand(v), compareCommand(v), predictCommand(v), evaluateCommand(v), exportCommand(v),
			reviewCommand(), summaryCommand(v), dataCommand(v), weightsCommand(v), benchCommand(v),
		}),
		HideHelpCommand: true,
		OnUsageError:    func(c *cli.Context, err error, _ bool) error { return wrongFlag(c, err) },
		ExitErrHandler:  func(*cli.Context, error) {}, // run prints and decides
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return unknownCommand(c, c.App.Commands)
			}
			return cli.ShowAppHelp(c)
		},
	}
}
