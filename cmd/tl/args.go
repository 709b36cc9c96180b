package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves the flags of a command before its other words, because
// people type `tl predict images/ --model model.onnx` and the flag package
// stops at the first word that is no flag. All after "--" stays as it is.
func flagsFirst(args []string, commands []*cli.Command) []string {
	if len(args) == 0 {
		return args
	}
	out, rest := args[:1:1], args[1:] // the program's name
	var flags []cli.Flag
	for len(rest) > 0 && commands != nil {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(rest[0]) })
		if i < 0 {
			return append(out, rest...)
		}
		out = append(out, rest[0])
		flags, commands, rest = commands[i].Flags, commands[i].Subcommands, rest[1:]
	}
	return append(out, sortWords(rest, flags)...)
}

// sortWords puts flags and their values before all other words.
func sortWords(words []string, flags []cli.Flag) []string {
	var first, then []string
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "--":
			return append(first, append(append([]string{"--"}, then...), words[i+1:]...)...)
		case len(w) < 2 || w[0] != '-':
			then = append(then, w)
		case !strings.Contains(w, "=") && wantsValue(flags, strings.TrimLeft(w, "-")) && i+1 < len(words):
			first = append(first, w, words[i+1])
			i++
		default:
			first = append(first, w)
		}
	}
	return append(first, then...)
}

// wantsValue reports whether the next word belongs to the flag.
func wantsValue(flags []cli.Flag, name string) bool {
	for _, f := range flags {
		if d, ok := f.(cli.DocGenerationFlag); ok && slices.Contains(f.Names(), name) {
			return d.TakesValue()
		}
	}
	return false
}

// typed is the command of a command line, for hints: "tl data stats".
func typed(args []string, commands []*cli.Command) string {
	name := "tl"
	for _, a := range args[min(1, len(args)):] {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(a) })
		if i < 0 {
			break
		}
		name, commands = name+" "+a, commands[i].Subcommands
	}
	return name
}
