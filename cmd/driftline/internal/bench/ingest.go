package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/log"
)

// Topics of the benchmark.
const (
	inputTopic   = "bench.events"
	controlTopic = "bench.control"
	restartTopic = "bench.control-restart"
	countsTopic  = "bench.counts"
	deadTopic    = "bench.dead"
)

var input = log.Partition{Topic: inputTopic}

// Config of a run.
type Config struct {
	Features int
	Events   int
	Rounds   int
	Codec    string // none, gzip, snappy, lz4 or zstd
	Format   string // json or packed
	Seed     uint64
	Self     string // this executable, which is started again as the broker
	// Progress is told what is done next; nil is allowed.
	Progress func(what string)
}

// Validate returns every fault, named as on the command line.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(c.Features >= 1 && c.Features <= sketches.MaxFeatures, "--features: %d, want 1 to %d", c.Features, sketches.MaxFeatures)
	check(c.Events >= 1000 && c.Events <= 4_000_000, "--events: %d, want 1,000 to 4,000,000", c.Events)
	check(c.Rounds >= 1 && c.Rounds <= 99, "--rounds: %d, want 1 to 99", c.Rounds)
	check(slices.Contains(Formats, c.Format), "--format: %q, want one of %s", c.Format, strings.Join(Formats, ", "))
	check(slices.Contains(Codecs, c.Codec), "--codec: %q, want one of %s", c.Codec, strings.Join(Codecs, ", "))
	return errors.Join(errs...)
}

// Codecs are the compressions that can be measured.
var Codecs = []string{"none", "gzip", "snappy", "lz4", "zstd"}

// Result is what a run found; times are CPU time.
type Result struct {
	EventsPerSecondPerCore float64 `json:"events_per_second_per_core"`
	CPUNanosPerEvent       float64 `json:"cpu_ns_per_event"`
	AllocsPerEvent         float64 `json:"allocs_per_event"`
	RatioSumOfLayers       float64 `json:"ratio_sum_of_layers"`
	RatioLibraryDecode     float64 `json:"ratio_library_decode,omitempty"` // of JSON
	RatioPlain             float64 `json:"ratio_plain,omitempty"`          // of JSON
	// RatioCatchUp is the CPU time until a restarted collector stands where the killed one
	// had been, over that of lateness + skew + disorder + 2 panes of input.
	RatioCatchUp float64 `json:"ratio_catch_up"`

	Format     string  `json:"format"`
	Codec      string  `json:"codec"`
	Features   int     `json:"features"`
	Events     int     `json:"events"`
	EventBytes float64 `json:"event_bytes"`
	Rounds     int     `json:"rounds"`
	Seed       uint64  `json:"seed"`
	// Layers is the median of each in ns per event, with the least and the most.
	Layers []Layer `json:"layers"`
}

