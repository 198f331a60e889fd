package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"

	"github.com/driftline/driftline/stream/kafka/embedded"
)

// ServeBroker runs a broker that keeps everything in memory, writes its address as one
// line to out, and ends when in does: so it cannot outlive the process that started it.
func ServeBroker(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	e, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if _, err := fmt.Fprintln(out, e.Addr()); err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, in) // only its end matters
		close(gone)
	}()
	select {
	case <-ctx.Done():
	case <-gone:
	}
	return nil
}

// startBroker starts self as a broker. stop ends it and waits.
func startBroker(ctx context.Context, self string) (addr string, stop func() error, err error) {
	cmd := exec.CommandContext(ctx, self, "bench", "broker")
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("start the broker: %w", err)
	}
	stop = func() error { return errors.Join(in.Close(), cmd.Wait()) }
	line, err := bufio.NewReader(out).ReadString('\n')
	addr = strings.TrimSpace(line)
	if err == nil {
		_, _, err = net.SplitHostPort(addr)
	}
	if err != nil {
		return "", nil, fmt.Errorf("start the broker: %w: %s", errors.Join(err, stop()), said.String())
	}
	return addr, stop, nil
}
