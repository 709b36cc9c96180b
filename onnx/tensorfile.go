package onnx

import (
	"fmt"
	"os"
	"path/filepath"
)

// ReadTensor reads a file that holds one TensorProto, as the test data of ONNX
// does (input_0.pb). Its bytes are the tensor's own. An error names the file
// and what is wrong with it.
func ReadTensor(path string) (*Tensor, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var m Model
	defer m.Close()
	s := splitter{m: &m, external: &externals{dir: filepath.Dir(path), maps: &m.maps}}
	t, err := s.tensor(b)
	if err == nil && len(m.maps) > 0 {
		err = fmt.Errorf("tensor %q: elements in another file are not supported here", t.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}
