package dataset

import "errors"

// MakeOptions says what to generate. The zero value makes 400 cells of 24
// patients.
type MakeOptions struct {
	Count    int     // cells in all; 0 = 400
	Patients int     // 0 = one for 16 cells, at least 12
	Seed     uint64  // same seed, same bytes
	Infected float64 // share of parasitized cells; 0 = .5
}

// generatedNote is a text file that says that the pictures beside it are generated.
const generatedNote = "generated-by-tl.txt"

// Make is being written.
func Make(dir string, o MakeOptions) error { return errors.New("make: not written yet") }
