// Command gotest runs "go test -json" with its arguments and shows what a person
// wants to read: one line per package, the whole output of what failed, every skip
// with its reason, and the sums as the last line.
//
// In CI (variable CI set, and no -short among the arguments) a skipped test fails
// the run: there, everything a test needs is in place.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	strict := os.Getenv("CI") != "" && !slices.Contains(os.Args[1:], "-short")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ok, err := run(ctx, os.Args[1:], strict, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run starts go test and reports on it; true if nothing failed.
func run(ctx context.Context, args []string, strict bool, out io.Writer) (bool, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("start go test: %w", err)
	}
	r := newReport(out)
	readErr := r.read(pipe)
	waitErr := cmd.Wait()
	ok := r.close(strict)
	var exit *exec.ExitError
	if errors.As(waitErr, &exit) {
		return false, readErr // the report has said why
	}
	return ok, errors.Join(readErr, waitErr)
}

// event is one line of go test -json (go doc test2json).
type event struct {
	Action, Package, Test, Output string
}

// test names one test; an empty name is the package itself.
type test struct{ pkg, name string }

// report gathers output per test until it is known whether anyone needs it.
type report struct {
	out                     io.Writer
	pending                 map[test][]string
	order                   []test // of pending, as first met
	skips                   []string
	failedIn                map[string]bool // packages with a failed test
	passed, failed, skipped int
}

func newReport(out io.Writer) *report {
	return &report{out: out, pending: map[test][]string{}, failedIn: map[string]bool{}}
}

// read takes the stream to its end. A line that is no JSON is shown as it is.
func (r *report) read(stream io.Reader) error {
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil {
				fmt.Fprint(r.out, line)
			} else {
				r.take(e)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the output of go test: %w", err)
		}
	}
}

func (r *report) take(e event) {
	t := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "output":
		if _, met := r.pending[t]; !met {
			r.order = append(r.order, t)
		}
		r.pending[t] = append(r.pending[t], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.packageDone(t, e.Action)
		} else {
			r.testDone(t, e.Action)
		}
	}
}

func (r *report) testDone(t test, action string) {
	text := r.drop(t)
	switch action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		r.failedIn[t.pkg] = true
		fmt.Fprint(r.out, text)
	case "skip":
		r.skipped++
		r.skips = append(r.skips, fmt.Sprintf("%s %s: %s", t.pkg, t.name, reason(text)))
	}
}

// packageDone shows the closing line of a package, and all it said if it failed:
// then also what tests said that never ended.
func (r *report) packageDone(t test, action string) {
	if action == "fail" {
		for _, other := range slices.Clone(r.order) {
			if other.pkg == t.pkg && other.name != "" {
				r.failed++
				r.failedIn[t.pkg] = true
				fmt.Fprint(r.out, r.drop(other))
			}
		}
		if !r.failedIn[t.pkg] {
			r.failed++ // it did not build, or failed outside a test
		}
	}
	for line := range strings.Lines(r.drop(t)) {
		if action == "fail" || strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "goos:") || strings.HasPrefix(line, "Benchmark") {
			fmt.Fprint(r.out, line)
		}
	}
}

// drop forgets the output of a test and returns it.
func (r *report) drop(t test) string {
	text := strings.Join(r.pending[t], "")
	delete(r.pending, t)
	r.order = slices.DeleteFunc(r.order, func(other test) bool { return other == t })
	return text
}

// reason finds what a skipped test said: its lines but the frame of go test.
func reason(text string) string {
	var said []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}

// close prints skips and sums; true if the run is good.
func (r *report) close(strict bool) bool {
	for _, s := range r.skips {
		fmt.Fprintln(r.out, "SKIP", s)
	}
	if strict && r.skipped > 0 {
		fmt.Fprintln(r.out, "FAIL: skipped tests are failures in CI; .ci/prepare must bring what they need")
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	return r.failed == 0 && (!strict || r.skipped == 0)
}
