package weights

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// asked notes every address that is asked for, and answers with answer.
type asked struct {
	urls   []string
	answer http.HandlerFunc
}

func (a *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	a.urls = append(a.urls, r.URL.String())
	w := httptest.NewRecorder()
	a.answer(w, r)
	return w.Result(), nil
}

// A redirect that the rules forbid is not followed: its address is never asked
// for, not even once, and nothing is left on the disk but the lock.
func TestPullNeverAsksElsewhere(t *testing.T) {
	e, b := payload()
	for _, c := range []struct{ to, want string }{
		{"http://huggingface.co/net.onnx", "is not HTTPS"},
		{"http://cdn-lfs.hf.co/net.onnx", "is not HTTPS"},
		{"ftp://huggingface.co/net.onnx", "is not HTTPS"},
		{"file:///etc/passwd", "is not HTTPS"},
		{"https://example.com/net.onnx", "is not on huggingface.co or hf.co"},
		{"https://huggingface.co.example.com/net.onnx", "is not on"},
		{"https://evilhuggingface.co/net.onnx", "is not on"},
		{"https://huggingface.co@example.com/net.onnx", "is not on"},
		{"https://example.com/https://huggingface.co/net.onnx", "is not on"},
		{"//127.0.0.1/net.onnx", "is not on"},
		{"https://[::1]/net.onnx", "is not on"},
		{"https://169.254.169.254/latest/meta-data", "is not on"},
	} {
		dir := t.TempDir()
		net := &asked{answer: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.String() == e.URL {
				w.Header().Set("Location", c.to)
				w.WriteHeader(http.StatusTemporaryRedirect)
				return
			}
			whole(b)(w, r)
		}}
		_, err := Pull(context.Background(), e, dir, PullOptions{Client: &http.Client{Transport: net}, Wait: time.Millisecond})
		wantNone(t, dir, err, c.want)
		wantOnlyLock(t, dir)
		if !slices.Equal(net.urls, []string{e.URL}) {
			t.Errorf("redirected to %s: asked for %q, wanted the catalogue's address alone", c.to, net.urls)
		}
	}
}

// wantOnlyLock checks that no byte of a download stayed in dir, under any name.
func wantOnlyLock(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name() != "net.onnx.lock" {
			t.Errorf("%s was left behind", f.Name())
		}
	}
}

// endless never stops sending; it counts what was taken.
type endless struct{ taken int64 }

func (s *endless) Read(b []byte) (int, error) {
	s.taken += int64(len(b))
	return len(b), nil
}

func (s *endless) Close() error { return nil }

// A server that never stops sending is cut off within one buffer after the
// catalogue's size, not when the disk is full; what came is deleted.
func TestPullStopsAtTheSize(t *testing.T) {
	e, _ := payload()
	dir, body := t.TempDir(), &endless{}
	client := &http.Client{Transport: answer(func(r *http.Request) *http.Response {
		return &http.Response{StatusCode: http.StatusOK, ContentLength: -1, Body: body, Request: r}
	})}
	_, err := Pull(context.Background(), e, dir, PullOptions{Client: client})
	wantNone(t, dir, err, "the server sends more than 300007 bytes")
	wantOnlyLock(t, dir)
	if body.taken > e.Bytes+1<<20 {
		t.Errorf("%d bytes were taken, wanted at most %d and a buffer", body.taken, e.Bytes)
	}
}

// answer is a transport that answers by itself.
type answer func(*http.Request) *http.Response

func (f answer) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// What has the right size and another digest is deleted, the part as well.
func TestPullDeletesAWrongDigest(t *testing.T) {
	e, b := payload()
	b[0] ^= 1
	dir := t.TempDir()
	_, err := pull(t, e, dir, PullOptions{}, whole(b))
	wantNone(t, dir, err, "wanted "+e.SHA256)
	wantOnlyLock(t, dir)
}

// A server that cannot prove to be the catalogue's host gets no request: here
// one with a certificate of its own answers in its place.
func TestPullWantsACertificate(t *testing.T) {
	e, b := payload()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the impostor was asked for %s", r.URL)
		whole(b)(w, r)
	}))
	s.Config.ErrorLog = nil
	s.StartTLS()
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Listener.Addr().String())
	}}}
	dir := t.TempDir()
	_, err := Pull(context.Background(), e, dir, PullOptions{Client: client, Tries: 1})
	wantNone(t, dir, err, "certificate")
	wantOnlyLock(t, dir)
}

// Nothing is sent but what a download needs: no cookie, no name of user,
// machine or version beside Go's own.
func TestPullSendsNothingOfTheUser(t *testing.T) {
	e, b := payload()
	var sent []string
	_, err := pull(t, e, t.TempDir(), PullOptions{}, func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("X-Asked") // of the test's transport
		for name, values := range r.Header {
			sent = append(sent, name+": "+strings.Join(values, ","))
		}
		if len(sent) <= 2 {
			redirect(zoo+"again.onnx")(w, r)
			return
		}
		whole(b)(w, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(sent)
	if want := []string{"Accept-Encoding: identity", "Accept-Encoding: identity", "User-Agent: Go-http-client/1.1", "User-Agent: Go-http-client/1.1"}; !slices.Equal(sent, want) {
		t.Errorf("sent %q, wanted %q", sent, want)
	}
}
