package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/tlkit/tl/weights"
)

// fetch makes a named backbone ready: it downloads the file where --download
// asks for it, and is silent where the file is there. Files need nothing.
func fetch(c *cli.Context, v *voice, backbone string) error {
	if backbone == "" || !c.Bool("download") {
		return nil
	}
	if _, err := os.Stat(backbone); err == nil {
		return nil
	}
	e, ok := weights.Lookup(backbone)
	if !ok {
		return nil // opening it says what is wrong
	}
	if _, _, err := weights.Locate(backbone, c.String("weights-dir")); err == nil {
		return nil
	}
	_, err := pull(c, v, e)
	return err
}

// present returns an error when a backbone, file or name, is not here.
func present(c *cli.Context, backbone string) error {
	if strings.HasSuffix(backbone, ".onnx") {
		_, err := os.Stat(backbone)
		return err
	}
	_, _, err := weights.Locate(backbone, c.String("weights-dir"))
	return err
}

// pull downloads one entry, with progress in KiB.
func pull(c *cli.Context, v *voice, e weights.Entry) (string, error) {
	v.Begin("downloading "+e.Name, "KiB", int(e.Bytes>>10))
	defer v.End()
	path, err := weights.Pull(c.Context, e, c.String("weights-dir"), weights.PullOptions{
		Progress: func(done, _ int64) { v.Advance(int(done >> 10)) },
	})
	if err == nil || c.Context.Err() != nil {
		return path, err
	}
	if _, hint := splitHint(err.Error()); hint == "" {
		err = fmt.Errorf("%w (repeat tl weights pull %s, it goes on where it stopped; or fetch the file by other means and give it as --backbone FILE.onnx)", err, e.Name)
	}
	return path, err
}
