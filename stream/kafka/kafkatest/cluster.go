package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/driftline/driftline/stream/kafka"
)

// clusterID is any base64 UUID; tests need no particular one.
const clusterID = "ZHJpZnRsaW5lLXRlc3QtMQ"

// ready is how long a start may take; three nodes on two busy cores take a while.
const ready = 120 * time.Second

// Cluster is a running Apache Kafka.
type Cluster struct {
	t     testing.TB // nil where all tests of a package share the cluster
	nodes []*node
}

// Start runs a cluster of one or three nodes of the current release and waits until
// its metadata lists them all. extra are lines of server.properties for every node.
func Start(t testing.TB, nodes int, extra ...string) *Cluster {
	t.Helper()
	return start(t, current, nodes, extra)
}

// StartOld is Start with the last release of the line before the current one, the
// oldest that is tested.
func StartOld(t testing.TB, nodes int, extra ...string) *Cluster {
	t.Helper()
	return start(t, old, nodes, extra)
}

func start(t testing.TB, r release, nodes int, extra []string) *Cluster {
	t.Helper()
	lib := needed(t, r)
	c, dir := &Cluster{t: t}, t.TempDir() // before the clean-up, so that it is removed after the nodes have ended
	t.Cleanup(c.stopAll)
	if err := c.launch(t.Context(), lib, dir, nodes, extra); err != nil {
		t.Fatal(err)
	}
	return c
}

// needed returns the jars of a release, or ends the test where they are missing.
func needed(t testing.TB, r release) string {
	t.Helper()
	if testing.Short() {
		t.Skip("real Kafka: skipped with -short")
	}
	lib, err := r.jars()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("real Kafka: %v", err)
		}
		t.Skipf("real Kafka: %v", err)
	}
	return lib
}

func (c *Cluster) launch(ctx context.Context, lib, dir string, nodes int, extra []string) error {
	if nodes != 1 && nodes != 3 {
		return fmt.Errorf("kafkatest: %d nodes, want 1 or 3", nodes)
	}
	ports, err := FreePorts(2 * nodes)
	if err != nil {
		return err
	}
	var voters []string
	for i := range nodes {
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", i+1, ports[2*i+1]))
	}
	for i := range nodes {
		n := &node{id: i + 1, dir: filepath.Join(dir, fmt.Sprint(i+1)), port: ports[2*i], lib: lib}
		if err := n.configure(ports[2*i+1], voters, extra); err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
	}
	var g errgroup.Group
	for _, n := range c.nodes {
		g.Go(func() error { return n.format(ctx) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, n := range c.nodes {
		if err := n.start(); err != nil {
			return err
		}
	}
	return c.wait(ctx)
}

// Brokers returns host:port of every node, running or not.
func (c *Cluster) Brokers() []string {
	var b []string
	for _, n := range c.nodes {
		b = append(b, n.addr())
	}
	return b
}

// Stop ends node i (from 0) in order, as a rolling update does.
func (c *Cluster) Stop(i int) {
	c.t.Helper()
	if err := c.nodes[i].stop(60 * time.Second); err != nil {
		c.t.Fatal(err)
	}
}

// Kill ends node i (from 0) at once, as a power cut does.
func (c *Cluster) Kill(i int) {
	c.t.Helper()
	if err := c.nodes[i].kill(); err != nil {
		c.t.Fatal(err)
	}
}

// Pause stops node i (from 0) as SIGSTOP does: it holds its connections and answers
// nothing until Resume. It stands still when Pause returns.
func (c *Cluster) Pause(i int) {
	c.t.Helper()
	if err := c.nodes[i].pause(); err != nil {
		c.t.Fatal(err)
	}
}

// Resume lets node i (from 0) go on after Pause.
func (c *Cluster) Resume(i int) {
	c.t.Helper()
	if _, err := c.nodes[i].signal(syscall.SIGCONT); err != nil {
		c.t.Fatal(err)
	}
}

// Restart starts node i (from 0) again on its address and data, and waits for it.
func (c *Cluster) Restart(i int) {
	c.t.Helper()
	if err := c.nodes[i].start(); err != nil {
		c.t.Fatal(err)
	}
	if err := c.wait(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

// wait returns when each running node answers with all running nodes in its metadata.
func (c *Cluster) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ready)
	defer cancel()
	up := 0
	for _, n := range c.nodes {
		if n.running() {
			up++
		}
	}
	for _, n := range c.nodes {
		if !n.running() {
			continue
		}
		if err := n.await(ctx, up); err != nil {
			return fmt.Errorf("node %d on %s: %w\n%s", n.id, n.addr(), err, n.tail())
		}
	}
	return nil
}

func (n *node) await(ctx context.Context, brokers int) error {
	l, err := kafka.Dial(kafka.Config{Brokers: []string{n.addr()}, RetryTimeout: -1, RequestTimeout: 2 * time.Second})
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // opened to ask only
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		cl, err := l.Ping(ctx)
		if err == nil && len(cl.Brokers) >= brokers {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("%d of %d brokers in its metadata", len(cl.Brokers), brokers)
		}
		if !n.running() {
			return errors.New("ended while starting")
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready in time: %w", err)
		case <-tick.C:
		}
	}
}

func (c *Cluster) stopAll() {
	for _, n := range c.nodes {
		if err := n.kill(); err != nil {
			c.t.Errorf("node %d: %v", n.id, err)
		}
		if c.t.Failed() {
			c.t.Logf("end of the log of node %d:\n%s", n.id, n.tail())
		}
	}
}

// repository returns the directory of the go.mod above the test.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = up
	}
}

