package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sealed runs a command of TestMain's where the kernel refuses every write
// outside some folders and knows no network:
//
//	sealed FOLDER,… COMMAND …
//
// It must be started in a mount and a network namespace of its own.
func sealed() {
	err := seal(strings.FieldsFunc(os.Args[1], func(r rune) bool { return r == ',' }))
	if err == nil {
		err = syscall.Exec(os.Args[2], os.Args[2:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "sealed:", err)
	if errors.Is(err, syscall.EPERM) {
		os.Exit(exitForbidden)
	}
	os.Exit(exitForbidden - 1) // neither tl's nor the probe's
}

// exitForbidden is sealed's exit code where the machine forbids namespaces.
const exitForbidden = 99

// seal makes everything read-only but the given folders.
func seal(writable []string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("own mounts: %w", err)
	}
	for _, dir := range writable {
		if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind %s: %w", dir, err)
		}
	}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}); err != nil {
		return fmt.Errorf("read-only: %w", err)
	}
	for _, dir := range writable {
		if err := unix.MountSetattr(unix.AT_FDCWD, dir, 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}); err != nil {
			return fmt.Errorf("writable %s: %w", dir, err)
		}
	}
	work, err := os.Getwd()
	if err != nil {
		return err
	}
	return os.Chdir(work) // in again, by way of the new mounts
}

// probe tries what the seal forbids, and ends with 0 when it can:
//
//	probe write FILE
//	probe dial ADDRESS
func probe() {
	var err error
	switch os.Args[1] {
	case "write":
		err = os.WriteFile(os.Args[2], []byte("written"), 0o644)
	case "dial":
		_, err = net.DialTimeout("tcp", os.Args[2], time.Second)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

// sealed runs a command with writable folders only, without network.
func (p place) sealed(t *testing.T, writable []string, name string, args ...string) (string, error) {
	t.Helper()
	for i, dir := range writable {
		writable[i] = filepath.Join(p.root, dir)
	}
	inner := p.command(t, name, args...)
	c := p.command(t, "sealed", append([]string{strings.Join(writable, ","), inner.Path}, args...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := c.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || exitCode(err) == exitForbidden {
		t.Skipf("this machine forbids namespaces: %v\n%s", err, out)
	}
	return string(out), err
}

// The whole job, and what follows it, succeed where the kernel allows no write
// but to the working folder, the home and the temporary folder, and where there
// is no network at all: nothing was needed of either. That the seal holds is
// shown first by a program that tries.
func TestWholeJobSealed(t *testing.T) {
	p := newPlace(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address, given := listener.Addr().String(), filepath.Join(p.root, "given", "mark")
	for _, args := range [][]string{{"dial", address}, {"write", given}} {
		if err := p.command(t, "probe", args...).Run(); err != nil {
			t.Fatalf("probe %q fails outside the seal, and shows nothing inside: %v", args, err)
		}
		if out, err := p.sealed(t, []string{"work", "home", "tmp"}, "probe", args...); exitCode(err) != 1 {
			t.Fatalf("probe %q inside the seal: %v, wanted exit code 1\n%s", args, err, out)
		}
	}
	if out, err := p.sealed(t, []string{"work"}, "probe", "write", "mark"); err != nil {
		t.Fatalf("the working folder cannot be written to inside the seal: %v\n%s", err, out)
	}
	train := []string{"--data", "../given/cells", "--backbone", "../given/tiny.onnx", "--cut", "stage2", "--size", "32", "--epochs", "2"}
	for _, c := range []struct {
		writable string
		args     []string
	}{
		{"work home tmp", append([]string{"finetune", "--name", "run"}, train...)},
		{"work home", []string{"finetune", "--resume", "runs/run"}},
		{"work", []string{"export", "--run", "runs/run", "out.onnx"}},
		{"", []string{"evaluate", "--model", "out.onnx", "--data", "../given/cells"}},
		{"", []string{"predict", "--model", "out.onnx", "../given/cells/Uninfected"}},
		{"", []string{"summary", "--backbone", "../given/tiny.onnx"}},
		{"", []string{"weights", "inspect", "../given/tiny.onnx"}},
		{"", []string{"data", "check", "../given/cells"}},
		{"work tmp", []string{"demo", "--cells", "120", "--backbone", "../given/tiny.onnx"}},
	} {
		if out, err := p.sealed(t, strings.Fields(c.writable), "tl", c.args...); err != nil {
			t.Errorf("tl %q with %q writable and no network: %v\n%s", c.args, c.writable, err, out)
		}
	}
}

// A download, the one thing that needs the network, says that it failed and
// leaves no file under the final name.
func TestPullSealed(t *testing.T) {
	p := newPlace(t)
	c := []string{"weights", "pull", "resnet50"}
	out, err := p.sealed(t, []string{"home"}, "tl", c...)
	if exitCode(err) != 1 || !failure.MatchString(out) {
		t.Errorf("tl %q without a network: %v\n%s", c, err, out)
	}
	for path := range p.listing(t) {
		if strings.HasSuffix(path, "resnet50-v1-12.onnx") || strings.HasSuffix(path, ".part") {
			t.Errorf("%s was left behind", path)
		}
	}
}
