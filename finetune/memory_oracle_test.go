//go:build oracle && linux

package finetune

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/heads"
	"github.com/tlkit/tl/onnx"
	"github.com/tlkit/tl/weights"
)

func init() {
	probes["make vgg16"] = func(c childRun) error {
		return writeSeeded(c.Options.Backbone, "vgg16", weights.SeededOptions{Size: 224})
	}
	probes["export"] = probeExport
}

// probeExport opens a backbone and exports it with an untrained head, and
// prints the peak memory before and after the export.
func probeExport(c childRun) error {
	o, err := c.Options.Resolved()
	if err != nil {
		return err
	}
	src, card, err := openSource(o, Silent{})
	if err != nil {
		return err
	}
	h, err := heads.New(heads.Spec{Input: src.shape()})
	if err != nil {
		return err
	}
	before := peakMemory()
	m, err := assemble(src.(frozen).Backbone, h, modelFacts{Classes: []string{"a", "b"}, Size: o.Size, Card: card})
	if err != nil {
		return err
	}
	if err := onnx.WriteFile(filepath.Join(c.Runs, modelFile), m); err != nil {
		return err
	}
	fmt.Println(before, peakMemory())
	return nil
}

// Exporting a full VGG16 holds no second copy of its weights.
func TestOracleExportMemory(t *testing.T) {
	dir := t.TempDir()
	c := childRun{Runs: dir, Probe: "make vgg16", Options: Options{
		Data: DataOptions{Path: dir}, Backbone: filepath.Join(dir, "vgg16.onnx"), Size: 224, Head: "flat"}}
	if err := child(t, c).Run(); err != nil {
		t.Fatal(err)
	}
	c.Probe = "export"
	out, err := child(t, c).Output()
	if err != nil {
		t.Fatal(err)
	}
	var before, after int64
	if _, err := fmt.Sscan(string(out), &before, &after); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	in, err := os.Stat(c.Options.Backbone)
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.Stat(filepath.Join(dir, modelFile))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("VGG16 file %d MB, exported %d MB: peak memory %d MB once opened, %d MB after the export", in.Size()>>20, written.Size()>>20, before>>20, after>>20)
	if after > in.Size()+300<<20 || after-before > written.Size()/2+16<<20 {
		t.Errorf("peak memory %d bytes after %d before, for a file of %d", after, before, in.Size())
	}
}
