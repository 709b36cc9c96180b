package weights

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// payload is a file of 300,007 bytes, and its entry in the catalogue.
func payload() (Entry, []byte) {
	b := make([]byte, 300_007)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	sum := sha256.Sum256(b)
	return Entry{Name: "net.onnx", URL: zoo + "net.onnx", Bytes: int64(len(b)), SHA256: hex.EncodeToString(sum[:])}, b
}

// toServer sends every request to a local server, whatever host it names.
type toServer struct{ base *url.URL }

func (t toServer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Asked", r.URL.String())
	r.URL.Scheme, r.URL.Host = t.base.Scheme, t.base.Host
	return http.DefaultTransport.RoundTrip(r)
}

// pull runs Pull against a server that answers with serve.
func pull(t *testing.T, e Entry, dir string, o PullOptions, serve http.HandlerFunc) (string, error) {
	t.Helper()
	s := httptest.NewServer(serve)
	defer s.Close()
	base, _ := url.Parse(s.URL)
	o.Client = &http.Client{Transport: toServer{base}}
	o.Wait = time.Millisecond
	if o.Stall == 0 {
		o.Stall = 10 * time.Second
	}
	return Pull(context.Background(), e, dir, o)
}

// whole serves b with ranges, as a good server does.
func whole(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "net.bin", time.Time{}, bytes.NewReader(b))
	}
}

func wantFile(t *testing.T, path string, want []byte) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, error %v; wanted the %d bytes served", path, len(got), err, len(want))
	}
	if _, err := os.Stat(path + ".part"); err == nil {
		t.Error("the part is still there")
	}
}

// wantNone checks that no file lies under the final name.
func wantNone(t *testing.T, dir string, err error, reason string) {
	t.Helper()
	t.Log(err)
	if err == nil || !strings.Contains(err.Error(), reason) {
		t.Errorf("error %v, wanted %q", err, reason)
	}
	if _, err := os.Stat(filepath.Join(dir, "net.onnx")); err == nil {
		t.Error("a file lies under the final name")
	}
}

func TestPull(t *testing.T) {
	e, b := payload()
	dir := filepath.Join(t.TempDir(), "deep", "er")
	var last, calls int64
	o := PullOptions{Progress: func(done, total int64) {
		if done < last || total != e.Bytes {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last, calls = done, calls+1
	}}
	path, err := pull(t, e, dir, o, whole(b))
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, b)
	if last != e.Bytes || calls < 2 {
		t.Errorf("progress ended at %d after %d calls", last, calls)
	}
	_, err = pull(t, e, dir, PullOptions{}, func(w http.ResponseWriter, r *http.Request) {
		t.Error("a file that is there and right was asked for again")
	})
	if err != nil {
		t.Error(err)
	}
}

func TestPullReplacesADamagedFile(t *testing.T) {
	e, b := payload()
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, e.Name), b[1:], 0o644)
	path, err := pull(t, e, dir, PullOptions{}, whole(b))
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, b)
}

// The server drops the connection after 70,000 bytes, over and over.
func TestPullResumesWhenCutOff(t *testing.T) {
	e, b := payload()
	var asked []string
	path, err := pull(t, e, t.TempDir(), PullOptions{Tries: 2}, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("Range"))
		whole(b)(&cutter{ResponseWriter: w, left: 70_000}, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, b)
	if len(asked) != 5 || asked[0] != "" || asked[1] != "bytes=70000-" {
		t.Errorf("asked for %q", asked)
	}
}

// cutter sends so many bytes and then drops the connection.
type cutter struct {
	http.ResponseWriter
	left int
}

func (c *cutter) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b[:min(len(b), c.left)])
	if c.left -= n; c.left <= 0 {
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// A second call goes on where the first gave up.
func TestPullResumesLater(t *testing.T) {
	e, b := payload()
	dir := t.TempDir()
	first := true
	_, err := pull(t, e, dir, PullOptions{Tries: 2}, func(w http.ResponseWriter, r *http.Request) {
		if !first {
			http.Error(w, "later", http.StatusServiceUnavailable)
			return
		}
		first = false
		whole(b)(&cutter{ResponseWriter: w, left: 100_000}, r)
	})
	wantNone(t, dir, err, "100000 of 300007 bytes are kept")
	var asked string
	path, err := pull(t, e, dir, PullOptions{}, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Range")
		whole(b)(w, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, b)
	if asked != "bytes=100000-" {
		t.Errorf("asked for %q", asked)
	}
}

func TestPullFromAServerWithoutRanges(t *testing.T) {
	e, b := payload()
	n := 0
	path, err := pull(t, e, t.TempDir(), PullOptions{}, func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Range")
		if n++; n == 1 {
			w = &cutter{ResponseWriter: w, left: 50_000}
		}
		whole(b)(w, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, b)
}

// Each of these servers lies or fails; none may leave a file behind.
func TestPullFromABadServer(t *testing.T) {
	e, b := payload()
	wrong := bytes.Clone(b)
	wrong[12345] ^= 1
	other := append(bytes.Clone(b), "more"...)
	for _, c := range []struct {
		name, want string
		serve      http.HandlerFunc
	}{
		{"wrong bytes", "SHA-256 of what arrived", whole(wrong)},
		{"too short", "offers 300000 bytes, wanted 300007", whole(b[:300_000])},
		{"too long", "offers 300011 bytes", whole(other)},
		{"too long, unannounced", "more than 300007 bytes", func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			w.Write(other)
		}},
		{"too short, unannounced", "gave up after 2 tries", func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("Range")
			w.(http.Flusher).Flush()
			w.Write(b[:1000])
		}},
		{"not found", "404", http.NotFound},
		{"forbidden", "403", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusForbidden) }},
		{"web page", "a web page (text/html", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, "<html>log in first</html>")
		}},
		{"down", "503", func(w http.ResponseWriter, r *http.Request) { http.Error(w, "", http.StatusServiceUnavailable) }},
		{"elsewhere", "is not on huggingface.co", redirect("https://example.com/net.onnx")},
		{"lookalike", "is not on huggingface.co", redirect("https://evilhuggingface.co/net.onnx")},
		{"downgrade", "is not HTTPS", redirect("http://huggingface.co/net.onnx")},
		{"loop", "more than 5 redirects", redirect(zoo + "net.onnx")},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := pull(t, e, dir, PullOptions{Tries: 2}, c.serve)
			wantNone(t, dir, err, c.want)
		})
	}
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

