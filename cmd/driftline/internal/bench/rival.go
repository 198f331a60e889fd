package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// rival is a consumer that others would write, as a program of its own.
//
// Its protocol: one JSON line with its versions when ready; then for each line that it
// reads one pass over the topic, and one JSON line about that pass. It ends with its
// standard input, so it cannot outlive the process that started it.
type rival struct {
	name string
	run  []string // the program below the directory of rivals, and its first arguments
	// events is the most that it reads in a pass; 0 = all. The slow ones read fewer, so
	// that a round ends; a pass costs the more per event the shorter it is, so each is
	// as long as is good for it.
	events int
	// drift says that it reports drift against a reference instead of quantiles.
	drift bool
	// batch is what the events of a pass pay together.
	batch string
}

var allRivals = []rival{
	{name: "java", run: []string{"java/run"}, batch: "KLL sketches per minute"},
	{name: "whylogs", run: []string{"python/run", "whylogs"}, events: 60_000, batch: "profile per minute, frames of 10,000 rows"},
	{name: "whylogs-rows", run: []string{"python/run", "whylogs", "--rows"}, events: 4_000, batch: "profile per minute, row by row"},
	{name: "evidently", run: []string{"python/run", "evidently"}, events: 60_000, drift: true, batch: "drift report of one minute's rows"},
}

// RivalNames are the rivals that can be asked for.
func RivalNames() []string {
	names := make([]string, len(allRivals))
	for i, r := range allRivals {
		names[i] = r.name
	}
	return names
}

// passResult is what a rival says of one pass; times in ns.
type passResult struct {
	Events    int                  `json:"events"`
	CPU       int64                `json:"cpu_ns"`
	Wall      int64                `json:"wall_ns"`
	Quantiles map[string][]float64 `json:"quantiles"` // by feature: of rank 0.1, 0.5 and 0.9
	Drift     map[string]float64   `json:"drift"`     // by feature: Wasserstein distance over the reference's standard deviation
}

// runningRival is a rival that is ready for a pass.
type runningRival struct {
	rival
	versions map[string]string
	in       io.WriteCloser
	out      *bufio.Reader
	cmd      *exec.Cmd
	cancel   context.CancelFunc
	said     *tail
}

// Bounds of what a rival may take and say.
const (
	maxPass     = 15 * time.Minute // one pass, and the start
	maxLine     = 1 << 20
	maxSaid     = 4 << 10
	endPatience = 10 * time.Second
)

// startRival starts a rival in a directory and waits until it is ready.
func startRival(ctx context.Context, dir string, r rival, args []string) (*runningRival, error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, filepath.Join(dir, r.run[0]), append(append([]string{}, r.run[1:]...), args...)...)
	cmd.WaitDelay = endPatience
	rr := &runningRival{rival: r, cmd: cmd, cancel: cancel, said: &tail{}}
	cmd.Stderr = rr.said
	in, err := cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	rr.in, rr.out = in, bufio.NewReaderSize(out, maxLine)
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("start the consumer %s: %w; .ci/prepare rivals fetches what it needs", r.name, err)
	}
	line, err := rr.answer()
	if err == nil {
		rr.versions, err = parseVersions(line)
	}
	if err != nil {
		return nil, errors.Join(rr.fail("start", err), rr.stop())
	}
	return rr, nil
}

// pass asks for one and waits for it.
func (r *runningRival) pass() (passResult, error) {
	if _, err := io.WriteString(r.in, "pass\n"); err != nil {
		return passResult{}, r.fail("ask", err)
	}
	line, err := r.answer()
	if err != nil {
		return passResult{}, r.fail("read the result of", err)
	}
	res, err := parsePass(line)
	if err != nil {
		return passResult{}, r.fail("read the result of", err)
	}
	return res, nil
}

// answer is the next line; a rival that keeps silent for too long is killed.
func (r *runningRival) answer() ([]byte, error) {
	timer := time.AfterFunc(maxPass, r.cancel)
	line, err := r.out.ReadSlice('\n')
	if !timer.Stop() {
		return nil, fmt.Errorf("no answer within %s", maxPass)
	}
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("a line of more than %d bytes", maxLine)
	}
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it ended without an answer")
	}
	return line, err
}

func (r *runningRival) fail(what string, err error) error {
	if said := strings.TrimSpace(r.said.String()); said != "" {
		return fmt.Errorf("%s the consumer %s: %w: %s", what, r.name, err, said)
	}
	return fmt.Errorf("%s the consumer %s: %w", what, r.name, err)
}

// stop ends the rival and waits for it.
func (r *runningRival) stop() error {
	defer r.cancel()
	_ = r.in.Close() // it may have ended by itself; Wait tells
	timer := time.AfterFunc(endPatience, r.cancel)
	defer timer.Stop()
	if err := r.cmd.Wait(); err != nil {
		return r.fail("end", err)
	}
	return nil
}

func parseVersions(line []byte) (map[string]string, error) {
	var hello struct {
		Versions map[string]string `json:"versions"`
	}
	if err := json.Unmarshal(line, &hello); err != nil {
		return nil, fmt.Errorf("versions %.80q: %w", line, err)
	}
	if len(hello.Versions) == 0 {
		return nil, fmt.Errorf("no versions in %.80q", line)
	}
	return hello.Versions, nil
}

func parsePass(line []byte) (passResult, error) {
	var res passResult
	if err := json.Unmarshal(line, &res); err != nil {
		return res, fmt.Errorf("result %.80q: %w", line, err)
	}
	if res.Events <= 0 || res.CPU <= 0 || res.Wall <= 0 {
		return res, fmt.Errorf("result of %d events, %d ns CPU, %d ns in all; want all of them over 0", res.Events, res.CPU, res.Wall)
	}
	return res, nil
}

// tail keeps the last of what is written to it; os/exec writes from a goroutine of its own.
type tail struct {
	mu sync.Mutex // guards b
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if len(t.b) > maxSaid {
		t.b = append([]byte(nil), t.b[len(t.b)-maxSaid:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}
