package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// helpWidth is the number of columns that help texts keep to.
const helpWidth = 100

// printHelp is cli.HelpPrinter: the help of a command or of the program, in
// the order in which commands and flags were written.
func printHelp(w io.Writer, _ string, data any) {
	switch x := data.(type) {
	case *cli.App:
		helpPage{w, x.Name, x.Usage, "COMMAND …", x.Description, x.Commands, nil}.print()
	case *cli.Command:
		args := x.ArgsUsage
		if len(x.Subcommands) > 0 {
			args = "COMMAND …"
		}
		name := x.HelpName
		if name == "" {
			name = x.Name
		}
		helpPage{w, name, x.Usage, args, x.Description, x.Subcommands, x.Flags}.print()
	}
}

// helpPage is what a help text is made of.
type helpPage struct {
	w                              io.Writer
	name, usage, args, description string
	commands                       []*cli.Command
	flags                          []cli.Flag
}

func (h helpPage) print() {
	line := h.name
	if len(h.flags) > 1 { // --help alone is no reason
		line += " [flags]"
	}
	fmt.Fprintf(h.w, "%s: %s\n\nUsage: %s\n", h.name, h.usage, strings.TrimRight(line+" "+h.args, " "))
	if h.description != "" {
		fmt.Fprintf(h.w, "\n  %s\n", strings.ReplaceAll(h.description, "\n", "\n  "))
	}
	if rows := commandRows(h.commands); len(rows) > 0 {
		h.section("Commands", rows)
		fmt.Fprintf(h.w, "\n%s COMMAND --help says more.\n", h.name)
	}
	for _, category := range categories(h.flags) {
		title := "Flags"
		if category != "" {
			title = "Flags: " + category
		}
		h.section(title, flagRows(h.flags, category))
	}
}

// section prints names and their texts in two columns.
func (h helpPage) section(title string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(h.w, "\n%s\n", title)
	width := 0
	for _, r := range rows {
		width = max(width, utf8.RuneCountInString(r[0]))
	}
	for _, r := range rows {
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(r[0]))
		text := strings.Join(wrap(r[1], helpWidth-width-4), "\n"+strings.Repeat(" ", width+4))
		fmt.Fprintf(h.w, "  %s%s  %s\n", r[0], pad, text)
	}
}

// wrap breaks text into lines of at most width characters, at least 40.
func wrap(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= max(width, 40):
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

func commandRows(commands []*cli.Command) [][2]string {
	var rows [][2]string
	for _, c := range commands {
		if c.Name != "help" {
			rows = append(rows, [2]string{c.Name, c.Usage})
		}
	}
	return rows
}

// categories lists the categories of flags in order of appearance.
func categories(flags []cli.Flag) []string {
	var out []string
	seen := map[string]bool{}
	for _, f := range flags {
		if c := category(f); !seen[c] && !isHelp(f) {
			seen[c] = true
			out = append(out, c)
		}
	}
	return out
}

func category(f cli.Flag) string {
	if c, ok := f.(cli.CategorizableFlag); ok {
		return c.GetCategory()
	}
	return ""
}

func isHelp(f cli.Flag) bool { return f.Names()[0] == "help" }

// flagRows words the flags of a category: name with what it wants, usage with
// the default where there is one.
func flagRows(flags []cli.Flag, in string) [][2]string {
	var rows [][2]string
	for _, f := range flags {
		d, ok := f.(cli.DocGenerationFlag)
		if !ok || category(f) != in || isHelp(f) {
			continue
		}
		place, usage := unquote(d.GetUsage())
		name := "--" + strings.Join(f.Names(), ", --")
		if place == "" && d.TakesValue() {
			place = "VALUE"
		}
		if place != "" {
			name += " " + place
		}
		if text := strings.Trim(d.GetDefaultText(), `"`); d.TakesValue() && text != "" && text != "0" {
			usage += " (default: " + text + ")"
		}
		rows = append(rows, [2]string{name, usage})
	}
	return rows
}

// unquote takes the back quotes off a usage text and returns what they held:
// the name of the flag's value.
func unquote(usage string) (place, text string) {
	before, rest, ok := strings.Cut(usage, "`")
	place, after, closed := strings.Cut(rest, "`")
	if !ok || !closed {
		return "", usage
	}
	return place, before + place + after
}
