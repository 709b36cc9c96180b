package weights

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tlkit/tl/onnx"
)

func TestCatalogueEntries(t *testing.T) {
	names, digests, urls := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, e := range Catalogue() {
		if names[e.Name] || digests[e.SHA256] || urls[e.URL] {
			t.Errorf("%s: name, digest or address occurs twice", e.Name)
		}
		names[e.Name], digests[e.SHA256], urls[e.URL] = true, true, true
		u, err := url.Parse(e.URL)
		if err != nil || checkURL(u) != nil || !strings.HasSuffix(e.URL, ".onnx") {
			t.Errorf("%s: address %s", e.Name, e.URL)
		}
		if len(e.SHA256) != 64 || strings.Trim(e.SHA256, "0123456789abcdef") != "" {
			t.Errorf("%s: digest %q", e.Name, e.SHA256)
		}
		if e.Bytes < 1<<20 || e.Opset < 7 || e.Licence == "" || e.Source == "" || e.Network == "" || filepath.Base(e.Name) != e.Name {
			t.Errorf("incomplete: %+v", e)
		}
		if got, ok := LookupDigest(strings.ToUpper(e.SHA256)); !ok || got != e {
			t.Errorf("%s is not found by its digest", e.Name)
		}
		if got, ok := Lookup(e.Name); !ok || got != e {
			t.Errorf("%s is not found by its name", e.Name)
		}
	}
	for name, want := range map[string]string{"resnet50": "resnet50-v1-12.onnx", "vgg16": "vgg16-12.onnx"} {
		if e, ok := Lookup(name); !ok || e.Name != want {
			t.Errorf("%s stands for %q, wanted %s", name, e.Name, want)
		}
	}
	if _, ok := Lookup("resnet51"); ok {
		t.Error("resnet51 is known")
	}
}

func TestLocate(t *testing.T) {
	home := t.TempDir()
	t.Setenv("TL_HOME", home)
	dir := filepath.Join(home, "weights")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	wantError := func(name, dir, want string) {
		t.Helper()
		if path, _, err := Locate(name, dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, error %v, wanted %q", name, path, err, want)
		}
	}
	wantError("resnet50", "", "tl weights pull resnet50 gets it, --download")
	wantError("resnet51", "", "known are alexnet, resnet50")
	wantError("vgg16-12-int8", "", "quantised")

	place := func(name string, size int64) {
		t.Helper()
		f, err := os.Create(filepath.Join(dir, name))
		if err == nil {
			err = f.Truncate(size) // sparse: takes no room
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	wantFound := func(name, file string, known bool) {
		t.Helper()
		path, e, err := Locate(name, "")
		if err != nil || filepath.Base(path) != file || (e.SHA256 != "") != known {
			t.Errorf("%s: %q, entry %+v, error %v; wanted %s", name, path, e, err, file)
		}
	}
	place("resnet50.onnx", 100)
	wantFound("resnet50", "resnet50.onnx", false)
	place("resnet50_Opset17_timm.onnx", 102_146_206)
	wantFound("resnet50", "resnet50.onnx", false) // never an untrained one unasked
	wantFound("resnet50_Opset17_timm", "resnet50_Opset17_timm.onnx", true)
	place("resnet50-v1-7.onnx", 102_583_340)
	wantFound("resnet50", "resnet50-v1-7.onnx", true)
	place("resnet50-v1-12.onnx", 102_576_593)
	wantFound("resnet50", "resnet50-v1-12.onnx", true)
	place("resnet50-v1-12.onnx", 5)
	wantError("resnet50", "", "has 5 bytes, wanted 102576593")
	wantError("resnet50", t.TempDir(), "tl weights pull")
}

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{"mine.onnx": "", "vgg16-12.onnx": "damaged or another file"} {
		path := filepath.Join(dir, name)
		os.WriteFile(path, []byte("hello"), 0o644)
		_, known, err := Verify(path)
		if known || (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: known %v, error %v", name, known, err)
		}
	}
	// SHA-256 of "hello", from sha256sum.
	if sum, err := onnx.Digest(filepath.Join(dir, "mine.onnx")); err != nil || sum != "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824" {
		t.Errorf("digest %s, error %v", sum, err)
	}
	if _, _, err := Verify(filepath.Join(dir, "absent")); err == nil {
		t.Error("a missing file was verified")
	}
}
