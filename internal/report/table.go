package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Table is rows of cells under column names.
type Table struct {
	Columns []string
	Align   string // a letter a column, 'l' or 'r'; "": the first left, the others right
	Rows    [][]string
}

// Add appends a row; missing cells stay empty.
func (t *Table) Add(cells ...string) { t.Rows = append(t.Rows, cells) }

// Text writes the table for a terminal: columns aligned, two spaces apart, a
// line under the names.
func (t *Table) Text(w io.Writer) error {
	widths := t.widths(func(s string) string { return s })
	lines := []string{t.line(t.Columns, widths), strings.Repeat("-", sum(widths)+2*(len(widths)-1))}
	for _, row := range t.Rows {
		lines = append(lines, t.line(row, widths))
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

func (t *Table) line(row []string, widths []int) string {
	cells := make([]string, len(widths))
	for i, width := range widths {
		cells[i] = pad(cell(row, i), width, t.right(i))
	}
	return strings.TrimRight(strings.Join(cells, "  "), " ")
}

// Markdown writes the table as GitHub's Markdown, aligned for reading as text too.
func (t *Table) Markdown(w io.Writer) error {
	widths := t.widths(escape)
	var b strings.Builder
	t.markdownLine(&b, t.Columns, widths)
	for i, width := range widths {
		rule := strings.Repeat("-", max(width, 2)+1)
		if t.right(i) {
			b.WriteString("|" + rule + ":")
		} else {
			b.WriteString("|" + rule + "-")
		}
	}
	b.WriteString("|\n")
	for _, row := range t.Rows {
		t.markdownLine(&b, row, widths)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) markdownLine(b *strings.Builder, row []string, widths []int) {
	for i, width := range widths {
		b.WriteString("| " + pad(escape(cell(row, i)), max(width, 2), t.right(i)) + " ")
	}
	b.WriteString("|\n")
}

// CSV writes the table as comma-separated values with a header row.
func (t *Table) CSV(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write(t.Columns); err != nil {
		return err
	}
	if err := c.WriteAll(t.Rows); err != nil {
		return err
	}
	return c.Error()
}

// String is the table as Text writes it.
func (t *Table) String() string {
	var b strings.Builder
	t.Text(&b) // a Builder does not fail
	return b.String()
}

func (t *Table) right(i int) bool {
	if i < len(t.Align) {
		return t.Align[i] == 'r'
	}
	return i > 0
}

// widths of the columns in characters.
func (t *Table) widths(as func(string) string) []int {
	out := make([]int, len(t.Columns))
	for i := range out {
		out[i] = utf8.RuneCountInString(as(t.Columns[i]))
		for _, row := range t.Rows {
			out[i] = max(out[i], utf8.RuneCountInString(as(cell(row, i))))
		}
	}
	return out
}

func cell(row []string, i int) string {
	if i < len(row) {
		return row[i]
	}
	return ""
}

func pad(s string, width int, right bool) string {
	space := strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0))
	if right {
		return space + s
	}
	return s + space
}

// escape keeps a cell from ending its Markdown cell or row.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", "").Replace(s)
}

func sum(values []int) int {
	total := 0
	for _, v := range values {
		total += v
	}
	return total
}
