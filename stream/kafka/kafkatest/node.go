package kafkatest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// node is one Java process.
type node struct {
	id   int
	dir  string
	port int
	lib  string

	mu   sync.Mutex // guards cmd and done
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

func javaPath() (string, error) { return exec.LookPath("java") }

func (n *node) addr() string    { return fmt.Sprintf("127.0.0.1:%d", n.port) }
func (n *node) props() string   { return filepath.Join(n.dir, "server.properties") }
func (n *node) logFile() string { return filepath.Join(n.dir, "server.log") }

func (n *node) configure(controller int, voters, extra []string) error {
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return err
	}
	text := properties(n.id, n.port, controller, filepath.Join(n.dir, "data"), voters, extra)
	return os.WriteFile(n.props(), []byte(text), 0o600)
}

func (n *node) java(ctx context.Context, args ...string) (*exec.Cmd, error) {
	java, err := javaPath()
	if err != nil {
		return nil, err
	}
	args = append([]string{
		"-Xms64m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(n.lib, "*"),
	}, args...)
	return exec.CommandContext(ctx, java, args...), nil
}

// format prepares the data directory.
func (n *node) format(ctx context.Context) error {
	cmd, err := n.java(ctx, "kafka.tools.StorageTool", "format", "-t", clusterID, "-c", n.props())
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("format the storage of node %d: %w\n%s", n.id, err, out)
	}
	return nil
}

// start runs the process. It is started and awaited on a thread of its own that
// lives as long as it does: the system ends the process with that thread, so it
// ends also when the test process is killed.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.alive() {
		return fmt.Errorf("node %d runs already", n.id)
	}
	out, err := os.OpenFile(n.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd, err := n.java(context.Background(), "kafka.Kafka", n.props())
	if err != nil {
		_ = out.Close() // nothing was written
		return err
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = endWithParent()
	started, done := make(chan error), make(chan struct{})
	go func() { // ends with the process; stop and kill wait for done
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(done)
		defer func() { _ = out.Close() }() // the process wrote to it, not we
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended stands in its log
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start node %d: %w", n.id, err)
	}
	n.cmd, n.done = cmd, done
	return nil
}

// alive is running with the lock held.
func (n *node) alive() bool {
	if n.done == nil {
		return false
	}
	select {
	case <-n.done:
		return false
	default:
		return true
	}
}

func (n *node) running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.alive()
}

func (n *node) signal(sig syscall.Signal) (chan struct{}, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.alive() {
		return nil, nil
	}
	if err := n.cmd.Process.Signal(sig); err != nil && n.alive() {
		return nil, fmt.Errorf("signal %s: %w", sig, err)
	}
	return n.done, nil
}

func (n *node) pause() error {
	done, err := n.signal(syscall.SIGSTOP)
	if err != nil || done == nil {
		return err
	}
	if err := awaitStopped(n.cmd.Process.Pid); err != nil {
		return fmt.Errorf("node %d does not stop: %w", n.id, err)
	}
	return nil
}

func (n *node) stop(limit time.Duration) error {
	done, err := n.signal(syscall.SIGTERM)
	if err != nil || done == nil {
		return err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-timer.C:
		return fmt.Errorf("node %d does not stop within %s", n.id, limit)
	}
}

func (n *node) kill() error {
	done, err := n.signal(syscall.SIGKILL)
	if err != nil || done == nil {
		return err
	}
	<-done // SIGKILL cannot be held up by the process
	return nil
}

// tail returns the end of the node's log.
func (n *node) tail() string {
	b, err := os.ReadFile(n.logFile())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-4000):])
}
