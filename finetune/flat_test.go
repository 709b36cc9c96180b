package finetune

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// Goroutines and memory stay flat over 20,000 images through prediction with
// TL_SOAK=1, over 600 else. The 120 generated cells come again and again.
func TestPredictionIsFlat(t *testing.T) {
	s := newScene(t)
	out := run1(t, s.options("a"))
	m, err := OpenModel(filepath.Join(out.Folder, modelFile), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	files, err := ImageFiles([]string{s.data})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Flat(t, "images predicted", testkit.Soak(600, 20_000), len(files), func() {
		for p, err := range m.Predict(t.Context(), files) {
			if err != nil || p.Error != "" {
				t.Fatal(err, p.Error)
			}
		}
	})
}

// So do they over as many images through extraction, each 120 with the folder
// scanned, the backbone opened and the cache filled anew.
func TestExtractionIsFlat(t *testing.T) {
	o := newScene(t).options("a")
	testkit.Flat(t, "images extracted", testkit.Soak(600, 20_000), 120, func() {
		r := resolved(t, o)
		src, _, err := openSource(r, Silent{})
		if err != nil {
			t.Fatal(err)
		}
		x, err := extract(t.Context(), openedData(t, o), src, r, Silent{})
		if err != nil {
			t.Fatal(err)
		}
		if err := x.close(); err != nil {
			t.Fatal(err)
		}
		src.close()
		if err := os.RemoveAll(r.CacheDir); err != nil {
			t.Fatal(err)
		}
	})
}
