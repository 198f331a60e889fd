package metrics

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

// Limits of reading the database for a scrape.
const (
	ReadTimeout      = 3 * time.Second // below the usual scrape timeout of 10 s
	CacheFor         = 5 * time.Second // several scrapers at once cost one reading
	DefaultMaxSeries = 50_000
	DefaultTop       = 10
)

// Config is what Metrics needs to know.
type Config struct {
	// Store is read at each scrape; nil in a process without a database, which then
	// shows only what it counts itself.
	Store  *store.Store
	Layout wire.Layout // windows and input topics; may be zero without Store
	NowMS  func() int64
	// Historical says that record times are old on purpose, so that ages against the
	// wall clock mean nothing and are left out.
	Historical bool
	MaxSeries  int // of the database's metrics; 0: DefaultMaxSeries
	Top        int // features per model; 0: DefaultTop
	// Lag returns the reading positions of this process; nil where it reads nothing.
	Lag func() []Lag
	// Ingest are the results of requests with events over HTTP; none in a process that
	// takes no events.
	Ingest []string
	// Judged returns the event time up to which this process has judged, over all
	// partitions it judges; ok is false before the first. nil where it judges nothing.
	Judged func() (ms int64, ok bool)
	// Memory returns the account of this process's counting and judging; nil where it
	// does neither.
	Memory func() Memory
	// Failed is told why the database could not be read, at most once per CacheFor;
	// nil is allowed.
	Failed func(error)
}

// Lag is how far a partition has been read.
type Lag struct {
	Topic     string
	Partition int32
	Next, End int64 // offset read next, and one past the last record
}

// Memory is what counting and judging may need at most, in bytes; 0 where this process
// does not do it.
type Memory struct{ Collect, Evaluate, Limit int64 }

// Validate returns all faults.
func (c Config) Validate() error {
	var errs []error
	if c.NowMS == nil {
		errs = append(errs, errors.New("metrics: no clock"))
	}
	if c.MaxSeries < 0 || c.Top < 0 {
		errs = append(errs, fmt.Errorf("metrics: at most %d series and %d features per model, must not be negative", c.MaxSeries, c.Top))
	}
	if c.Store != nil {
		if err := c.Layout.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("metrics: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Metrics is a prometheus.Collector over the database and the counters of the
// process. Its methods are safe for concurrent use.
type Metrics struct {
	cfg      Config
	descs    map[string]*prometheus.Desc // of what is read, by name
	counters []prometheus.Collector      // of what is counted

	repeated, rebalances, lost, writes, deliveries, events *prometheus.CounterVec
	requests                                               *prometheus.CounterVec // of events over HTTP
	damaged                                                *prometheus.CounterVec
	ingested, ingestedBytes                                prometheus.Counter
	late, differing, unreadable, refused                   prometheus.Counter
	notAdmitted                                            prometheus.Counter
	delay                                                  prometheus.Histogram

	names sync.RWMutex    // guards known; never held across I/O
	known map[string]bool // models that may stand in a label

	mu       sync.Mutex // guards what follows; held while the database is read, so that scrapes share one reading
	cached   *snapshot
	tally    tally
	outcomes map[[2]string]float64 // retrains by model and outcome: never falls
}

// New makes the metrics and registers them. Nothing is read yet.
func New(reg prometheus.Registerer, cfg Config) (*Metrics, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.MaxSeries == 0 {
		cfg.MaxSeries = DefaultMaxSeries
	}
	if cfg.Top == 0 {
		cfg.Top = DefaultTop
	}
	m := &Metrics{cfg: cfg, descs: map[string]*prometheus.Desc{}, known: map[string]bool{}, outcomes: map[[2]string]float64{}}
	m.makeCounters()
	for _, e := range catalog {
		m.descs[e.Name] = desc(e.Name)
	}
	if err := reg.Register(m); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, name := range read {
		ch <- m.descs[name]
	}
	for _, c := range m.counters {
		c.Describe(ch)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	for _, c := range m.counters {
		c.Collect(ch)
	}
	out := &output{ch: ch, descs: m.descs}
	if m.cfg.Lag != nil {
		for _, l := range m.cfg.Lag() {
			out.gauge("driftline_stream_lag_records", float64(max(0, l.End-l.Next)), clean(l.Topic), fmt.Sprint(l.Partition))
		}
	}
	if m.cfg.Judged != nil {
		if ms, ok := m.cfg.Judged(); ok {
			out.gauge("driftline_stream_judged_timestamp_seconds", float64(ms)/1000)
		}
	}
	if m.cfg.Memory != nil {
		if b := m.cfg.Memory(); b.Limit > 0 {
			for role, bytes := range map[string]int64{"collect": b.Collect, "evaluate": b.Evaluate} {
				if bytes > 0 {
					out.gauge("driftline_stream_memory_bound_bytes", float64(bytes), role)
				}
			}
			out.gauge("driftline_stream_memory_limit_bytes", float64(b.Limit))
		}
	}
	if m.cfg.Store != nil {
		m.collectStore(out)
	}
}

// output sends metrics of the catalog.
type output struct {
	ch    chan<- prometheus.Metric
	descs map[string]*prometheus.Desc
}

func (o *output) gauge(name string, v float64, labels ...string) {
	o.ch <- prometheus.MustNewConstMetric(o.descs[name], prometheus.GaugeValue, v, labels...)
}

func (o *output) counter(name string, v float64, labels ...string) {
	o.ch <- prometheus.MustNewConstMetric(o.descs[name], prometheus.CounterValue, v, labels...)
}
