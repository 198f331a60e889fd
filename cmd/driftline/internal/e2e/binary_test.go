package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/driftline/driftline/registry/store/storetest"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	if !testing.Short() { // with -short nothing here runs, so there is nothing to build
		if err := build(); err != nil {
			fmt.Fprintln(os.Stderr, "build driftline:", err)
			os.Exit(1)
		}
	}
	storetest.Main(m)
}

// build puts the program beside the one of make build, which git ignores.
func build() error {
	root, err := filepath.Abs("../../../..")
	if err != nil {
		return err
	}
	binary = filepath.Join(root, "bin", "e2e", "driftline")
	cmd := exec.Command("go", "build", "-o", binary, "github.com/driftline/driftline/cmd/driftline")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// process is one life of the program.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	mu     sync.Mutex
	stderr bytes.Buffer
	done   chan error
}

// environ is the environment of tests: nothing of the caller's configuration.
func environ(extra ...string) []string {
	keep := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir()}
	return append(keep, extra...)
}

func start(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary, args...), done: make(chan error, 1)}
	p.cmd.Env = environ(env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	pipe, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s := bufio.NewScanner(pipe)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			p.mu.Lock()
			p.stderr.Write(s.Bytes())
			p.stderr.WriteByte('\n')
			p.mu.Unlock()
		}
		p.done <- p.cmd.Wait()
	}()
	t.Cleanup(p.kill)
	return p
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// kill sends SIGKILL and waits for the end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.wait(10 * time.Second) // it reports the kill
}

// stop sends SIGTERM and returns how the process ended.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	return p.wait(60 * time.Second)
}

func (p *process) wait(d time.Duration) error {
	select {
	case err := <-p.done:
		p.done <- err
		return err
	case <-time.After(d):
		return fmt.Errorf("still running after %s", d)
	}
}

// running is what a process announces.
type running struct {
	PID    int    `json:"pid"`
	HTTP   string `json:"http"`
	Ops    string `json:"ops"`
	Broker string `json:"broker"`
}

// ready waits until the process has announced its addresses.
func (p *process) ready(dataDir string) running {
	p.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		var r running
		if b, err := os.ReadFile(filepath.Join(dataDir, "run.json")); err == nil && json.Unmarshal(b, &r) == nil && r.PID == p.cmd.Process.Pid {
			return r
		}
		select {
		case err := <-p.done:
			p.done <- err
			p.t.Fatalf("ended before it was ready: %v\n%s", err, p.log())
		case <-time.After(20 * time.Millisecond):
		}
	}
	p.t.Fatalf("not ready after a minute\n%s", p.log())
	return running{}
}

// output runs the program to its end.
func output(t *testing.T, limit time.Duration, env []string, args ...string) (stdout []byte, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = environ(env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.Bytes(), errs.String(), err
}

// anyPort makes every listener take a free port.
var anyPort = []string{"--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--broker-listen", "127.0.0.1:0"}

// needs skips a test whose tool is missing; in CI that is a failure.
func needs(t *testing.T, have bool, what string) {
	t.Helper()
	switch {
	case have:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is missing: run .ci/prepare", what)
	default:
		t.Skipf("%s is missing: run .ci/prepare", what)
	}
}

func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the built program and minutes; runs in make test")
	}
}

func onPath(tool string) bool {
	_, err := exec.LookPath(tool)
	return err == nil
}

// get returns the body of a page of the process.
func get(url string) (string, error) {
	c := http.Client{Timeout: 10 * time.Second}
	resp, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}
