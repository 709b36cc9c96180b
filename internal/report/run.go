package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/tlkit/tl/internal/metrics"
)

// Markdown writes report.md of the run.
func (r *Run) Markdown(w io.Writer) error {
	p := &page{}
	p.opening(r.Name, r.Data.Generated)
	p.heading(2, "Result")
	p.evaluation(r.Data, r.Evaluation)
	p.groups(r.Data, r.Evaluation)
	p.smear(r.Data, r.Evaluation)
	p.pictures(r.Pictures)
	p.data(r.Data)
	p.model(r.Model)
	p.training(r.Training)
	p.made(r.Version, r.Created, r.Command)
	return p.writeTo(w)
}

func (p *page) evaluation(d Data, e Evaluation) {
	rows, level, _, _, notes := e.metrics()
	p.text("%s", measuredWords(d, e))
	if e.Result != nil {
		p.text("%s", ThresholdWords(e.Choice))
	}
	p.table(MetricTable(rows, level))
	p.list(notes...)
	if e.Result != nil {
		p.table(ConfusionTable(binaryClasses(d), Counts(e.Result.Confusion)))
	}
	if e.Multi != nil {
		p.table(ClassTable(e.Multi.Classes))
		p.table(ConfusionTable(d.Classes, e.Multi.Confusion))
	}
}

// binaryClasses names the positive class first.
func binaryClasses(d Data) []string {
	out := []string{d.Positive, "other"}
	for _, c := range d.Classes {
		if c != d.Positive {
			out[1] = c
		}
	}
	return out
}

// groups shows how the rates vary from patient to patient, and the worst ten.
func (p *page) groups(d Data, e Evaluation) {
	if len(e.Groups) == 0 {
		return
	}
	p.heading(2, "By "+d.word())
	p.text("Each %s counts once here, however many images there are of it; a sensitivity needs at least 5 images of the positive class, a specificity 5 of the other. "+
		"A tenth of them are at or below the worst tenth.", d.word())
	least := 5
	p.table(SpreadTable(metrics.Summarise(e.Groups, least), d.word()))
	p.text("The lowest accuracies:")
	p.table(GroupTable(metrics.Worst(e.Groups, 10), d.word(), d.Positive))
}

func (p *page) smear(d Data, e Evaluation) {
	if e.Result == nil || !IsSmear(d.Positive) {
		return
	}
	p.heading(2, "What this means for a smear")
	p.text("%s", SmearWords(0, e.Result))
	if !e.Result.Sensitivity.Known() || !e.Result.Specificity.Known() {
		return
	}
	p.text("Of the images measured here %s are %s; of the cells in the whole smears of such patients some 4 %% are infected, in many far fewer. "+
		"If the cells of a whole smear look like the ones measured here, %s of them would give:",
		Percent(float64(e.Result.Positives)/float64(e.Result.Images), 1), code(d.Positive), Count(metrics.SmearCells))
	p.table(SmearTable(0, e.Result.Sensitivity.Value, e.Result.Specificity.Value, SmearPrevalences...))
	p.text("PPV is the share of cells called infected that are, NPV the share of cells called healthy that are. " +
		"Neither species nor stage is told; no WHO competence level is claimed.")
}

func (p *page) data(d Data) {
	p.heading(2, "Data")
	t := &Table{Columns: []string{"split", "images"}}
	if d.Positive != "" {
		t.Columns = append(t.Columns, d.Positive)
	}
	if d.GroupRule != "" {
		t.Columns = append(t.Columns, pluralOf(d.word()))
	}
	for _, s := range d.Splits {
		row := []string{s.Name, Count(s.Images)}
		if d.Positive != "" {
			row = append(row, Count(s.Positives))
		}
		if d.GroupRule != "" {
			row = append(row, Count(s.Groups))
		}
		t.Add(row...)
	}
	p.table(t)
	p.list(d.facts()...)
}

func (d Data) facts() []string {
	f := facts{}
	f.add("Images: %s", code(d.Name))
	f.add("Classes: %s", strings.Join(d.Classes, ", "))
	if d.Positive != "" {
		f.add("Positive class: %s", withWhy(code(d.Positive), d.PositiveWhy))
	}
	f.add("Groups, each a "+d.word()+": %s", d.GroupRule)
	if d.SplitRule != "" {
		f.add("Split: %s", fmt.Sprintf("%s, seed %d", d.SplitRule, d.Seed))
	}
	f.add("Digest of images, classes and splits: %s", code(d.Digest))
	for _, w := range d.Warnings {
		f.add("**Warning:** %s", w)
	}
	return f
}

func (p *page) model(m Model) {
	p.heading(2, "Model")
	f := m.backbone()
	f.add("SHA-256: %s", code(m.Digest))
	f = append(f, m.input()...)
	f.add("Precision: %s", m.Precision)
	f.add("Head: %s", m.Head)
	f.add("Parameters: %s", fmt.Sprintf("%s trained, %s frozen", Count(m.Trainable), Count(m.Frozen)))
	f.add("Source: %s", m.Source)
	f.add("Licence: %s", m.Licence)
	f.add("**The weights look untrained:** %s", m.Untrained)
	p.list(f...)
}

// backbone says what is frozen of it.
func (m Model) backbone() (f facts) {
	if m.Unfrozen == "" {
		f.add("Backbone, frozen: %s", code(m.Backbone))
		return f
	}
	f.add("Backbone: %s", code(m.Backbone)+", unfrozen "+m.Unfrozen)
	f.add("**Unfreezing brought no gain** on the validation images: %s", m.NoGain)
	return f
}

// input says what the network makes of an image.
func (m Model) input() (f facts) {
	f.add("Cut: %s", withWhy(code(m.Cut), m.Features))
	if m.Size > 0 {
		f.add("Input: %s", fmt.Sprintf("%d × %d pixels", m.Size, m.Size))
	}
	f.add("Preprocessing: %s", m.Preproc)
	return f
}

func (p *page) training(t Training) {
	p.heading(2, "Training")
	f := facts{}
	if t.Epochs > 0 {
		f.add("Epochs: %s", epochWords(t))
	}
	f.add("Optimiser: %s", t.Optimiser)
	if t.Batch > 0 {
		f.add("Batch: %s", plural(t.Batch, "image"))
	}
	f.add("Seed: %s", fmt.Sprint(t.Seed))
	if t.Extraction > 0 {
		f.add("Features computed in %s", Seconds(t.Extraction))
	}
	f.add("Trained in %s", Seconds(t.Seconds))
	if t.Peak > 0 {
		f.add("Peak memory: %s", Bytes(t.Peak))
	}
	f.add("Device: %s", t.Device)
	p.list(f...)
}

func epochWords(t Training) string {
	words := Count(t.Epochs)
	if t.Best > 0 {
		words += fmt.Sprintf("; weights of epoch %d kept", t.Best)
		if t.Monitor != "" {
			words += " (best " + t.Monitor + ")"
		}
	}
	if t.Stopped != "" {
		words += "; ended: " + t.Stopped
	}
	return words
}

// facts are lines of a list; those without a value are left out.
type facts []string

func (f *facts) add(format, value string) {
	if value != "" {
		*f = append(*f, fmt.Sprintf(format, value))
	}
}

func withWhy(s, why string) string {
	if s == "" || why == "" {
		return s
	}
	return s + " (" + why + ")"
}