// Ports that are chosen lie below those that systems give to outgoing connections: a
// server that is down for a while would else find its port taken by somebody's client.
const firstPort, endPort = 10240, 32768

// FreePorts returns ports of 127.0.0.1 on which nothing listens, for servers that give
// them up and take them again.
func FreePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	var last error
	for range 1000 {
		if len(ports) == n {
			return ports, nil
		}
		port := firstPort + rand.IntN(endPort-firstPort)
		ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			last = err
			continue
		}
		defer func() { _ = ln.Close() }() // held until all are found
		ports = append(ports, port)
	}
	return nil, fmt.Errorf("%d free ports from %d to %d: %w", n, firstPort, endPort-1, last)
}

func properties(id, port, controller int, dir string, voters, extra []string) string {
	copies := min(len(voters), 3)
	lines := []string{
		"process.roles=broker,controller",
		fmt.Sprintf("node.id=%d", id),
		fmt.Sprintf("listeners=PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d", port, controller),
		fmt.Sprintf("advertised.listeners=PLAINTEXT://127.0.0.1:%d", port),
		"controller.listener.names=CONTROLLER",
		"controller.quorum.voters=" + strings.Join(voters, ","),
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"inter.broker.listener.name=PLAINTEXT",
		"log.dirs=" + dir,
		fmt.Sprintf("default.replication.factor=%d", copies),
		fmt.Sprintf("min.insync.replicas=%d", max(1, copies-1)),
		fmt.Sprintf("offsets.topic.replication.factor=%d", copies),
		"offsets.topic.num.partitions=4",
		fmt.Sprintf("transaction.state.log.replication.factor=%d", copies),
		fmt.Sprintf("transaction.state.log.min.isr=%d", max(1, copies-1)),
		"transaction.state.log.num.partitions=2",
		fmt.Sprintf("share.coordinator.state.topic.replication.factor=%d", copies),
		fmt.Sprintf("share.coordinator.state.topic.min.isr=%d", max(1, copies-1)),
		"group.initial.rebalance.delay.ms=0",
		"num.network.threads=2",
		"num.io.threads=2",
		"log.cleaner.dedupe.buffer.size=4194304",
		"log.segment.bytes=16777216",
		"auto.create.topics.enable=false",
	}
	ports := strings.NewReplacer("{port}", fmt.Sprint(port), "{controller}", fmt.Sprint(controller))
	return ports.Replace(strings.Join(append(lines, extra...), "\n") + "\n")
}
