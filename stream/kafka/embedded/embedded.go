package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Errors callers branch on.
var (
	ErrPortTaken   = errors.New("broker address already in use")
	ErrDataDamaged = errors.New("broker data damaged")
)

// DefaultListen is where a broker listens that is told nothing else.
const DefaultListen = "127.0.0.1:9092"

// Unbounded as a timestamp bound lets any record time pass.
const Unbounded = time.Duration(math.MaxInt64)

// Config says how to run the broker. The zero value keeps everything in memory.
type Config struct {
	DataDir    string // "" keeps everything in memory
	SyncWrites bool   // fsync every batch

	Listen    string // host:port; default 127.0.0.1:9092, port 0 takes a free one
	Advertise string // host:port given to clients; default the address listened on

	// Bounds of record times for topics that set none: at most AfterMax ahead of
	// this machine's clock (default 1 min), at most BeforeMax behind (default
	// Unbounded, so that archives may be loaded; idle promises need it bounded).
	AfterMax, BeforeMax time.Duration

	// Retention of topics that set none; per partition.
	Retention         time.Duration // default 7 days
	RetentionBytes    int64         // default 256 MiB
	RetentionInterval time.Duration // how often both are applied, and compaction; default 30 s

	MaxMessageBytes int // one batch; default 1,048,588 as Apache Kafka

	// Warn, if set, takes what the broker has to say, one line each.
	Warn func(line string)
}

func (c Config) withDefaults() Config {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	for _, d := range []struct {
		p *time.Duration
		v time.Duration
	}{{&c.AfterMax, time.Minute}, {&c.BeforeMax, Unbounded}, {&c.Retention, 7 * 24 * time.Hour}, {&c.RetentionInterval, 30 * time.Second}} {
		if *d.p == 0 {
			*d.p = d.v
		}
	}
	if c.RetentionBytes == 0 {
		c.RetentionBytes = 256 << 20
	}
	if c.MaxMessageBytes == 0 {
		c.MaxMessageBytes = 1048588
	}
	return c
}

// Validate returns all faults of the configuration at once.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	for _, a := range []struct{ key, v string }{{"broker listen", c.Listen}, {"broker advertise", c.Advertise}} {
		if a.v == "" {
			continue
		}
		_, port, err := net.SplitHostPort(a.v)
		if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 0 || n > 65535 {
			errs = append(errs, fmt.Errorf("%s: %q is not host:port", a.key, a.v))
		}
	}
	for _, d := range []struct {
		key string
		v   time.Duration
	}{{"after max", c.AfterMax}, {"before max", c.BeforeMax}, {"retention interval", c.RetentionInterval}} {
		if d.v < time.Millisecond {
			errs = append(errs, fmt.Errorf("%s: %s; want at least 1ms", d.key, d.v))
		}
	}
	if c.MaxMessageBytes < 1024 {
		errs = append(errs, fmt.Errorf("max message bytes: %d; want at least 1024", c.MaxMessageBytes))
	}
	return errors.Join(errs...)
}

// Historical returns the topic configuration for record times of any age, capped
// at so many bytes a partition.
func Historical(retentionBytes int64) map[string]string {
	return map[string]string{
		beforeMax:         strconv.FormatInt(math.MaxInt64, 10),
		"retention.ms":    "-1",
		"retention.bytes": strconv.FormatInt(retentionBytes, 10),
	}
}

// Embedded is a running broker.
type Embedded struct {
	cfg     Config
	cluster *kfake.Cluster
	addr    string
	keep    *keeper

	close        sync.Once
	stop, tidied chan struct{}
}