// Layer is the cost of one of them alone.
type Layer struct {
	Name   string  `json:"name"`
	Nanos  float64 `json:"ns_per_event"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
	Allocs float64 `json:"allocs_per_event"`
}

// Bench is a run under way.
type Bench struct {
	cfg     Config
	log     log.Log
	addr    string
	names   []string // of the features, in their order
	grid    *sketches.Grid
	recs    []log.Record
	control []log.Record
}

// The layers, in the order in which they are measured.
var layerNames = []string{"fetch", "decode", "fold", "whole", "library", "plain"}

// layers are those that can be measured with the format of the events.
func (b *Bench) layers() []string {
	if b.cfg.Format == formatJSON {
		return layerNames
	}
	return layerNames[:4]
}

// Ingest measures.
func Ingest(ctx context.Context, cfg Config) (Result, error) {
	if err := cfg.Validate(); err != nil {
		return Result{}, err
	}
	b := &Bench{cfg: cfg}
	b.say("starting a broker")
	stop, err := b.start(ctx)
	if err != nil {
		return Result{}, err
	}
	res, err := b.run(ctx)
	return res, errors.Join(err, stop())
}

func (b *Bench) say(format string, args ...any) {
	if b.cfg.Progress != nil {
		b.cfg.Progress(fmt.Sprintf(format, args...))
	}
}

// batchBytes is the size of a record batch before compression: 64 events of the default
// case.
const batchBytes = 55_000

// start runs the broker, connects to it and fills the topic.
func (b *Bench) start(ctx context.Context) (stop func() error, err error) {
	addr, kill, err := startBroker(ctx, b.cfg.Self)
	if err != nil {
		return nil, err
	}
	b.addr = addr
	l, err := kafka.Dial(kafka.Config{Brokers: []string{addr}})
	if err != nil {
		return nil, errors.Join(err, kill())
	}
	b.log = l
	stop = func() error { return errors.Join(l.Close(), kill()) }
	if err := b.fill(ctx); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

func (b *Bench) fill(ctx context.Context) (err error) {
	unlimited := map[string]string{"retention.ms": "-1", "retention.bytes": "-1"}
	topics := []log.Topic{}
	for _, name := range []string{inputTopic, controlTopic, restartTopic, countsTopic, deadTopic} {
		topics = append(topics, log.Topic{Name: name, Partitions: 1, Config: unlimited})
	}
	if err := b.log.CreateTopics(ctx, topics); err != nil {
		return err
	}
	b.say("making %d events with %d features", b.cfg.Events, b.cfg.Features)
	ev := newEvents(b.cfg.Features, b.cfg.Seed, time.Now().Add(-24*time.Hour).Truncate(time.Minute))
	grid, err := ev.grid(20_000)
	if err != nil {
		return err
	}
	b.names, b.grid, b.control = ev.names, grid, controlRecords(controlTopic, layout(), grid)
	for _, recs := range [][]log.Record{b.control, controlRecords(restartTopic, restartLayout(), grid)} {
		if err := b.log.Append(ctx, recs); err != nil {
			return err
		}
	}
	b.recs = ev.records(input, b.cfg.Events)
	if b.cfg.Format == formatPacked {
		if err := pack(b.recs); err != nil {
			return err
		}
	}
	b.say("writing them to the broker, compression %s", b.cfg.Codec)
	producer, err := kafka.Dial(kafka.Config{Brokers: []string{b.addr}, Compression: b.cfg.Codec, MaxRequestBytes: batchBytes})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, producer.Close()) }()
	for from := 0; from < len(b.recs); from += 10_000 {
		if err := producer.Append(ctx, b.recs[from:min(from+10_000, len(b.recs))]); err != nil {
			return err
		}
	}
	return nil
}

// run measures round after round.
func (b *Bench) run(ctx context.Context) (Result, error) {
	// One processor: idle ones look for work, which costs CPU time that no event needs.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	times, allocs := map[string][]float64{}, map[string][]float64{}
	var catchUp []float64
	// The first round warms everything up and counts for nothing.
	for round := range b.cfg.Rounds + 1 {
		b.say("round %d of %d", round, b.cfg.Rounds)
		group := fmt.Sprintf("bench-%d", round)
		for _, name := range b.layers() {
			ns, al, err := b.measure(ctx, name, group)
			if err != nil {
				return Result{}, fmt.Errorf("%s: %w", name, err)
			}
			if round > 0 {
				times[name], allocs[name] = append(times[name], ns), append(allocs[name], al)
			}
		}
		ratio, err := b.restarts(ctx, group)
		if err != nil {
			return Result{}, err
		}
		if round > 0 {
			catchUp = append(catchUp, ratio)
		}
	}
	return b.result(times, allocs, catchUp), nil
}

// measure runs one layer and returns its CPU time in ns and its allocations per event.
func (b *Bench) measure(ctx context.Context, name, group string) (ns, allocs float64, err error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, err := cpu()
	if err != nil {
		return 0, 0, err
	}
	n, want := 0, len(b.recs)
	switch name {
	case "fetch":
		n, err = b.fetch(ctx)
	case "decode":
		n, err = b.decode()
	case "fold":
		n, err = b.fold()
	case "whole":
		n, err = b.whole(ctx, group)
	case "library":
		n, err = b.decodeWithLibrary()
	case "plain":
		n, err = b.plain(ctx)
		want = b.plainEvents()
	}
	if err != nil {
		return 0, 0, err
	}
	end, err := cpu()
	if err != nil {
		return 0, 0, err
	}
	runtime.ReadMemStats(&after)
	if n != want {
		return 0, 0, fmt.Errorf("%d events were counted, %d were written", n, want)
	}
	return float64((end - start).Nanoseconds()) / float64(n), float64(after.Mallocs-before.Mallocs) / float64(n), nil
}

func (b *Bench) result(times, allocs map[string][]float64, catchUp []float64) Result {
	r := Result{RatioCatchUp: round(median(catchUp), 3), Format: b.cfg.Format, Codec: b.cfg.Codec, Features: b.cfg.Features, Events: len(b.recs), Rounds: b.cfg.Rounds, Seed: b.cfg.Seed}
	for _, name := range b.layers() {
		t := times[name]
		r.Layers = append(r.Layers, Layer{Name: name, Nanos: median(t), Least: slices.Min(t), Most: slices.Max(t), Allocs: median(allocs[name])})
	}
	r.EventBytes = b.eventBytes()
	r.CPUNanosPerEvent = round(median(times["whole"]), 1)
	r.EventsPerSecondPerCore = math.Round(1e9 / median(times["whole"]))
	r.AllocsPerEvent = round(median(allocs["whole"]), 4)
	// Ratios within a round: what disturbs the machine disturbs both sides.
	ratio := func(f func(i int) float64) float64 {
		all := make([]float64, b.cfg.Rounds)
		for i := range all {
			all[i] = f(i)
		}
		return round(median(all), 3)
	}
	r.RatioSumOfLayers = ratio(func(i int) float64 {
		return times["whole"][i] / (times["fetch"][i] + times["decode"][i] + times["fold"][i])
	})
	if b.cfg.Format != formatJSON {
		return r // the others read JSON
	}
	r.RatioLibraryDecode = ratio(func(i int) float64 { return times["whole"][i] / times["library"][i] })
	r.RatioPlain = ratio(func(i int) float64 { return times["plain"][i] / times["whole"][i] })
	return r
}

// eventBytes is the mean size of an event.
func (b *Bench) eventBytes() float64 {
	size := 0
	for i := range b.recs {
		size += len(b.recs[i].Value)
	}
	return round(float64(size)/float64(len(b.recs)), 1)
}

func median(x []float64) float64 {
	s := slices.Clone(x)
	slices.Sort(s)
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

func round(x float64, digits int) float64 {
	p := math.Pow10(digits)
	return math.Round(x*p) / p
}
