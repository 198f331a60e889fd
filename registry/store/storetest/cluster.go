package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

const (
	minVersion   = 15               // oldest PostgreSQL the store is tested on
	startTimeout = 60 * time.Second // covers initdb's server until it answers; slow machines
	stopTimeout  = 20 * time.Second // a fast shutdown; after it the server is killed
)

// cluster is one throw-away PostgreSQL server.
type cluster struct {
	dir  string
	port int
	cmd  *exec.Cmd
	log  *bytes.Buffer // the server's output, read after it ended only
	done chan struct{} // closed when the server has ended
}

var (
	startOnce sync.Once
	running   *cluster
	startErr  error
)

func shared() (*cluster, error) {
	startOnce.Do(func() { running, startErr = start() })
	return running, startErr
}

func stopShared() error {
	if running == nil {
		return nil
	}
	return running.stop()
}

// start makes a data folder and starts a server on a free loopback port.
func start() (c *cluster, err error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	cred, err := credential()
	if err != nil {
		return nil, err
	}
	// Short and directly below the temporary folder: other users' folders above a
	// test's own one could not be entered by the server's user.
	dir, err := os.MkdirTemp("", "driftline-pg-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "data")
	initdb := command(cred, dir, filepath.Join(bin, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	c = &cluster{dir: dir, port: port, log: &bytes.Buffer{}, done: make(chan struct{})}
	c.cmd = command(cred, dir, filepath.Join(bin, "postgres"), "-D", data,
		"-c", "listen_addresses=127.0.0.1", "-p", strconv.Itoa(port), "-c", "unix_socket_directories=",
		"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off", // speed: the data is thrown away
		"-c", "max_connections=200", "-c", "shared_buffers=32MB")
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	go func() {
		defer close(c.done)
		_ = c.cmd.Wait() // how it ended stands in cmd.ProcessState
	}()
	if err := c.await(); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// command prepares a child that dies with this process, so that a killed test
// leaves no server behind.
func command(cred *syscall.Credential, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), name, args...) // stop ends it
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: cred, Pdeathsig: syscall.SIGQUIT, Setpgid: true}
	return cmd
}

// credential: PostgreSQL refuses to run as root, so root runs it as user "postgres".
func credential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("running as root needs a user \"postgres\" to run the server as: %w", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// binaries finds the folder of the newest PostgreSQL server of the system.
func binaries() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if p, err := exec.LookPath("initdb"); err == nil && len(found) == 0 {
		return filepath.Dir(p), nil
	}
	version := func(path string) int {
		n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		if err != nil {
			return 0
		}
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) == 0 || version(found[0]) < minVersion {
		return "", fmt.Errorf("no server binaries of PostgreSQL %d or newer under /usr/lib/postgresql/*/bin; install the package postgresql", minVersion)
	}
	return filepath.Dir(found[0]), nil
}

func freePort() (int, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

func (c *cluster) url(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", c.port, database)
}

// await asks the server until it answers, it ends, or the time is up.
func (c *cluster) await() error {
	db, err := sql.Open("pgx", c.url("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // opened for one question
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if err = db.PingContext(ctx); err == nil {
			return nil
		}
		select {
		case <-c.done:
			return fmt.Errorf("postgres ended at start: %s: %s", c.cmd.ProcessState, strings.TrimSpace(c.log.String()))
		case <-ctx.Done():
			return fmt.Errorf("postgres did not answer within %s: %w", startTimeout, err)
		case <-tick.C:
		}
	}
}

func (c *cluster) createDatabase(name string) error {
	db, err := sql.Open("pgx", c.url("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // opened for one question
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	_, err = db.ExecContext(ctx, "CREATE DATABASE "+name)
	return err
}

// stop shuts the server down and removes its folder.
func (c *cluster) stop() error {
	// SIGINT is PostgreSQL's fast shutdown; an error means it has ended already.
	_ = c.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-c.done:
	case <-time.After(stopTimeout):
		if err := c.cmd.Process.Kill(); err != nil {
			return err
		}
		<-c.done
	}
	return os.RemoveAll(c.dir)
}