// Start checks the data directory, takes the address and serves until Close.
//
// Errors: ErrPortTaken, ErrDataDamaged (both leave everything as it was), or a fault
// of the configuration.
func Start(cfg Config) (*Embedded, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	cfg = cfg.withDefaults()
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", cfg.Listen)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("embedded broker: %w: %s; another broker may run there: stop it, or listen elsewhere", ErrPortTaken, cfg.Listen)
		}
		return nil, fmt.Errorf("embedded broker: listen on %s: %w", cfg.Listen, err)
	}
	var topics []string
	if cfg.DataDir != "" {
		err := inspect(cfg.DataDir)
		if err == nil {
			topics, err = restore(cfg.DataDir, time.Now())
		}
		if err != nil {
			_ = ln.Close() // nobody has been served yet
			return nil, fmt.Errorf("embedded broker: %w", err)
		}
	}
	adv, err := advertised(ln, cfg.Advertise)
	if err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("embedded broker: advertise %q: %w", cfg.Advertise, err)
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID("driftline-embedded"),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return adv, nil }),
		kfake.BrokerConfigs(map[string]string{
			// kfake's own ticker never comes: tidy writes the ends down first.
			"log.cleaner.backoff.ms": strconv.FormatInt((100 * 365 * 24 * time.Hour).Milliseconds(), 10),
			"message.max.bytes":      strconv.Itoa(cfg.MaxMessageBytes),
		}),
		kfake.WithLogger(logger{cfg.Warn}),
	}
	if cfg.DataDir != "" {
		opts = append(opts, kfake.DataDir(cfg.DataDir))
		if cfg.SyncWrites {
			opts = append(opts, kfake.SyncWrites())
		}
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		_ = ln.Close()
		if cfg.DataDir != "" {
			return nil, fmt.Errorf("embedded broker: %w: %s: %w", ErrDataDamaged, cfg.DataDir, err)
		}
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	e := &Embedded{
		cfg: cfg, cluster: cluster, addr: adv.Addr().String(),
		keep: &keeper{dir: cfg.DataDir, cluster: cluster, topics: map[string]bool{}},
		stop: make(chan struct{}), tidied: make(chan struct{}),
	}
	for _, topic := range topics {
		e.keep.know(topic)
	}
	e.watch(kmsg.Produce, e.checkProduce)
	e.watch(kmsg.CreateTopics, e.completeTopics)
	e.watch(kmsg.DeleteRecords, e.beforeDelete)
	go e.tidy() // Close waits for it
	return e, nil
}

// Addr returns the advertised host:port.
func (e *Embedded) Addr() string { return e.addr }

// Close stops serving and writes what is needed for a quick next start.
func (e *Embedded) Close() error {
	var err error
	e.close.Do(func() {
		close(e.stop)
		<-e.tidied
		err = e.keep.save()
		e.cluster.Close()
	})
	return err
}

// DropRecords removes the records of a partition before an offset.
func (e *Embedded) DropRecords(topic string, partition int32, offset int64) error {
	if err := e.keep.save(); err != nil {
		return err
	}
	if err := e.cluster.DeleteRecords(topic, partition, offset); err != nil {
		return fmt.Errorf("drop records of %s/%d before %d: %w", topic, partition, offset, err)
	}
	return nil
}

// renewWatch is after how many requests a control function is installed anew: kfake
// keeps the last request of every connection it saw for as long as one lives.
const renewWatch = 256

// watch shows every request of a kind to fn, which may change it, before it is served.
func (e *Embedded) watch(key kmsg.Key, fn func(kmsg.Request)) {
	seen := 0 // kfake calls control functions one at a time
	e.cluster.ControlKey(int16(key), func(r kmsg.Request) (kmsg.Response, error, bool) {
		if seen++; seen == renewWatch {
			e.cluster.DropControl()
			e.watch(key, fn)
		}
		fn(r)
		return nil, nil, false
	})
}

type logger struct{ warn func(string) }

// Logf implements kfake.Logger.
func (l logger) Logf(level kfake.LogLevel, msg string, args ...any) {
	if l.warn != nil && level <= kfake.LogLevelWarn {
		l.warn(fmt.Sprintf(msg, args...))
	}
}

// listener tells another address than it listens on; kfake advertises what it tells.
type listener struct {
	net.Listener
	addr net.Addr
}

// Addr implements net.Listener.
func (l listener) Addr() net.Addr { return l.addr }

type address string

// Network implements net.Addr.
func (address) Network() string { return "tcp" }

// String implements net.Addr.
func (a address) String() string { return string(a) }

func advertised(ln net.Listener, as string) (net.Listener, error) {
	if as == "" {
		return ln, nil
	}
	host, port, err := net.SplitHostPort(as)
	if err != nil {
		return nil, err
	}
	if port == "0" {
		_, port, _ = net.SplitHostPort(ln.Addr().String())
	}
	return listener{ln, address(net.JoinHostPort(host, port))}, nil
}
