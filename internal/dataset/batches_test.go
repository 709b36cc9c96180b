package dataset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// small is a data set of n tiny pictures on disk.
func small(t testing.TB, n int) *Dataset {
	t.Helper()
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("%c/%03d.png", 'a'+i%2, i)] = fmt.Sprintf("png %d", i)
	}
	d, _ := scan(t, folder(t, files), ScanOptions{})
	return d
}

// The batches are the pictures, in the order asked for, whatever the workers.
func TestBatchesKeepOrder(t *testing.T) {
	d := small(t, 23)
	indices := []int{22, 0, 5, 5, 17, 3, 1}
	for i := range 16 {
		indices = append(indices, i)
	}
	want := make([]float32, 3*8*8)
	for _, workers := range []int{1, 2, 7} {
		var got []int
		for b, err := range d.Batches(context.Background(), BatchOptions{Batch: 5, Size: 8, Workers: workers, Indices: indices}) {
			if err != nil {
				t.Fatal(err)
			}
			if len(b.Pixels) != len(b.Indices)*len(want) {
				t.Fatalf("%d numbers for %d pictures", len(b.Pixels), len(b.Indices))
			}
			for k, i := range b.Indices {
				im, err := d.Load(i)
				if err != nil {
					t.Fatal(err)
				}
				Resize(want, im, 8)
				if !slices.Equal(b.Pixels[k*len(want):(k+1)*len(want)], want) {
					t.Fatalf("%d workers: picture %d is another one", workers, i)
				}
			}
			got = append(got, b.Indices...)
		}
		if !slices.Equal(got, indices) {
			t.Errorf("%d workers: %v, want %v", workers, got, indices)
		}
	}
	n := 0
	for b, err := range d.Batches(context.Background(), BatchOptions{Size: 4}) {
		if n += len(b.Indices); err != nil {
			t.Fatal(err)
		}
	}
	if n != 23 {
		t.Errorf("all: %d pictures", n)
	}
	for range d.Batches(context.Background(), BatchOptions{Indices: []int{}}) {
		t.Error("a batch of nothing")
	}
}

// settled waits for goroutines to end and returns how many are left.
func settled(want int) int {
	for range 100 {
		if runtime.NumGoroutine() <= want {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return runtime.NumGoroutine()
}

func TestBatchesStop(t *testing.T) {
	d := small(t, 60)
	before := runtime.NumGoroutine()
	for stop := range 6 { // break after some batches
		n := 0
		for range d.Batches(context.Background(), BatchOptions{Batch: 4, Size: 16, Workers: 3}) {
			if n++; n > stop {
				break
			}
		}
	}
	for stop := range 6 { // cancel after some batches
		ctx, cancel := context.WithCancel(context.Background())
		var last error
		n := 0
		for _, err := range d.Batches(ctx, BatchOptions{Batch: 4, Size: 16, Workers: 3}) {
			if n++; n > stop {
				cancel()
			}
			last = err
		}
		cancel()
		if !errors.Is(last, context.Canceled) {
			t.Errorf("cancelled after %d: %v", stop, last)
		}
	}
	if got := settled(before); got > before {
		t.Errorf("%d goroutines, %d before", got, before)
	}
}

// A file that is gone, changed or bad is named by the batch it belongs to.
func TestBatchesNameTheFile(t *testing.T) {
	d := small(t, 12)
	changed, gone := filepath.Join(d.Root, "a", "004.png"), filepath.Join(d.Root, "b", "009.png")
	if err := os.WriteFile(changed, tinyPNG(t, "another"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{changed: "has changed since it was scanned", gone: "no such file"} {
		var last error
		for _, err := range d.Batches(context.Background(), BatchOptions{Batch: 3, Indices: []int{at(d, path), 0, 1, 2, 3}}) {
			last = err
			break
		}
		if last == nil || !strings.Contains(last.Error(), path) || !strings.Contains(last.Error(), want) || !strings.HasSuffix(last.Error(), "("+afterScan+")") {
			t.Errorf("%v, wants %s and %q", last, path, want)
		}
	}
	err := d.Verify(context.Background(), 0)
	if err == nil || !strings.Contains(err.Error(), "a/004.png: has changed") || !strings.Contains(err.Error(), "b/009.png: ") || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("verify: %v", err)
	}
	for _, err := range d.Batches(context.Background(), BatchOptions{Indices: []int{99}}) {
		if err == nil {
			t.Error("picture 99 of 12 passes")
		}
	}
}

// at finds an item by its file.
func at(d *Dataset, file string) int {
	return slices.IndexFunc(d.Items, func(it Item) bool { return d.file(&it) == file })
}
