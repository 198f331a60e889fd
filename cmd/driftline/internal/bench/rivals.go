package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// RivalsConfig of a run beside what others would write.
type RivalsConfig struct {
	Config
	Dir  string   // where the rivals are, .ci/rivals of this repository
	Only []string // names of those to measure; empty = all
}

// minRivalEvents leaves rows for the reference of drift reports.
const minRivalEvents = 3 * referenceRows

// Validate returns every fault, named as on the command line.
func (c RivalsConfig) Validate() error {
	errs := []error{c.Config.Validate()}
	if c.Dir == "" {
		errs = append(errs, errors.New("--dir: empty, want the folder of the consumers, .ci/rivals of the repository"))
	}
	if c.Events < minRivalEvents {
		errs = append(errs, fmt.Errorf("--events: %d, want at least %d here", c.Events, minRivalEvents))
	}
	for _, name := range c.Only {
		if !slices.Contains(RivalNames(), name) {
			errs = append(errs, fmt.Errorf("--only: %q, want some of %s", name, strings.Join(RivalNames(), ", ")))
		}
	}
	return errors.Join(errs...)
}

// RivalsResult is what a run found; times are CPU time of the process that reads.
type RivalsResult struct {
	CPUNanosPerEvent float64      `json:"cpu_ns_per_event"` // ours
	Least            float64      `json:"least"`
	Most             float64      `json:"most"`
	Codec            string       `json:"codec"`
	Features         int          `json:"features"`
	Events           int          `json:"events"`
	EventBytes       float64      `json:"event_bytes"`
	Rounds           int          `json:"rounds"`
	Seed             uint64       `json:"seed"`
	Rivals           []RivalFound `json:"rivals"`
}

// RivalFound is what one of them costs. Ratio is the median over the rounds of its CPU
// time per event over ours in the same round; higher is better for us.
type RivalFound struct {
	Name             string            `json:"name"`
	What             string            `json:"what"`
	CPUNanosPerEvent float64           `json:"cpu_ns_per_event"`
	Least            float64           `json:"least"`
	Most             float64           `json:"most"`
	Ratio            float64           `json:"ratio"`
	RatioLeast       float64           `json:"ratio_least"`
	RatioMost        float64           `json:"ratio_most"`
	Events           int               `json:"events"`
	Versions         map[string]string `json:"versions"`
}

// Rivals measures the collecting role and consumers that others would write, over one
// topic, in rounds in which each reads it once.
func Rivals(ctx context.Context, cfg RivalsConfig) (res RivalsResult, err error) {
	if err := cfg.Validate(); err != nil {
		return res, err
	}
	// Without a slash in it, the name of a program would be looked up in PATH.
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return res, err
	}
	b := &Bench{cfg: cfg.Config}
	b.say("starting a broker")
	stop, err := b.start(ctx)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	x, err := b.exactOf()
	if err != nil {
		return res, err
	}
	var running []*runningRival
	defer func() {
		for _, r := range running {
			err = errors.Join(err, r.stop())
		}
	}()
	for _, r := range allRivals {
		if len(cfg.Only) > 0 && !slices.Contains(cfg.Only, r.name) {
			continue
		}
		b.say("starting %s", r.name)
		r.events = r.reads(len(b.recs))
		rr, err := startRival(ctx, cfg.Dir, r, []string{
			"--brokers=" + b.addr, "--topic=" + inputTopic, fmt.Sprintf("--events=%d", r.events),
			"--features=" + strings.Join(x.names, ","),
			fmt.Sprintf("--reference-from=%d", x.refFrom), fmt.Sprintf("--reference-rows=%d", referenceRows),
		})
		if err != nil {
			return res, err
		}
		running = append(running, rr)
	}
	return b.rounds(ctx, x, running)
}

// reads is how many of the events a pass takes; those of the reference are not among them
// where drift against it is reported.
func (r rival) reads(all int) int {
	n := all
	if r.drift {
		n -= referenceRows
	}
	if r.events > 0 {
		n = min(n, r.events)
	}
	return n
}

// rounds measures; the first round warms everything up and counts for nothing.
func (b *Bench) rounds(ctx context.Context, x *exact, running []*runningRival) (RivalsResult, error) {
	ours, theirs := []float64{}, make([][]float64, len(running))
	for round := range b.cfg.Rounds + 1 {
		b.say("round %d of %d: driftline", round, b.cfg.Rounds)
		ns, err := b.measureOurs(ctx, fmt.Sprintf("rivals-%d", round))
		if err != nil {
			return RivalsResult{}, err
		}
		if round > 0 {
			ours = append(ours, ns)
		}
		for i, r := range running {
			b.say("round %d of %d: %s, %d events", round, b.cfg.Rounds, r.name, r.events)
			res, err := r.pass()
			if err != nil {
				return RivalsResult{}, err
			}
			if err := x.check(r.rival, res, r.events); err != nil {
				return RivalsResult{}, fmt.Errorf("the consumer %s: %w", r.name, err)
			}
			if round > 0 {
				theirs[i] = append(theirs[i], float64(res.CPU)/float64(res.Events))
			}
		}
	}
	return b.rivalsResult(ours, theirs, running), nil
}

// measureOurs is measure of the whole on one processor, as in Ingest.
func (b *Bench) measureOurs(ctx context.Context, group string) (ns float64, err error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	ns, _, err = b.measure(ctx, "whole", group)
	return ns, err
}

func (b *Bench) rivalsResult(ours []float64, theirs [][]float64, running []*runningRival) RivalsResult {
	res := RivalsResult{
		CPUNanosPerEvent: round(median(ours), 1), Least: round(slices.Min(ours), 1), Most: round(slices.Max(ours), 1),
		Codec: b.cfg.Codec, Features: b.cfg.Features, Events: len(b.recs), EventBytes: b.eventBytes(),
		Rounds: b.cfg.Rounds, Seed: b.cfg.Seed,
	}
	for i, r := range running {
		ratios := make([]float64, len(ours))
		for k := range ours {
			ratios[k] = theirs[i][k] / ours[k]
		}
		res.Rivals = append(res.Rivals, RivalFound{
			Name: r.name, What: r.batch, Events: r.events, Versions: r.versions,
			CPUNanosPerEvent: round(median(theirs[i]), 1), Least: round(slices.Min(theirs[i]), 1), Most: round(slices.Max(theirs[i]), 1),
			Ratio: round(median(ratios), 2), RatioLeast: round(slices.Min(ratios), 2), RatioMost: round(slices.Max(ratios), 2),
		})
	}
	return res
}
