package report

import (
	"math"
	"strings"
	"testing"

	"github.com/tlkit/tl/internal/metrics"
)

func TestNumbers(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct{ got, want string }{
		{Interval(metrics.Value{Value: .9534, Low: .9411, High: .9638}), "0.953 [0.941, 0.964]"},
		{Interval(metrics.Value{Value: .95, Low: nan, High: nan}), "0.950"},
		{Interval(metrics.Value{Value: nan, Low: nan, High: nan}), "n/a"},
		{SignedInterval(metrics.Value{Value: .012, Low: -.0031, High: .027}), "+0.012 [-0.003, +0.027]"},
		{SignedInterval(metrics.Value{Value: -.0001, Low: 0, High: .0001}), "0.000 [0.000, 0.000]"},
		{P(.0344), "0.034"}, {P(.0002), "< 0.001"}, {P(1), "1.000"},
		{Percent(.028, 1), "2.8 %"}, {share(.00004), "0.004 %"}, {share(.04), "4 %"}, {share(0), "0 %"},
		{Count(1086417), "1,086,417"}, {Count(999), "999"}, {Count(-1000), "-1,000"}, {Count(-999), "-999"}, {Count(0), "0"},
		{Bytes(553_000_000), "553 MB"}, {Bytes(2_770_000_000), "2.8 GB"}, {Bytes(12), "12 B"}, {Bytes(999_600), "1.0 MB"}, {Bytes(99_900), "100 kB"},
		{Seconds(.83), "0.8 s"}, {Seconds(42.4), "42 s"}, {Seconds(59.7), "1 m 00 s"}, {Seconds(187), "3 m 07 s"}, {Seconds(3840), "1 h 04 m"},
		{plural(1, "patient"), "1 patient"}, {plural(8000, "image"), "8,000 images"}, {pluralOf("box"), "boxes"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestTableForms(t *testing.T) {
	table := &Table{Columns: []string{"name", "n"}}
	table.Add("Zoë|x", "1,200")
	table.Add("a, b")
	for _, c := range []struct {
		write func(*strings.Builder) error
		want  string
	}{
		{func(b *strings.Builder) error { return table.Text(b) }, "name       n\n------------\nZoë|x  1,200\na, b\n"},
		{func(b *strings.Builder) error { return table.Markdown(b) },
			"| name   |     n |\n|--------|------:|\n| Zoë\\|x | 1,200 |\n| a, b   |       |\n"},
		{func(b *strings.Builder) error { return table.CSV(b) }, "name,n\nZoë|x,\"1,200\"\n\"a, b\"\n"},
	} {
		var b strings.Builder
		if err := c.write(&b); err != nil || b.String() != c.want {
			t.Errorf("%v: got\n%swant\n%s", err, b.String(), c.want)
		}
	}
}

func TestIsSmear(t *testing.T) {
	for name, want := range map[string]bool{"Parasitized": true, "infected": true, "Uninfected": false, "unparasitized": false, "cat": false, "malaria": true} {
		if IsSmear(name) != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

// TestRoundTicks: few, inside, at even distances, whole where asked.
func TestRoundTicks(t *testing.T) {
	for _, c := range []struct{ least, low, high float64 }{
		{0, 0, 1}, {0, .123, .1234}, {1, 1, 30}, {1, .5, 1.5}, {1, 1, 2}, {0, -3, 1e6}, {1, 0, 1e5}, {0, 1e-9, 2e-9},
	} {
		ticks := roundTicks(c.least).Ticks(c.low, c.high)
		if len(ticks) < 1 || len(ticks) > 8 {
			t.Errorf("%+v: %d ticks", c, len(ticks))
		}
		seen := map[string]bool{}
		for _, k := range ticks {
			if k.Value < c.low-1e-12 || k.Value > c.high || seen[k.Label] || k.Label == "-0" || c.least == 1 && k.Value != math.Trunc(k.Value) {
				t.Errorf("%+v: tick %v %q", c, k.Value, k.Label)
			}
			seen[k.Label] = true
		}
	}
	if ticks := roundTicks(1).Ticks(3, 3); ticks != nil {
		t.Errorf("no span: %v", ticks)
	}
}
