package main

import (
	"github.com/urfave/cli/v2"
)

func weightsCommand(v *voice) *cli.Command {
	return &cli.Command{
		Name:  "weights",
		Usage: "pretrained networks: list, verify, pull, inspect, make",
		Subcommands: []*cli.Command{
			weightsListCommand(), weightsVerifyCommand(), weightsPullCommand(v), weightsInspectCommand(v), weightsMakeCommand(),
		},
	}
}
