package finetune

import (
	"fmt"
	"path/filepath"
)

// VerifyCache reads the whole of the feature cache file path: an error says
// that it is no cache, that a row of it does not fit its check, or that its
// name belongs to other images or another network.
func VerifyCache(path string) error {
	h, err := readCacheHeader(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if want := h.fileName(); filepath.Base(path) != want {
		return fmt.Errorf("%s: holds the features of %s", path, want)
	}
	f, err := openFeatures(path, h)
	if err != nil {
		return err
	}
	return f.close()
}
