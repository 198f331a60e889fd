package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/robfig/cron/v3"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/trainer/gbdt"
)

// Validate returns every fault at once, each a *Fault.
func (c *Config) Validate() error { return errors.Join(c.check(func(string) string { return "" })...) }

// checker gathers faults, each with the place its value came from.
type checker struct {
	origin func(key string) string
	faults []error
}

func (k *checker) bad(key, format string, args ...any) {
	where, at := k.origin(key), key
	for where == "default" && at != "" { // left out: the place of the section then
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
		where = k.origin(at)
	}
	if where == "default" {
		where = ""
	}
	k.faults = append(k.faults, &Fault{Where: where, Key: key, Text: fmt.Sprintf(format, args...)})
}

// must adds a fault unless ok.
func (k *checker) must(ok bool, key, format string, args ...any) {
	if !ok {
		k.bad(key, format, args...)
	}
}

// whole asks for an integer in [lo, hi].
func (k *checker) whole(key string, v, lo, hi int) {
	k.must(v >= lo && v <= hi, key, "%d; want %d to %d", v, lo, hi)
}

// share asks for a number in [0, 1].
func (k *checker) share(key string, v float64) { k.must(v >= 0 && v <= 1, key, "%v; want 0 to 1", v) }

// span asks for a duration in whole milliseconds of at least lo.
func (k *checker) span(key string, v, lo Duration) {
	switch {
	case v < lo:
		k.bad(key, "%s; want at least %s", v, lo)
	case v%Duration(1e6) != 0:
		k.bad(key, "%s; want whole milliseconds", v)
	}
}

func (k *checker) enum(key, v string, allowed ...string) {
	k.must(slices.Contains(allowed, v), key, "%q; want %s", v, oneOf(allowed))
}

// address asks for host:port; port 0 only where a free one may be taken.
func (k *checker) address(key, v string, zero bool) {
	host, port, err := net.SplitHostPort(v)
	n, numErr := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil || strings.ContainsAny(host, ", \t/"):
		k.bad(key, "%q is not host:port", v)
	case numErr != nil || n == 0 && !zero:
		k.bad(key, "%q: port %q; want 1 to 65535", v, port)
	}
}

