package report

import (
	"fmt"
	"io"
	"strings"
)

// page is Markdown being written.
type page struct{ b strings.Builder }

func (p *page) heading(level int, text string) {
	fmt.Fprintf(&p.b, "%s %s\n\n", strings.Repeat("#", level), oneLine(text))
}

func (p *page) text(format string, args ...any) {
	fmt.Fprintf(&p.b, format+"\n\n", args...)
}

func (p *page) list(items ...string) {
	for _, item := range items {
		p.b.WriteString("- " + oneLine(item) + "\n")
	}
	if len(items) > 0 {
		p.b.WriteString("\n")
	}
}

func (p *page) table(t *Table) {
	t.Markdown(&p.b) // a Builder does not fail
	p.b.WriteString("\n")
}

func (p *page) pictures(pictures []Picture) {
	if len(pictures) > 0 {
		p.heading(2, "Pictures")
	}
	for _, pic := range pictures {
		p.text("![%s](%s)", strings.NewReplacer("[", "(", "]", ")").Replace(oneLine(pic.Title)), target(pic.File))
	}
}

// made tells how the page came to be.
func (p *page) made(version, created, command string) {
	var parts []string
	if version != "" {
		parts = append(parts, "by tl "+version)
	}
	if created != "" {
		parts = append(parts, "on "+created)
	}
	if len(parts) > 0 || command != "" {
		p.heading(2, "How it was made")
	}
	if len(parts) > 0 {
		p.text("Made %s.", strings.Join(parts, " "))
	}
	if command != "" {
		p.text("```\n%s\n```", strings.ReplaceAll(command, "```", "'''"))
	}
}

func (p *page) writeTo(w io.Writer) error {
	_, err := io.WriteString(w, strings.TrimRight(p.b.String(), "\n")+"\n")
	return err
}

// oneLine keeps text from a file from starting a new Markdown block.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// code is s as Markdown code, "" for nothing.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(oneLine(s), "`", "'") + "`"
}

// target is a file name as a Markdown link's target.
func target(file string) string {
	return strings.NewReplacer(" ", "%20", "(", "%28", ")", "%29", "\\", "/").Replace(file)
}

// join is "a, b and c".
func join(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
