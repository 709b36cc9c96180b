package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// usageError is a command line that makes no sense.
type usageError struct{ error }

// prepare gives every command the same manners: own words for wrong flags, no
// help command beside --help, unknown sub-commands refused.
func prepare(commands []*cli.Command) []*cli.Command {
	for _, c := range commands {
		c.OnUsageError = func(ctx *cli.Context, err error, _ bool) error { return wrongFlag(ctx, err) }
		c.HideHelpCommand = true
		if len(c.Subcommands) > 0 {
			prepare(c.Subcommands)
			c.Action = func(ctx *cli.Context) error {
				if ctx.Args().Present() {
					return unknownCommand(ctx, ctx.Command.Subcommands)
				}
				return cli.ShowSubcommandHelp(ctx)
			}
		}
	}
	return commands
}

// wrongFlag words the flag package's complaint.
func wrongFlag(c *cli.Context, err error) error {
	text := err.Error()
	name := commandLine(c)
	if flag, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		flag = strings.TrimLeft(flag, "-")
		near := ""
		if s := cli.SuggestFlag(c.Command.Flags, flag, true); alike(strings.TrimLeft(s, "-"), flag) {
			near = "perhaps " + s + "; "
		}
		return usageError{fmt.Errorf("%s has no flag --%s (%s%s --help lists the flags)", name, flag, near, name)}
	}
	if flag, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		return usageError{fmt.Errorf("--%s wants a value (%s --help says which)", strings.TrimLeft(flag, "-"), name)}
	}
	text = strings.Replace(strings.TrimSuffix(text, ": parse error"), "for flag -", "for --", 1)
	return usageError{fmt.Errorf("%s (%s --help says what it wants)", text, name)}
}

// alike reports whether a suggestion is worth making: the nearest of all names
// may still be far.
func alike(suggested, found string) bool {
	n := min(2, len(suggested), len(found))
	return n > 0 && suggested[:n] == found[:n]
}

// commandLine is the command as it is typed, e.g. "tl data stats".
func commandLine(c *cli.Context) string {
	if c.Command == nil || c.Command.HelpName == "" {
		return "tl"
	}
	return c.Command.HelpName
}

// unknownCommand names the command that was meant, where one is near.
func unknownCommand(c *cli.Context, among []*cli.Command) error {
	name, line := c.Args().First(), commandLine(c)
	near := cli.SuggestCommand(among, name) // "Did you mean "…"?"
	if i := strings.Index(near, `"`); i >= 0 {
		near = strings.Trim(near[i:], `"?`)
	}
	if !alike(near, name) {
		return usageError{fmt.Errorf("%s has no command %q (%s --help lists the commands)", line, name, line)}
	}
	return usageError{fmt.Errorf("%s has no command %q (perhaps %s %s; %s --help lists the commands)", line, name, line, near, line)}
}

// noArguments refuses words that belong to no flag.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		line := commandLine(c)
		return usageError{fmt.Errorf("unexpected %q (flags begin with --; %s --help lists them)", strings.Join(c.Args().Slice(), " "), line)}
	}
	return nil
}

// require refuses a command line without one of its flags.
func require(c *cli.Context, flags ...string) error {
	for _, f := range flags {
		if c.String(f) == "" {
			return usageError{fmt.Errorf("--%s is missing (%s --help shows an example)", f, commandLine(c))}
		}
	}
	return nil
}

// refuse returns an error when any of the flags was given, and why they do
// nothing.
func refuse(c *cli.Context, why string, flags ...string) error {
	for _, f := range flags {
		if c.IsSet(f) {
			return usageError{fmt.Errorf("--%s does nothing here: %s (leave it out)", f, why)}
		}
	}
	return nil
}

// noBackbone refuses flags that say something about a backbone.
func noBackbone(c *cli.Context) error {
	return refuse(c, "the baseline CNN is fixed and has no backbone", "backbone", "cut", "preprocess", "head", "hidden", "standardise", "download", "precision",
		"unfreeze", "unfreeze-from", "unfreeze-epochs", "backbone-lr", "train-norms", "augment-copies")
}

// notZero refuses a 0 for numbers whose zero would silently mean a default.
func notZero(c *cli.Context) error {
	for _, f := range only(c.Command.Flags, "epochs", "batch", "size", "baseline-size", "lr", "patience", "val") {
		name := f.Names()[0]
		if d, ok := f.(cli.DocGenerationFlag); ok && c.IsSet(name) && c.Float64(name) == 0 && c.Int(name) == 0 {
			_, means := unquote(d.GetUsage())
			return usageError{fmt.Errorf("--%s 0: %s; wants a number above 0 (leave it out for the default, %s)", name, means, d.GetDefaultText())}
		}
	}
	return nil
}

// contradictions refuses flags that what was chosen by others would ignore.
func contradictions(c *cli.Context) error {
	errs := []error{notZero(c)}
	if c.String("model") == "baseline" {
		errs = append(errs, noBackbone(c))
	}
	if c.String("optimiser") != "sgd" {
		errs = append(errs, refuse(c, "only --optimiser sgd has a momentum", "momentum"))
	}
	if c.String("optimiser") != "adamw" {
		errs = append(errs, refuse(c, "only --optimiser adamw has a decoupled decay, --l2 is for the others", "weight-decay"))
	}
	if c.Bool("no-groups") {
		errs = append(errs, refuse(c, "--no-groups was given too", "group", "group-csv"))
	}
	if c.IsSet("group") {
		errs = append(errs, refuse(c, "--group was given too", "group-csv"))
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
