package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/tlkit/tl/weights"
)

// pullEnv holds the JSON of a pull in a process that downloads: this program
// again. tl itself asks only the hosts of its catalogue, and only for the files
// whose digests it knows, so the process calls what tl weights pull calls, with
// a catalogue entry of its own and a local server in the place of the host.
const pullEnv = "TL_FAULTS_PULL"

// pull is what such a process does.
type pull struct {
	Entry     weights.Entry
	Host, Dir string
}

func pullChild(js string) int {
	var p pull
	err := json.Unmarshal([]byte(js), &p)
	if err == nil {
		_, err = weights.Pull(context.Background(), p.Entry, p.Dir, weights.PullOptions{Client: &http.Client{Transport: p}, Tries: 2, Wait: time.Millisecond})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// RoundTrip sends every request to the local server.
func (p pull) RoundTrip(r *http.Request) (*http.Response, error) {
	host, err := url.Parse(p.Host)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host = host.Scheme, host.Host
	return http.DefaultTransport.RoundTrip(r)
}

// slow writes pieces of 256 KiB with pauses, so that there is time to be killed.
type slow struct{ http.ResponseWriter }

func (w slow) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		k, wrote := min(len(b), 256<<10), 0
		wrote, err = w.ResponseWriter.Write(b[:k])
		n, b = n+wrote, b[k:]
		w.ResponseWriter.(http.Flusher).Flush()
		time.Sleep(4 * time.Millisecond)
	}
	return n, err
}

// serve offers the network's file, with ranges as a good server does, and
// returns what asks for it.
func (s *scene) serve() (p pull, content []byte, stop func(), err error) {
	if content, err = os.ReadFile(s.net); err != nil {
		return p, nil, nil, err
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(slow{w}, r, "net.bin", time.Time{}, bytes.NewReader(content))
	}))
	sum := sha256.Sum256(content)
	e := weights.Entry{Name: "net.onnx", URL: "https://huggingface.co/net.onnx", Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	return pull{Entry: e, Host: server.URL, Dir: s.place()}, content, server.Close, nil
}

// command readies a process that downloads.
func (p pull) command() (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	js, err := json.Marshal(p)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), pullEnv+"="+string(js))
	return cmd, err
}

// do downloads, and kills that after a time, 0 for never.
func (p pull) do(after time.Duration) (killed bool, err error) {
	cmd, err := p.command()
	if err != nil {
		return false, err
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return false, err
	}
	if after > 0 {
		t := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		defer t.Stop()
	}
	err = cmd.Wait()
	if cmd.ProcessState.String() == "signal: killed" {
		return true, nil
	}
	if err != nil {
		err = fmt.Errorf("%w: %s", err, &said)
	}
	return false, err
}

// check wants the whole file or none under the final name, and in the part
// nothing but its beginning.
func (p pull) check(content []byte, ended bool) error {
	path := filepath.Join(p.Dir, p.Entry.Name)
	got, err := os.ReadFile(path)
	if err == nil && !bytes.Equal(got, content) || err != nil && ended {
		return fmt.Errorf("%s: %d bytes are not the %d served (%v)", path, len(got), len(content), err)
	}
	if part, _ := os.ReadFile(path + ".part"); !bytes.HasPrefix(content, part) {
		return fmt.Errorf("%s.part: %d bytes are not the beginning of the file", path, len(part))
	}
	return nil
}

// killPulls kills downloads at random moments. Each goes on where it stopped.
func (s *scene) killPulls(n int) (string, error) {
	p, content, stop, err := s.serve()
	if err != nil {
		return "", err
	}
	defer stop()
	began := time.Now()
	if _, err := p.do(0); err != nil {
		return "", err
	}
	took, kills, ended := time.Since(began), 0, 1
	for kills < n {
		if ended > 0 && p.check(content, true) == nil { // whole: begin again
			if err := os.Remove(filepath.Join(p.Dir, p.Entry.Name)); err != nil {
				return "", err
			}
		}
		killed, err := p.do(1 + s.within(took*2/3))
		if err != nil {
			return "", err
		}
		if killed {
			kills++
		} else {
			ended++
		}
		s.problem(fmt.Sprintf("download, kill %d", kills), p.check(content, !killed))
	}
	if _, err := p.do(0); err != nil {
		return "", err
	}
	s.problem("download after the kills", p.check(content, true))
	return fmt.Sprintf("%d kills; %d downloads went on to their end, equal", kills, ended+1), nil
}
