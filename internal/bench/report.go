package bench

import (
	"encoding/json"
	"io"

	"github.com/jszwec/csvutil"

	"github.com/tlkit/tl/internal/roofline"
)

// Report is all that was measured in one go: Rows, or Profile, or EndToEnd.
type Report struct {
	Machine  roofline.Machine `json:"machine"`
	Network  string           `json:"network"`
	Note     string           `json:"note,omitempty"` // what to know about the network
	Cut      string           `json:"cut"`            // where it ends: a cut's name, or Whole
	Why      string           `json:"cut_why,omitempty"`
	Rows     []Row            `json:"rows,omitempty"`
	Profile  *Profile         `json:"profile,omitempty"`
	EndToEnd []EndToEnd       `json:"end_to_end,omitempty"`
	Missing  []Missing        `json:"missing,omitempty"`
}

// JSON writes the report as one indented object.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// CSV writes the rows, each with the machine's facts at its end.
func (r *Report) CSV(w io.Writer) error {
	switch {
	case r.Profile != nil:
		return writeCSV(w, r.Profile.lines(), r.Machine)
	case r.EndToEnd != nil:
		return writeCSV(w, r.EndToEnd, r.Machine)
	}
	return writeCSV(w, r.Rows, r.Machine)
}

// layerLine is a layer with what it is a layer of.
type layerLine struct {
	Network string `csv:"network"`
	Spec
	Layer
}

func (p *Profile) lines() []layerLine {
	var all []layerLine
	for _, l := range p.Layers {
		all = append(all, layerLine{p.Network, p.Spec, l})
	}
	return all
}

// csvLine is a row and where it was measured.
type csvLine[T any] struct {
	Row T `csv:",inline"`
	roofline.Machine
}

func writeCSV[T any](w io.Writer, rows []T, m roofline.Machine) error {
	lines := []csvLine[T]{}
	for _, r := range rows {
		lines = append(lines, csvLine[T]{r, m})
	}
	b, err := csvutil.Marshal(lines)
	if err == nil {
		_, err = w.Write(b)
	}
	return err
}
