//go:build oracle

package autodiff

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/tlkit/tl/internal/testkit"
)

// Every gradient of 40 whole networks against torch's in float64.
func TestOracleNetworkGradients(t *testing.T) {
	root := t.TempDir()
	var folders []string
	var networks []*network
	for seed := range uint64(40) {
		n := newNetwork(100 + seed)
		folders, networks = append(folders, n.write(t, filepath.Join(root, fmt.Sprint(seed)))), append(networks, n)
	}
	var losses []float64
	if err := json.Unmarshal(testkit.Python(t, "autodiff_gradients.py", folders...), &losses); err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for i, n := range networks {
		m := n.machine(t)
		if got := run(t, m); math.Abs(got-losses[i]) > 1e-6*math.Max(1, losses[i]) {
			t.Errorf("network %d: loss %g, torch's is %g", i, got, losses[i])
		}
		for j, got := range m.Gradients() {
			want := testkit.ReadNPY(t, filepath.Join(folders[i], params[j]+".grad.npy")).Data
			testkit.Compare(t, fmt.Sprintf("network %d, gradient by %s", i, params[j]), got, want, testkit.Loose)
			err, _ := testkit.RelativeError(got, want)
			worst = max(worst, err)
		}
	}
	t.Logf("%d networks of %d parameters: largest relative error of a gradient %.2g", len(networks), len(params), worst)
}

// write puts the network into a folder as autodiff_gradients.py reads it.
func (n *network) write(t *testing.T, folder string) string {
	t.Helper()
	spec, err := json.Marshal(n)
	if err == nil {
		err = os.MkdirAll(folder, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "spec.json"), spec, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, x := range n.leaves {
		testkit.WriteNPY(t, filepath.Join(folder, name+".npy"), x)
	}
	return folder
}
