package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/internal/atomicfile"
	"github.com/tlkit/tl/internal/bench"
	"github.com/tlkit/tl/internal/roofline"
)

func benchCommand(v *voice) *cli.Command {
	const what, how = "what is measured", "how"
	return &cli.Command{
		Name:  "bench",
		Usage: "measure images a second at several precisions, batches and sizes; layers against the roofline",
		Description: "tl bench --backbone resnet50.onnx --batch 1,8,32 --size 224,128 --precision f32,bf16\n" +
			"tl bench --backbone resnet50.onnx --batch 8 --layers\n" +
			"tl bench --backbone resnet50.onnx --data cells/\n\n" +
			"All cases are in memory at once and take turns. GFLOP/s count the operations of direct\n" +
			"convolution, whatever the algorithm. Ctrl-C prints what was measured until then.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "backbone", Category: what, Usage: "ONNX `FILE`, or a name; one that is not here gets random weights, which take as long", DefaultText: "a seeded resnet50"},
			&cli.StringFlag{Name: "cut", Category: what, Usage: "where the network ends: a named `CUT` such as stage3, a value's name, or " + bench.Whole + " for the whole network", DefaultText: "where tl finetune takes features"},
			&cli.IntSliceFlag{Name: "batch", Category: what, Usage: "`N,…` images at once", DefaultText: "1,8; 8 with --layers or --data"},
			&cli.IntSliceFlag{Name: "size", Category: what, Usage: "sides of the square image in `PIXELS,…`", DefaultText: "224"},
			&cli.StringSliceFlag{Name: "precision", Category: what, Usage: "`NAME,…` of " + strings.Join(bench.Precisions, ", "), DefaultText: "all; f32 with --layers or --data"},
			&cli.BoolFlag{Name: "layers", Category: what, Usage: "every layer of one case, against the roofline of this machine"},
			&cli.StringFlag{Name: "data", Category: what, Usage: "from the image files of a `FOLDER` (one folder a class) to features, beside the bare forward pass"},
			&cli.IntFlag{Name: "images", Category: what, Usage: "at most `N` files of --data", Value: 512},
			weightsDirFlag(what),
			&cli.IntFlag{Name: "threads", Category: how, Usage: "`N` threads", DefaultText: "all cores"},
			&cli.Int64Flag{Name: "max-memory", Category: how, Usage: "refuse cases that need more `MIB` together", DefaultText: "what the machine has free"},
			&cli.IntFlag{Name: "rounds", Category: how, Usage: "`N` turns of every case; the median counts", Value: 7},
			&cli.StringFlag{Name: "json", Category: how, Usage: "also write the rows and the machine's facts to `FILE`"},
			&cli.StringFlag{Name: "csv", Category: how, Usage: "the same as comma-separated values in `FILE`"},
		},
		Action: func(c *cli.Context) error { return benchAction(c, v) },
	}
}

func benchAction(c *cli.Context, v *voice) error {
	specs, err := benchSpecs(c)
	if err != nil {
		return err
	}
	n, err := bench.Open(bench.Ask{
		Backbone: c.String("backbone"), Cut: c.String("cut"), Features: c.IsSet("data"), WeightsDir: c.String("weights-dir"), Memory: benchMemory(c),
	})
	if err != nil {
		return err
	}
	defer n.Close()
	m, err := roofline.Measure(c.Int("threads"))
	if err != nil {
		return err
	}
	if m.Disturbed() {
		v.Warn(fmt.Sprintf("%d threads together reach only %.1f times the peak of one: other work uses the cores, or threads share them; shares of the peak and roofs are rough", m.Threads, m.Peak/m.Peak1))
	}
	b := benchmark{c: c, v: v, network: n, report: &bench.Report{Machine: m, Network: n.Name, Note: n.Note, Cut: n.Cut, Why: n.Why}}
	if err := b.measure(specs); err != nil && c.Context.Err() == nil {
		return err
	}
	if err := b.save(); err != nil {
		return err
	}
	if err := printBench(c.App.Writer, b.report); err != nil {
		return err
	}
	if err := c.Context.Err(); err != nil {
		return fmt.Errorf("%w (fewer --rounds or cases take less time)", err)
	}
	return nil
}

// benchMemory is the bytes that all cases may take.
func benchMemory(c *cli.Context) int64 {
	if c.IsSet("max-memory") {
		return c.Int64("max-memory") << 20
	}
	return bench.FreeMemory()
}

// benchmark is one call of tl bench.
type benchmark struct {
	c       *cli.Context
	v       *voice
	network *bench.Network
	report  *bench.Report
}

