package finetune

// Progress hears what a run is doing. Calls come from one goroutine at a time.
type Progress interface {
	// Note tells one fact worth reading, e.g. which preprocessing was found.
	Note(text string)
	// Warn tells a fact that may spoil the result.
	Warn(text string)
	// Begin starts a piece of long work of total units; Advance moves it to
	// done units; End finishes it.
	Begin(what, unit string, total int)
	Advance(done int)
	End()
	// Epoch tells the outcome of one pass over the training images.
	Epoch(e Epoch)
}

// Silent is a Progress that says nothing.
type Silent struct{}

// Note does nothing.
func (Silent) Note(string) {}

// Warn does nothing.
func (Silent) Warn(string) {}

// Begin does nothing.
func (Silent) Begin(string, string, int) {}

// Advance does nothing.
func (Silent) Advance(int) {}

// End does nothing.
func (Silent) End() {}

// Epoch does nothing.
func (Silent) Epoch(Epoch) {}
