package finetune

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/tlkit/tl/internal/atomicfile"
	"github.com/tlkit/tl/internal/report"
)

// Grid is the outcome of a search: how good each cell is on the validation
// images, and the finished run of the best. It is the content of grid.json.
type Grid struct {
	Folder  string   `json:"folder"`
	Monitor string   `json:"monitor"` // what decided: "loss", "auc" or "accuracy" of validation
	Cells   []Cell   `json:"cells"`
	Best    string   `json:"best"` // name of a cell
	Outcome *Outcome `json:"outcome"`
}

// Cell is one choice of options, trained. The figures are those of its best epoch.
type Cell struct {
	Name        string  `json:"name"`
	Folder      string  `json:"folder"`
	Epochs      int     `json:"epochs"`
	BestEpoch   int     `json:"best_epoch"`
	TrainLoss   float64 `json:"train_loss"`
	ValLoss     float64 `json:"val_loss"`
	ValAccuracy float64 `json:"val_accuracy"`
	ValAUC      float64 `json:"val_auc"`

	monitor   float64       // larger is better
	extracted time.Duration // how long its features took
}

// Search trains every cell of a grid in a folder of its own, on one split, and
// takes the one with the best monitor on the validation images, the first of
// equals. Only that one is evaluated on the test images and exported: no
// choice sees them. Given the name of an earlier search it goes on there.
func Search(ctx context.Context, data DataOptions, runs, name string, cells []Arm, p Progress) (*Grid, error) {
	def(&runs, "runs")
	if data.Folds > 0 {
		return nil, fmt.Errorf("a grid in folds would choose by patients that it is then tested on (search on one split, then cross-validate what it chose with another --split-seed)")
	}
	cells, err := named(cells)
	if err != nil {
		return nil, err
	}
	if err := checkArms(cells, data); err != nil {
		return nil, err
	}
	g := &Grid{}
	if g.Monitor, err = oneMonitor(cells); err != nil {
		return nil, err
	}
	d, err := OpenData(ctx, data, p)
	if err != nil {
		return nil, err
	}
	f, err := foldersFolder(runs, name, "grid")
	if err != nil {
		return nil, err
	}
	defer f.close()
	g.Folder = f.Path
	best := 0
	for i, a := range cells {
		p.Note("")
		p.Note(fmt.Sprintf("── %s, %d of %d ──", a.Name, i+1, len(cells)))
		var c Cell
		if _, err := runArm(ctx, d, data, f.Path, a, p, c.train); err != nil {
			return nil, armFailed(f, a, err)
		}
		c.Name = a.Name
		if g.Cells = append(g.Cells, c); c.monitor > g.Cells[best].monitor {
			best = i
		}
	}
	g.Best = g.Cells[best].Name
	p.Note("")
	p.Note(fmt.Sprintf("── %s is the best by validation %s: its test ──", g.Best, g.Monitor))
	test := func(r *run, ctx context.Context) (*Outcome, error) {
		r.extracted = g.Cells[best].extracted
		return r.steps(ctx)
	}
	if g.Outcome, err = runArm(ctx, d, data, f.Path, cells[best], p, test); err != nil {
		return nil, armFailed(f, cells[best], err)
	}
	return g, g.write()
}

// train is the work of a cell: its training alone, whose best epoch is kept.
func (c *Cell) train(r *run, ctx context.Context) (*Outcome, error) {
	return nil, r.train(ctx, func(t *trainer, extracted time.Duration) error {
		e := t.state.History[t.state.Best-1]
		*c = Cell{Folder: r.folder.Path, Epochs: t.state.Epoch, BestEpoch: e.Epoch,
			TrainLoss: e.TrainLoss, ValLoss: e.ValLoss, ValAccuracy: e.ValAccuracy, ValAUC: e.ValAUC, monitor: t.state.Monitor, extracted: extracted}
		return nil
	})
}

// oneMonitor is what all cells are ranked by.
func oneMonitor(cells []Arm) (string, error) {
	var monitor string
	for _, a := range cells {
		m := a.Options.Monitor
		def(&m, "loss")
		if monitor != "" && m != monitor {
			return "", fmt.Errorf("cells with --monitor %s and %s cannot be ranked together (choose one)", monitor, m)
		}
		monitor = m
	}
	if monitor == "" {
		return "", fmt.Errorf("an empty grid: wants values to choose from, e.g. --grid lr=1e-3,3e-4")
	}
	return monitor, nil
}

// write puts the ranking into the search's folder.
func (g *Grid) write() error {
	if err := writeJSON(filepath.Join(g.Folder, "grid.json"), g); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(g.Folder, "grid.csv"), g.table().CSV)
}

func (g *Grid) table() *report.Table {
	t := &report.Table{Columns: []string{"cell", "epochs", "best epoch", "training loss", "validation loss", "validation accuracy", "validation AUC"}}
	for _, c := range g.Cells {
		t.Add(c.Name, report.Count(c.Epochs), report.Count(c.BestEpoch), fmt.Sprintf("%.4f", c.TrainLoss),
			fmt.Sprintf("%.4f", c.ValLoss), fmt.Sprintf("%.4f", c.ValAccuracy), fmt.Sprintf("%.4f", c.ValAUC))
	}
	return t
}

// Summary is the search for a terminal.
func (g *Grid) Summary() string {
	return strings.Join([]string{
		"Every cell on the same split; figures of its best epoch on the validation images.", g.table().String(),
		fmt.Sprintf("Chosen by validation %s: %s. Its validation figures are the best of %d and so a little too good; the test images were read for it alone.", g.Monitor, g.Best, len(g.Cells)),
		"", g.Outcome.Summary(), "", "search folder: " + g.Folder,
	}, "\n")
}
