package weights

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/tlkit/tl/internal/atomicfile"
	"github.com/tlkit/tl/onnx"
)

// PullOptions says how to download. Its zero value works.
type PullOptions struct {
	Client   *http.Client            // nil means one that honours the system's proxy settings
	Progress func(done, total int64) // bytes, from time to time; may be nil
	Stall    time.Duration           // how long a silent server is waited for; 0 means 30 s
	Tries    int                     // how often a cut connection is taken up again; 0 means 5
	Wait     time.Duration           // before the second try, doubled each time; 0 means 1 s
}

// refusal is an error that another try would not mend.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

func refuse(format string, args ...any) error { return refusal{fmt.Errorf(format, args...)} }

// Pull downloads the file of e into dir ("" is the folder that Locate looks
// in) and returns its path. What has arrived lies in NAME.part until it is
// complete and its size and SHA-256 are those of the catalogue; only then does
// it get its name. A part left by an earlier call is taken up where it ends.
// A file that is there already is checked, and fetched again only when wrong.
//
// The address, and each of at most five redirects, is HTTPS on huggingface.co,
// hf.co or a host under them; any other is refused before it is asked for.
// What is longer than the catalogue says is refused while it arrives.
func Pull(ctx context.Context, e Entry, dir string, o PullOptions) (path string, err error) {
	if e.Refuse != "" {
		return "", fmt.Errorf("%s: %s", e.Name, e.Refuse)
	}
	if dir, err = folder(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path = filepath.Join(dir, e.Name)
	lock := flock.New(path + ".lock")
	if ok, err := lock.TryLock(); err != nil || !ok {
		return "", fmt.Errorf("%s: another download of it is running (%v)", path, cmp.Or(err, errors.New("its lock is held")))
	}
	defer lock.Unlock()
	if sum, err := onnx.Digest(path); err == nil && sum == e.SHA256 {
		return path, nil
	}
	d := download{Entry: e, o: o.filled(), part: path + ".part"}
	if err := d.run(ctx); err != nil {
		return "", fmt.Errorf("pull %s: %w", e.Name, err)
	}
	if err := atomicfile.Rename(d.part, path); err != nil {
		return "", err
	}
	return path, nil
}

// filled returns o with its defaults, and a client of its own that checks redirects.
func (o PullOptions) filled() PullOptions {
	client := http.Client{}
	if o.Client != nil {
		client = *o.Client
	}
	client.CheckRedirect = checkRedirect
	o.Client = &client
	o.Stall = cmp.Or(o.Stall, 30*time.Second)
	o.Tries = cmp.Or(o.Tries, 5)
	o.Wait = cmp.Or(o.Wait, time.Second)
	if o.Progress == nil {
		o.Progress = func(done, total int64) {}
	}
	return o
}

// hosts are where the catalogue's files may come from: the site itself and the
// storage that it redirects large files to.
var hosts = []string{"huggingface.co", "hf.co"}

// checkURL refuses an address that is not HTTPS or not on one of the hosts.
func checkURL(u *url.URL) error {
	if u.Scheme != "https" {
		return refuse("%s is not HTTPS", u.Redacted())
	}
	for _, h := range hosts {
		if u.Hostname() == h || strings.HasSuffix(u.Hostname(), "."+h) {
			return nil
		}
	}
	return refuse("%s is not on %s", u.Redacted(), strings.Join(hosts, " or "))
}

// checkRedirect holds each redirect to the rules of the first address.
func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > 5 {
		return refuse("more than 5 redirects")
	}
	if err := checkURL(r.URL); err != nil {
		return fmt.Errorf("redirected: %w", err)
	}
	r.Header.Del("Referer") // Go's own; nobody needs to know
	return nil
}

// download is one Pull in progress.
type download struct {
	Entry
	o    PullOptions
	part string // path of what has arrived so far
}

