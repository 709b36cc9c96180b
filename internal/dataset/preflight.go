package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// preflight decodes every picture once, fills in digest, size, W, H and Mode,
// and moves those that do not decode from Items to report.Bad.
func (d *Dataset) preflight(ctx context.Context, o ScanOptions, report *Report) error {
	seen := make([]probe, len(d.Items))
	var mu sync.Mutex
	done := 0
	err := parallel(ctx, len(d.Items), o.Workers, func(i int) {
		seen[i] = d.probe(&d.Items[i])
		if o.Progress != nil {
			mu.Lock()
			done++
			o.Progress(done, len(d.Items))
			mu.Unlock()
		}
	})
	if err != nil {
		return err
	}
	good := d.Items[:0]
	for i, it := range d.Items {
		if seen[i].bad == nil {
			good = append(good, it)
			continue
		}
		report.Bad = append(report.Bad, d.badFile(it, seen[i].bad))
	}
	d.Items = good
	report.notice(seen)
	return nil
}

// probe is what is learned of a picture besides its Item.
type probe struct {
	bad         error  // why it does not decode
	path        string // as Item.Path
	kind        string // "PNG" or "JPEG", by content
	orientation int    // of EXIF; 0 or 1 = upright
}

// probe reads and decodes one picture and fills in its digest, size, W, H, Mode.
func (d *Dataset) probe(it *Item) probe {
	b, err := readFile(d.file(it), d.limits)
	if err != nil {
		return probe{bad: err}
	}
	if err := it.check(b, "its manifest was written"); err != nil {
		return probe{bad: fmt.Errorf("%w (%s)", err, afterManifest)}
	}
	sum := sha256.Sum256(b)
	it.SHA256, it.Bytes = hex.EncodeToString(sum[:]), int64(len(b))
	im, err := decode(b, d.limits)
	if err != nil {
		return probe{bad: err}
	}
	it.W, it.H, it.Mode = im.W, im.H, im.Mode
	return probe{path: it.Path, kind: sniff(b), orientation: orientation(b)}
}

// afterManifest is what to do about a file that its manifest knows otherwise.
const afterManifest = "put the file back, or write the manifest anew: tl data split FOLDER --out FILE"

// notice warns of what decodes but may surprise.
func (r *Report) notice(seen []probe) {
	var turned, named []string
	for _, p := range seen {
		if p.bad != nil {
			continue
		}
		if p.orientation > 1 {
			turned = append(turned, p.path)
		}
		if png := strings.EqualFold(filepath.Ext(p.path), ".png"); png != (p.kind == "PNG") {
			named = append(named, p.path+" is "+p.kind)
		}
	}
	if len(turned) > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("EXIF orientation is ignored; %s one: %s", count(len(turned), "picture has", "pictures have"), some(turned)))
	}
	if len(named) > 0 {
		r.Warnings = append(r.Warnings, "read by content, not by extension: "+some(named))
	}
}

// badFile tells about a bad picture without repeating its path.
func (d *Dataset) badFile(it Item, err error) BadFile {
	f := BadFile{Path: it.Path, Bytes: -1}
	if st, e := os.Stat(d.file(&it)); e == nil {
		f.Bytes = st.Size()
	}
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	}
	f.Reason = strings.TrimPrefix(err.Error(), d.file(&it)+": ")
	return f
}

// file is the path of an item on this machine.
func (d *Dataset) file(it *Item) string {
	return filepath.Join(d.Root, filepath.FromSlash(it.Path))
}

// afterScan is what to do about a file that went or changed since it was scanned.
const afterScan = "put the file back and go on with what was begun: tl finetune --resume RUN; or repeat the command, which scans the folder anew"

// Load reads and decodes picture i. It fails when the file is no longer the
// one that was scanned.
func (d *Dataset) Load(i int) (*Image, error) {
	it := &d.Items[i]
	b, err := readFile(d.file(it), d.limits)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: it was there when the folder was scanned (%s)", err, afterScan)
	}
	if err != nil {
		return nil, err
	}
	if err := it.check(b, "it was scanned"); err != nil {
		return nil, fmt.Errorf("%s: %w (%s)", d.file(it), err, afterScan)
	}
	return DecodeBytes(d.file(it), b, d.limits)
}

// SetLimits sets the caps under which pictures are read from now on. Scan has
// set them already; a manifest does not carry them.
func (d *Dataset) SetLimits(l Limits) { d.limits = l.withDefaults() }

// check compares a file's bytes with the digest that is known since some time.
func (it *Item) check(b []byte, since string) error {
	if it.SHA256 == "" {
		return nil
	}
	sum := sha256.Sum256(b)
	if got := hex.EncodeToString(sum[:]); got != it.SHA256 {
		return fmt.Errorf("has changed since %s: sha256 is %.12s…, was %.12s…", since, got, it.SHA256)
	}
	return nil
}

// parallel calls f(0) … f(n-1) from several goroutines and returns when all
// have come back; a cancelled ctx stops it early with its error.
func parallel(ctx context.Context, n, workers int, f func(i int)) error {
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	defer wg.Wait()
	defer close(next)
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