var (
	topicName     = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`) // Kafka's own rule
	namespaceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)
)

func (c *Config) check(origin func(string) string) []error {
	k := &checker{origin: origin}
	k.must(namespaceName.MatchString(c.Namespace), "namespace", "%q; want 1 to 63 of a-z, 0-9, dot, dash and underscore, a letter or digit at both ends", c.Namespace)
	k.must(c.DataDir != "", "data_dir", "empty; want a directory")
	k.enum("log.level", c.Log.Level, "debug", "info", "warn", "error")
	k.enum("log.format", c.Log.Format, "auto", "console", "json")
	k.address("http.listen", c.HTTP.Listen, true)
	if p := c.HTTP.BasePath; p != "" {
		k.must(strings.HasPrefix(p, "/") && !strings.HasSuffix(p, "/") && !strings.ContainsAny(p, "?#\\ ") && !strings.Contains(p, "//") && !strings.Contains(p, ".."),
			"http.base_path", "%q; want a path such as /driftline, without a slash at its end", p)
	}
	for i, h := range c.HTTP.AllowedHosts {
		k.must(h != "" && !strings.ContainsAny(h, "/ ,@"), fmt.Sprintf("http.allowed_hosts[%d]", i), "%q; want a host name", h)
	}
	k.address("ops.listen", c.Ops.Listen, true)
	c.checkBroker(k)
	c.checkTopics(k)
	c.checkRegistry(k)
	c.checkIngest(k)
	c.checkStream(k)
	k.enum("admission.mode", c.Admission.Mode, "off", "auto")
	k.whole("admission.max_models", c.Admission.MaxModels, 1, 100_000)
	c.Policy.check(k, "policy", c.Stream.Windows)
	c.Policy.checkReferences(k, "policy", &c.Stream)
	seen := map[string]int{}
	for i := range c.Models {
		m, key := &c.Models[i], fmt.Sprintf("models[%d]", i)
		if first, twice := seen[m.Name]; twice {
			k.bad(key+".name", "%q stands twice, first as models[%d]", m.Name, first)
		} else {
			seen[m.Name] = i
		}
		m.check(k, key, c.Stream.Windows)
		m.Policy.checkReferences(k, key+".policy", &c.Stream)
	}
	c.checkStores(k)
	c.checkTrainer(k)
	return k.faults
}

func (c *Config) checkBroker(k *checker) {
	b := &c.Broker
	for i, a := range b.Brokers {
		k.address(fmt.Sprintf("broker.brokers[%d]", i), a, false)
		host, _, _ := net.SplitHostPort(a)
		k.must(host != "" || !strings.HasPrefix(a, ":"), fmt.Sprintf("broker.brokers[%d]", i), "%q names no host", a)
	}
	k.address("broker.listen", b.Listen, true)
	if b.Advertise != "" {
		k.address("broker.advertise", b.Advertise, false)
	}
	k.must(b.ClientID != "", "broker.client_id", "empty; want a name")
	k.must(b.Group != "", "broker.group", "empty; want a name")
	k.span("broker.timestamp_before_max", b.TimestampBeforeMax, 0)
	k.span("broker.timestamp_after_max", b.TimestampAfterMax, 1*second)
	k.whole("broker.replicas", b.Replicas, 1, 32767)
	k.must(b.RetentionBytes >= 1<<20, "broker.retention_bytes", "%s; want at least 1MiB", b.RetentionBytes)
	k.must((b.TLS.CertFile == "") == (b.TLS.KeyFile == ""), "broker.tls.cert_file", "%q with key_file %q; want both or neither", b.TLS.CertFile, b.TLS.KeyFile)
	if !b.TLS.Enabled {
		k.must(b.TLS == TLS{}, "broker.tls.enabled", "false, but other keys of broker.tls are set")
	}
	s := b.SASL
	k.enum("broker.sasl.mechanism", s.Mechanism, "", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
	if s.Mechanism == "" {
		k.must(s == SASL{}, "broker.sasl.mechanism", `"", but other keys of broker.sasl are set`)
	} else {
		k.must(s.Username != "", "broker.sasl.username", "empty; %s needs one", s.Mechanism)
		k.must(s.PasswordFile != "", "broker.sasl.password_file", "empty; %s needs one", s.Mechanism)
	}
	if c.Embedded() {
		k.must(!b.TLS.Enabled, "broker.tls.enabled", "true without broker.brokers; the embedded broker speaks plain text on this machine")
		k.must(s.Mechanism == "", "broker.sasl.mechanism", "%q without broker.brokers; the embedded broker asks for no login", s.Mechanism)
	}
}

func (c *Config) checkTopics(k *checker) {
	t := &c.Topics
	k.must(topicName.MatchString(t.Prefix) && len(t.Prefix) <= 200, "topics.prefix", "%q; want up to 200 of a-z, A-Z, 0-9, dot, dash and underscore", t.Prefix)
	events, seen := 0, map[string]bool{}
	for i, in := range t.Inputs {
		key := fmt.Sprintf("topics.inputs[%d]", i)
		k.must(topicName.MatchString(in.Topic) && in.Topic != "." && in.Topic != "..", key+".topic", "%q; want a topic name: up to 249 of a-z, A-Z, 0-9, dot, dash and underscore", in.Topic)
		k.must(!seen[in.Topic], key+".topic", "%q stands twice", in.Topic)
		k.must(!strings.HasPrefix(in.Topic, t.Prefix+"."), key+".topic", "%q begins like Driftline's own topics, %s.*", in.Topic, t.Prefix)
		seen[in.Topic] = true
		k.enum(key+".role", in.Role, "events", "labels")
		c.checkMapping(k, key, in)
		k.whole(key+".incarnation", in.Incarnation, 0, math.MaxInt32)
		if in.Role == "events" {
			events++
		}
	}
	k.must(events > 0, "topics.inputs", "no topic with role events; want at least one")
	k.whole("topics.input_partitions", t.InputPartitions, 1, 100_000)
	k.span("topics.input_retention", t.InputRetention, 1*hour)
}

func (c *Config) checkStream(k *checker) {
	s := &c.Stream
	k.span("stream.resolution", s.Resolution, 1*second)
	k.whole("stream.slide", s.Slide, 1, 100_000)
	k.span("stream.lateness", s.Lateness, 0)
	k.span("stream.skew", s.Skew, 0)
	k.span("stream.disorder", s.Disorder, 0)
	k.whole("stream.partitions", s.Partitions, 1, 4096)
	k.enum("stream.idle", s.Idle, "auto", "off")
	k.enum("stream.assignment", s.Assignment, "static", "group")
	k.whole("stream.worker_count", s.WorkerCount, 1, 100_000)
	k.must(s.Assignment != "group" || s.WorkerCount == 1, "stream.worker_count", "%d with assignment: group; leave it out, the broker shares the partitions", s.WorkerCount)
	k.whole("stream.worker_index", s.WorkerIndex, 0, max(0, s.WorkerCount-1))
	k.must(s.RecordLimit >= 1024 && s.RecordLimit <= 64<<20, "stream.record_limit", "%s; want 1KiB to 64MiB", s.RecordLimit)
	k.whole("stream.versions", s.Versions, 1, 16)
	k.must(s.MemoryLimit >= 64<<20, "stream.memory_limit", "%s; want at least 64MiB", s.MemoryLimit)
	k.must(s.Thin >= 1e-6 && s.Thin <= 1, "stream.thin", "%v; want 0.000001 to 1", s.Thin)
	k.whole("stream.feature_limit", s.FeatureLimit, 1, 2000)
	k.must(len(s.Windows) >= 1 && len(s.Windows) <= 16, "stream.windows", "%d of them; want 1 to 16", len(s.Windows))
	if s.Resolution <= 0 || s.Slide < 1 {
		return
	}
	slide := s.Resolution * Duration(s.Slide)
	for i, w := range s.Windows {
		key := fmt.Sprintf("stream.windows[%d]", i)
		step, name := s.Resolution, "stream.resolution"
		if w > 2*slide {
			step, name = slide, "stream.slide × stream.resolution, by which windows of this length slide"
		}
		switch {
		case w < s.Resolution:
			k.bad(key, "%s is shorter than stream.resolution, %s", w, s.Resolution)
		case w%step != 0:
			k.bad(key, "%s is no multiple of %s, %s", w, step, name)
		case i > 0 && w <= s.Windows[i-1]:
			k.bad(key, "%s after %s; want ascending lengths", w, s.Windows[i-1])
		}
	}
}

func (c *Config) checkStores(k *checker) {
	if text := c.Store.DatabaseURL.Reveal(); text != "" {
		scheme, _, found := strings.Cut(text, ":")
		scheme, _, _ = strings.Cut(strings.ToLower(scheme), "+")
		k.must(!found || !strings.Contains(text, "://") || slices.Contains([]string{"postgres", "postgresql", "sqlite"}, scheme),
			"store.database_url", "scheme %q; want postgres:// or sqlite:", scheme)
	}
	if root := c.Artifacts.Root; strings.Contains(root, "://") {
		k.must(strings.HasPrefix(root, "s3://") || strings.HasPrefix(root, "file:///"), "artifacts.root", "%q; want a directory, file:///directory or s3://bucket/prefix", root)
	}
	if e := c.Artifacts.S3Endpoint; e != "" {
		u, err := url.Parse(e)
		k.must(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", "artifacts.s3_endpoint", "%q; want http://host:port or https://host", e)
	}
	for name, u := range c.Sources {
		k.must(u != "", "sources."+name, "empty; want the URL of a database")
	}
	h := &c.Historian
	for _, d := range []struct {
		key string
		v   int
	}{{"example_days", h.ExampleDays}, {"score_days", h.ScoreDays}, {"event_days", h.EventDays}, {"count_days", h.CountDays}} {
		k.whole("historian."+d.key, d.v, 1, 36_500)
	}
	k.whole("historian.batch_rows", h.BatchRows, 1, 500)
}

func (c *Config) checkTrainer(k *checker) {
	t := &c.Trainer
	k.span("trainer.lease", t.Lease, 5*second)
	k.enum("trainer.scheduler", t.Scheduler, "trainer", "cronjob")
	k.whole("trainer.threads", t.Threads, 0, 256)
	if t.Schedule != "" {
		if _, err := cron.ParseStandard(t.Schedule); err != nil {
			k.bad("trainer.schedule", "%q is no cron expression of five fields such as \"0 3 * * *\": %v", t.Schedule, err)
		}
		k.must(t.Scheduler == "trainer", "trainer.schedule", "%q with trainer.scheduler cronjob; the schedule then stands in the CronJob", t.Schedule)
	}
}

// check adds the faults of one model.
func (m *Model) check(k *checker, key string, windows []Duration) {
	k.must(m.Name != "" && len(m.Name) <= 256 && !strings.HasPrefix(m.Name, "_"), key+".name", "%q; want 1 to 256 bytes, not beginning with an underscore", m.Name)
	k.enum(key+".features_from", m.FeaturesFrom, "prediction", "feature")
	if _, err := sketches.NewScoreCounts(m.classes()); err != nil {
		k.bad(key+".classes", "%q: %v", m.Classes, err)
	}
	if err := m.Segments.Wire().Validate(); err != nil {
		k.bad(key+".segments", "%v", err)
	}
	m.Segments.check(k, key+".segments")
	k.enum(key+".examples", m.Examples, "off", "scores", "rows")
	k.enum(key+".automation", m.Automation, "observe", "retrain", "approve", "promote")
	k.must(m.Automation == "observe" || m.Training != nil, key+".automation", "%q without a training section", m.Automation)
	k.enum(key+".label.kind", m.LabelKind(), "binary", "multiclass", "regression")
	k.must(m.Training == nil || m.Training.Gate.Kind == m.LabelKind(), key+".label.kind", "%q; want that of training.gate.kind, or leave it out", m.Label.Kind)
	k.span(key+".label.maturity", m.Label.Maturity, 0)
	m.Policy.check(k, key+".policy", windows)
	if m.Training != nil {
		m.Training.check(k, key+".training")
	}
}

func (t *Training) check(k *checker, key string) {
	k.enum(key+".trainer", t.Trainer, "builtin")
	if _, err := gbdt.ParseParams(t.Params); err != nil {
		for _, e := range split(err) {
			k.bad(key+".params", "%v", e)
		}
	}
	k.span(key+".window", t.Window, 1*hour)
	k.whole(key+".min_rows", t.MinRows, 10, math.MaxInt32)
	k.span(key+".cooldown", t.Cooldown, 0)
	k.span(key+".min_fresh", t.MinFresh, 0)
	k.enum(key+".trigger", t.Trigger, "drift", "drift+harm", "harm")
	k.whole(key+".max_per_week", t.MaxPerWeek, 0, 10_000)
	k.must(t.Gate.Seed >= 0, key+".gate.seed", "%d; want 0 or more", t.Gate.Seed)
	if err := t.Gate.Judge().Validate(); err != nil {
		for _, e := range split(err) {
			k.bad(key+".gate", "%v", e)
		}
	}
	k.span(key+".probation", t.Probation, 0)
	k.span(key+".bootstrap.after", t.Bootstrap.After, 0)
}

// split takes joined errors apart.
func split(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}