// run tries until the part is complete, gives up after Tries failures without
// progress in between, and checks the result.
func (d *download) run(ctx context.Context) error {
	wait := d.o.Wait
	for failures := 0; ; {
		before := d.have()
		err := d.fetch(ctx)
		if err == nil {
			return d.check()
		}
		if fatal := (refusal{}); errors.As(err, &fatal) || ctx.Err() != nil {
			return cmp.Or(ctx.Err(), err)
		}
		if d.have() > before {
			failures, wait = 0, d.o.Wait
		}
		if failures++; failures >= d.o.Tries {
			return fmt.Errorf("gave up after %d tries, %d of %d bytes are kept for the next: %w", failures, d.have(), d.Bytes, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
			wait *= 2
		}
	}
}

// have returns how many bytes have arrived.
func (d *download) have() int64 {
	info, err := os.Stat(d.part)
	if err != nil {
		return 0
	}
	return info.Size()
}

// fetch asks once for what is missing and appends it to the part. It returns
// nil when the part has the right length.
func (d *download) fetch(ctx context.Context) error {
	have := d.have()
	if have > d.Bytes {
		os.Remove(d.part)
		have = 0
	}
	if have == d.Bytes {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := fmt.Errorf("nothing came for %v", d.o.Stall)
	watch := time.AfterFunc(d.o.Stall, func() { cancel(stalled) })
	defer watch.Stop()
	body, from, err := d.open(ctx, have)
	if err != nil {
		return orCause(ctx, err)
	}
	defer body.Close()
	return orCause(ctx, d.save(body, from, func() { watch.Reset(d.o.Stall) }))
}

// orCause returns why ctx was cancelled where that is the reason of err.
func orCause(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// open sends the request for the bytes from have on. from is where the answer
// starts: 0 when the server ignores ranges.
func (d *download) open(ctx context.Context, have int64) (body io.ReadCloser, from int64, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL, nil)
	if err != nil {
		return nil, 0, refuse("%w", err)
	}
	if err := checkURL(r.URL); err != nil {
		return nil, 0, err
	}
	r.Header.Set("Accept-Encoding", "identity")
	if have > 0 {
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	a, err := d.o.Client.Do(r)
	if err != nil {
		return nil, 0, err
	}
	from, err = d.accept(a, have)
	if err != nil {
		a.Body.Close()
		return nil, 0, err
	}
	return a.Body, from, nil
}

// accept checks an answer's head: its status, kind and length.
func (d *download) accept(a *http.Response, have int64) (from int64, err error) {
	switch {
	case a.StatusCode == http.StatusPartialContent:
		want := fmt.Sprintf("bytes %d-%d/%d", have, d.Bytes-1, d.Bytes)
		if got := a.Header.Get("Content-Range"); got != want {
			os.Remove(d.part) // it belongs to another file
			return 0, fmt.Errorf("the server sends %q, wanted %q", got, want)
		}
		from = have
	case a.StatusCode == http.StatusOK:
	case a.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		os.Remove(d.part)
		return 0, errors.New("the server does not have the rest of the part: starting anew")
	case a.StatusCode >= 500 || a.StatusCode == http.StatusTooManyRequests || a.StatusCode == http.StatusRequestTimeout:
		return 0, fmt.Errorf("the server answers %s", a.Status)
	default:
		return 0, refuse("the server answers %s for %s", a.Status, d.URL)
	}
	if kind := a.Header.Get("Content-Type"); strings.HasPrefix(kind, "text/html") {
		return 0, refuse("the server sends a web page (%s) for %s", kind, d.URL)
	}
	if a.ContentLength >= 0 && a.ContentLength != d.Bytes-from {
		return 0, refuse("the server offers %d bytes, wanted %d", a.ContentLength, d.Bytes-from)
	}
	return from, nil
}

// save appends body to the part, which is first cut to from bytes, and calls
// alive for every piece that arrives.
func (d *download) save(body io.Reader, from int64, alive func()) error {
	f, err := os.OpenFile(d.part, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return refuse("%w", err)
	}
	defer f.Close()
	if err := f.Truncate(from); err != nil {
		return refuse("%w", err)
	}
	w := &counter{f: io.NewOffsetWriter(f, from), done: from, total: d.Bytes, alive: alive, progress: d.o.Progress}
	// One byte more than announced shows that the server sends too much.
	_, err = io.Copy(w, io.LimitReader(body, d.Bytes-from+1))
	switch {
	case w.failed != nil:
		return refuse("%w", w.failed)
	case w.done > d.Bytes:
		os.Remove(d.part)
		return refuse("the server sends more than %d bytes", d.Bytes)
	case err != nil:
		return err
	case w.done < d.Bytes:
		return fmt.Errorf("the connection ended after %d of %d bytes", w.done, d.Bytes)
	}
	if err := f.Sync(); err != nil {
		return refuse("%w", err)
	}
	return nil
}

// counter writes to the part and tells of it.
type counter struct {
	f           io.Writer
	done, total int64
	alive       func()
	progress    func(done, total int64)
	failed      error // of the disk, as opposed to the network
}

func (c *counter) Write(b []byte) (int, error) {
	c.alive()
	n, err := c.f.Write(b)
	c.done += int64(n)
	c.failed = err
	c.progress(min(c.done, c.total), c.total)
	return n, err
}

// check compares the complete part with the catalogue and deletes it when it is
// not what was wanted.
func (d *download) check() error {
	h, err := onnx.Digest(d.part)
	if err != nil {
		return err
	}
	if h != d.SHA256 {
		os.Remove(d.part)
		return fmt.Errorf("SHA-256 of what arrived is %s, wanted %s: deleted, nothing was installed", h, d.SHA256)
	}
	return nil
}
