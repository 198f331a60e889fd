package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/driftline/driftline/stream/evaluate"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// delayBuckets span a window step to a day, in seconds.
var delayBuckets = []float64{60, 120, 300, 600, 1200, 1800, 3600, 2 * 3600, 6 * 3600, 24 * 3600}

func (m *Metrics) makeCounters() {
	vec := func(name string) *prometheus.CounterVec {
		e := entry(name)
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: e.Name, Help: e.Help}, e.Labels)
		m.counters = append(m.counters, c)
		return c
	}
	one := func(name string) prometheus.Counter {
		e := entry(name)
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: e.Name, Help: e.Help})
		m.counters = append(m.counters, c)
		return c
	}
	m.rebalances = vec("driftline_stream_rebalances_total")
	m.repeated = vec("driftline_stream_repeated_total")
	m.lost = vec("driftline_stream_lost_records_total")
	m.writes = vec("driftline_registry_writes_total")
	m.deliveries = vec("driftline_notify_deliveries_total")
	m.events = vec("driftline_drift_events_total")
	m.late = one("driftline_stream_late_counts_total")
	m.differing = one("driftline_stream_contradicting_counts_total")
	m.unreadable = one("driftline_stream_unreadable_total")
	m.refused = one("driftline_stream_refused_settings_total")
	m.requests = vec("driftline_ingest_requests_total")
	m.ingested = one("driftline_ingest_events_total")
	m.ingestedBytes = one("driftline_ingest_bytes_total")
	m.damaged = vec("driftline_stream_damaged_state_total")
	for _, result := range []string{"rebuilt", "lost"} {
		m.damaged.WithLabelValues(result)
	}
	m.notAdmitted = one("driftline_stream_not_admitted_total")
	e := entry("driftline_drift_detection_delay_seconds")
	m.delay = prometheus.NewHistogram(prometheus.HistogramOpts{Name: e.Name, Help: e.Help, Buckets: delayBuckets})
	m.counters = append(m.counters, m.delay)
	// A rate needs a sample before the first failure.
	for _, result := range []string{"ok", "failed"} {
		m.writes.WithLabelValues(result)
	}
	for _, result := range m.cfg.Ingest {
		m.requests.WithLabelValues(result)
	}
	for _, in := range m.cfg.Layout.Inputs {
		m.lost.WithLabelValues(clean(in.Topic))
	}
}

// Retried counts a call that is tried again. It fits loop.IO.Retried.
func (m *Metrics) Retried(what string, _ int, _ error) {
	m.repeated.WithLabelValues(repeatedWord(what)).Inc()
}

// Rebalanced counts a generation of the group of a role, collect or evaluate.
func (m *Metrics) Rebalanced(role string) { m.rebalances.WithLabelValues(role).Inc() }

// Lost counts records that retention removed before they were read. It fits
// loop.IO.Counted.
func (m *Metrics) Lost(p log.Partition, _ string, n int64) {
	if n > 0 {
		m.lost.WithLabelValues(clean(p.Topic)).Add(float64(n))
	}
}

// RegistryWrite counts a write of a client to the registry; err is nil if it was
// stored, or an error that is not the client's fault.
func (m *Metrics) RegistryWrite(err error) { m.writes.WithLabelValues(result(err)).Inc() }

// Delivery counts a notification. channel comes from the configuration.
func (m *Metrics) Delivery(channel string, err error) {
	m.deliveries.WithLabelValues(clean(channel), result(err)).Inc()
}

// Ingested counts a request with events over HTTP. It fits ingest.Config.Count.
func (m *Metrics) Ingested(result string, events, bytes int) {
	m.requests.WithLabelValues(oneOf(result, m.cfg.Ingest...)).Inc()
	m.ingested.Add(float64(events))
	m.ingestedBytes.Add(float64(bytes))
}

func result(err error) string {
	if err != nil {
		return "failed"
	}
	return "ok"
}

// Event counts a stored drift event. eventType is the CloudEvents type, such as
// dev.driftline.drift.detected.v1; timeMS its event time, 0 where that says nothing about
// the stream's delay.
func (m *Metrics) Event(model, eventType string, timeMS int64) {
	kind, what := eventWords(eventType)
	m.events.WithLabelValues(m.modelLabel(model), kind, what).Inc()
	if what == "detected" && timeMS != 0 && !m.cfg.Historical {
		m.delay.Observe(float64(max(0, m.cfg.NowMS()-timeMS)) / 1000)
	}
}

// segmentKind is the kind of drift events that are about a part of the traffic: under that
// of drift they would count what moved once for all of the traffic and once for each part.
const segmentKind = "segment"

// SegmentEvent counts a stored drift event about a part of the traffic.
func (m *Metrics) SegmentEvent(model, eventType string) {
	_, what := eventWords(eventType)
	m.events.WithLabelValues(m.modelLabel(model), segmentKind, what).Inc()
}

// eventWords are the kind and what happened, by the type of an event.
func eventWords(eventType string) (kind, what string) {
	parts := strings.Split(eventType, ".")
	if len(parts) != 5 {
		return "other", "other"
	}
	return oneOf(parts[2], "drift", "quality", "performance", "joint", wire.KindOfPrediction), oneOf(parts[3], "detected", "ongoing", "worsened", "resolved", "stale", "superseded", "warned")
}

func oneOf(s string, known ...string) string {
	for _, k := range known {
		if s == k {
			return k
		}
	}
	return "other"
}

// Know adds models that may stand in labels before the database has been read.
func (m *Metrics) Know(models ...string) {
	m.names.Lock()
	defer m.names.Unlock()
	for _, name := range models {
		m.known[name] = true
	}
}

// modelLabel returns the label of a model, Unknown where nobody watches it.
func (m *Metrics) modelLabel(model string) string {
	m.names.RLock()
	defer m.names.RUnlock()
	if !m.known[model] {
		return Unknown
	}
	return clean(model)
}

// Judging counts what one worker of the judging side meets. Make one per partition;
// not safe for concurrent use.
type Judging struct {
	m    *Metrics
	last evaluate.Stats
}

// Judging returns a counter for one partition.
func (m *Metrics) Judging() *Judging { return &Judging{m: m} }

// Observe takes the worker's counts so far. They may start at zero again.
func (j *Judging) Observe(s evaluate.Stats) {
	add := func(c prometheus.Counter, now, last uint64) {
		if now < last {
			last = 0 // the worker was loaded again
		}
		c.Add(float64(now - last))
	}
	add(j.m.late, s.LatePartials, j.last.LatePartials)
	add(j.m.differing, s.LateDiffering+s.Contradicted, j.last.LateDiffering+j.last.Contradicted)
	add(j.m.unreadable, s.Undecodable+s.WrongFold, j.last.Undecodable+j.last.WrongFold)
	add(j.m.refused, uint64(max(0, s.ControlRefused)), uint64(max(0, j.last.ControlRefused)))
	add(j.m.damaged.WithLabelValues("rebuilt"), s.RebuiltSlots, j.last.RebuiltSlots)
	add(j.m.damaged.WithLabelValues("lost"), s.LostSlots, j.last.LostSlots)
	add(j.m.notAdmitted, s.NotAdmitted, j.last.NotAdmitted)
	j.last = s
}