func TestPullFollowsToStorage(t *testing.T) {
	e, b := payload()
	path, err := pull(t, e, t.TempDir(), PullOptions{}, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("X-Asked"), "https://cdn-lfs.hf.co/") {
			whole(b)(w, r)
			return
		}
		redirect("https://cdn-lfs.hf.co/blob")(w, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, b)
}

// A part that belongs to another file is not built upon.
func TestPullWithAForeignPart(t *testing.T) {
	e, b := payload()
	for name, part := range map[string][]byte{"longer": append(bytes.Clone(b), 1), "other bytes": make([]byte, 1000)} {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, "net.onnx.part"), part, 0o644)
		path, err := pull(t, e, dir, PullOptions{}, whole(b))
		if name == "other bytes" { // noticed at the end; the next call starts anew
			wantNone(t, dir, err, "SHA-256")
			path, err = pull(t, e, dir, PullOptions{}, whole(b))
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		wantFile(t, path, b)
	}
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "net.onnx.part"), b[:1000], 0o644)
	var n atomic.Int32
	path, err := pull(t, e, dir, PullOptions{}, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 { // the server's file is another one
			whole(b[:5000])(w, r)
			return
		}
		whole(b)(w, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, b)
}

// The server goes silent, before its answer and within it.
func TestPullFromAStallingServer(t *testing.T) {
	e, b := payload()
	for _, sent := range []int{0, 5000} {
		dir := t.TempDir()
		_, err := pull(t, e, dir, PullOptions{Stall: 50 * time.Millisecond, Tries: 1}, func(w http.ResponseWriter, r *http.Request) {
			if sent > 0 {
				w.Header().Set("Content-Length", fmt.Sprint(len(b)))
				w.Write(b[:sent])
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
		})
		wantNone(t, dir, err, "nothing came for 50ms")
	}
}

// A slow server that keeps sending is no stalling one.
func TestPullFromASlowServer(t *testing.T) {
	e, b := payload()
	path, err := pull(t, e, t.TempDir(), PullOptions{Stall: 2 * time.Second, Tries: 1}, func(w http.ResponseWriter, r *http.Request) {
		for piece := b; len(piece) > 0; {
			n, _ := w.Write(piece[:min(len(piece), 100_000)])
			w.(http.Flusher).Flush()
			time.Sleep(time.Second)
			piece = piece[n:]
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, b)
}

func TestPullCancelled(t *testing.T) {
	e, b := payload()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, bytes.NewReader(b[:1000]))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer s.Close()
	base, _ := url.Parse(s.URL)
	ctx, cancel := context.WithCancel(context.Background())
	o := PullOptions{Client: &http.Client{Transport: toServer{base}}, Progress: func(done, total int64) { cancel() }}
	dir := t.TempDir()
	_, err := Pull(ctx, e, dir, o)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, wanted that of the context", err)
	}
	wantNone(t, dir, err, "canceled")
}

func TestPullRefuses(t *testing.T) {
	e, b := payload()
	for _, c := range []struct {
		want string
		set  func(*Entry)
	}{
		{"is not HTTPS", func(e *Entry) { e.URL = "http://huggingface.co/x" }},
		{"is not on", func(e *Entry) { e.URL = "https://example.com/x" }},
		{"quantised", func(e *Entry) { e.Refuse = quantised }},
	} {
		bad, dir := e, t.TempDir()
		c.set(&bad)
		_, err := pull(t, bad, dir, PullOptions{}, whole(b))
		wantNone(t, dir, err, c.want)
	}
	dir := t.TempDir()
	lock := flock.New(filepath.Join(dir, "net.onnx.lock"))
	if ok, err := lock.TryLock(); !ok {
		t.Fatal(err)
	}
	defer lock.Unlock()
	_, err := pull(t, e, dir, PullOptions{}, whole(b))
	wantNone(t, dir, err, "another download of it is running")
}
