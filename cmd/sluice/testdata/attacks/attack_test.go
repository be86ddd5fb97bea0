// What the tests of a malicious pull request try. Each is a failing test when it
// works, and a passing one when it is stopped. Where to strike is in attacks.json.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

type target struct {
	Home, Marker                        string   // a home folder with keys, and what they say
	Writable                            []string // folders that must not be written to
	Closed                              []string // files that must not be opened for writing
	TCP, UDP, Socket, Abstract, Program string
	Sleeper                             string // an argument by which what outlives its parent is known
}

func strike(t *testing.T) (at target) {
	t.Helper()
	text, err := os.ReadFile("attacks.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &at); err != nil {
		t.Fatal(err)
	}
	return at
}

func worked(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		t.Error("it worked")
	} else {
		t.Log("stopped:", err)
	}
}

func TestReadKeys(t *testing.T) {
	at := strike(t)
	for _, name := range []string{".ssh/id_ed25519", ".config/gcloud/credentials.db"} {
		t.Run(filepath.Base(name), func(t *testing.T) {
			_, err := os.ReadFile(filepath.Join(at.Home, name))
			worked(t, err)
		})
	}
}

func TestReadEnvironment(t *testing.T) {
	at := strike(t)
	for _, kv := range os.Environ() {
		if strings.Contains(kv, at.Marker) {
			t.Error("it worked: it is in the environment")
		}
	}
}

func TestReadEnvironmentsOfOthers(t *testing.T) {
	at := strike(t)
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), at.Marker) {
			t.Error("it worked:", file)
		}
	}
}

func TestWrite(t *testing.T) {
	for _, dir := range strike(t).Writable {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			path := filepath.Join(dir, "attack")
			worked(t, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755))
			_ = os.Remove(path)
		})
	}
}

func TestOpenForWriting(t *testing.T) {
	for _, path := range strike(t).Closed {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			worked(t, err)
			_ = f.Close()
		})
	}
}

func say(network, address string) error {
	c, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte("secret")); err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 8))
	return err
}

func TestSend(t *testing.T) {
	at := strike(t)
	for name, to := range map[string][2]string{"TCP": {"tcp", at.TCP}, "UDP": {"udp", at.UDP}, "Unix socket": {"unix", at.Socket}, "abstract Unix socket": {"unix", at.Abstract}} {
		t.Run(name, func(t *testing.T) { worked(t, say(to[0], to[1])) })
	}
}

func TestBecomeRoot(t *testing.T) {
	out, err := exec.Command(strike(t).Program).CombinedOutput()
	if err == nil && !strings.Contains(string(out), "privileged") {
		err = errors.New(string(out))
	}
	worked(t, err)
}

func TestSudo(t *testing.T) {
	worked(t, exec.Command("sudo", "-n", "true").Run())
}

// It leaves a process that has left its group, and its parent.
func TestOutlive(t *testing.T) {
	cmd := exec.Command("sh", "-c", "setsid tail -f "+strike(t).Sleeper+" >/dev/null 2>&1 &")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
}

func TestFillTheDisk(t *testing.T) {
	dir := t.TempDir()
	var err error
	for i := 0; i < 6 && err == nil; i++ { // a GiB each
		var f *os.File
		if f, err = os.Create(filepath.Join(dir, fmt.Sprint(i))); err == nil {
			err = errors.Join(syscall.Fallocate(int(f.Fd()), 0, 0, 1<<30), f.Close())
		}
	}
	worked(t, err)
}