// measure compiles the cases and fills the report, as far as Ctrl-C lets it.
func (b *benchmark) measure(specs []bench.Spec) error {
	maker, err := b.maker()
	if err != nil {
		return err
	}
	b.v.Begin("compiling "+b.network.Name, "cases", len(specs))
	cases, missing, err := bench.Compile(b.c.Context, specs, maker, b.v.Advance)
	b.v.End()
	if err != nil {
		return err
	}
	defer bench.CloseAll(cases)
	b.report.Missing = missing
	if len(cases) == 0 {
		return nil
	}
	rounds := b.c.Int("rounds")
	if b.c.Bool("layers") {
		b.v.Begin("measuring layers", "rounds", rounds)
		b.report.Profile, err = bench.Layers(b.c.Context, cases[0], b.report.Machine, rounds, b.v.Advance)
		b.v.End()
		return err
	}
	b.v.Begin("measuring", "turns", rounds*len(cases))
	err = bench.Measure(b.c.Context, cases, bench.Plan{Rounds: rounds, Least: bench.Turn}, b.v.Advance)
	b.v.End()
	if b.c.IsSet("data") {
		b.report.EndToEnd = bench.EndToEnds(cases)
	} else {
		b.report.Rows = bench.Rows(cases, b.report.Machine)
	}
	return err
}

// maker is what makes the cases: bare forward passes, or with --data also the
// way from the files.
func (b *benchmark) maker() (bench.Maker, error) {
	if !b.c.IsSet("data") {
		return b.network.Forward(b.c.Int("threads")), nil
	}
	begun := false
	d, err := bench.Scan(b.c.Context, b.c.String("data"), func(done, total int) {
		if !begun {
			b.v.Begin("reading images", "images", total)
			begun = true
		}
		b.v.Advance(done)
	})
	b.v.End()
	if err != nil {
		return nil, err
	}
	return b.network.FromFiles(d, b.c.Int("images"), b.c.Int("threads")), nil
}

// save writes the files that were asked for.
func (b *benchmark) save() error {
	for flag, write := range map[string]func(io.Writer) error{"json": b.report.JSON, "csv": b.report.CSV} {
		if path := b.c.String(flag); path != "" {
			if err := atomicfile.Write(path, write); err != nil {
				return err
			}
			b.v.Note("written: " + path)
		}
	}
	return nil
}

// benchSpecs reads the command line: the cases that are wanted.
func benchSpecs(c *cli.Context) ([]bench.Spec, error) {
	if err := benchContradictions(c); err != nil {
		return nil, err
	}
	batches, sizes, precisions := c.IntSlice("batch"), c.IntSlice("size"), c.StringSlice("precision")
	few := c.Bool("layers") || c.IsSet("data")
	if len(batches) == 0 {
		if batches = []int{1, 8}; few {
			batches = []int{8}
		}
	}
	if len(sizes) == 0 {
		sizes = []int{224}
	}
	if len(precisions) == 0 {
		if precisions = bench.Precisions; few {
			precisions = precisions[:1]
		}
	}
	specs := bench.Grid(precisions, batches, sizes)
	if c.Bool("layers") && len(specs) != 1 {
		return nil, usageError{fmt.Errorf("--layers: wants one case, found %d (one --batch, --size and --precision, e.g. --batch 8 --size 224 --precision f32)", len(specs))}
	}
	return specs, nil
}

// benchContradictions refuses flags that make no sense, alone or together.
func benchContradictions(c *cli.Context) error {
	return cmp.Or(
		noArguments(c),
		within(c, "batch", c.IntSlice("batch"), 4096, "images", "1,8,32"),
		within(c, "size", c.IntSlice("size"), 1<<14, "pixels", "224,128"),
		within(c, "rounds", []int{c.Int("rounds")}, 1e6, "rounds", "7"),
		within(c, "max-memory", memorySet(c), 1<<30, "MiB", "4096"),
		within(c, "images", []int{c.Int("images")}, 1e9, "files", "512"),
		knownPrecisions(c),
		benchTogether(c),
		folderIsThere(c, "json"),
		folderIsThere(c, "csv"),
	)
}

// memorySet is the number of --max-memory, where it is given.
func memorySet(c *cli.Context) []int {
	if !c.IsSet("max-memory") {
		return nil
	}
	return []int{int(c.Int64("max-memory"))}
}

// benchTogether refuses flags that others make idle.
func benchTogether(c *cli.Context) error {
	if c.IsSet("data") && c.String("cut") == bench.Whole {
		return usageError{fmt.Errorf("--cut %s: --data wants a cut to take features from (leave --cut out for the one of tl finetune)", bench.Whole)}
	}
	if c.IsSet("data") {
		return refuse(c, "--data measures whole passes", "layers")
	}
	return refuse(c, "only --data reads files", "images")
}

// within refuses numbers of a flag that are not from 1 to most.
func within(c *cli.Context, flag string, numbers []int, most int, unit, example string) error {
	for _, n := range numbers {
		if n < 1 || n > most {
			return usageError{fmt.Errorf("--%s %d: wants 1 to %d %s (%s --%s %s)", flag, n, most, unit, commandLine(c), flag, example)}
		}
	}
	return nil
}

func knownPrecisions(c *cli.Context) error {
	for _, p := range c.StringSlice("precision") {
		if !slices.Contains(bench.Precisions, p) {
			list := strings.Join(bench.Precisions, ", ")
			return usageError{fmt.Errorf("--precision %s: wants some of %s (--precision f32,bf16)", p, list)}
		}
	}
	return nil
}

// folderIsThere refuses a file that could not be written after long work.
func folderIsThere(c *cli.Context, flag string) error {
	if !c.IsSet(flag) {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(c.String(flag))); err != nil {
		return fmt.Errorf("--%s: %w", flag, err)
	}
	return nil
}
