package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/driftline/driftline/stream/kafka/recordbatch"
)

// Config says how to reach a cluster. Only Brokers is required.
type Config struct {
	Brokers  []string    // host:port, any of the cluster's brokers
	ClientID string      // shown in the brokers' logs and quotas; default "driftline"
	TLS      *tls.Config // nil: plain text
	SASL     SASL

	DialTimeout    time.Duration // to connect, TLS and SASL included; default 5 s
	RequestTimeout time.Duration // for one answer, beyond a fetch's own wait; default 15 s
	RetryTimeout   time.Duration // how long an operation is tried again; default 30 s, negative: never
	IdleTimeout    time.Duration // unused connections close after it; default 60 s

	Compression     string // of what Append writes: none (default), gzip, snappy, lz4, zstd
	MaxRequestBytes int    // one batch, uncompressed, and one record; default 1,000,000, below the brokers' default limit
	FetchBytes      int    // what one fetch asks for; default 1 MiB
	MaxBatchBytes   int    // the largest single batch a fetch is enlarged to; default 64 MiB
	MaxExpandBytes  int    // the largest batch after decompression; default 64 MiB
}

// SASL names the credentials. An empty Mechanism means none.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	User      string
	Password  string
}

func (c Config) withDefaults() Config {
	def := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	num := func(n *int, v int) {
		if *n == 0 {
			*n = v
		}
	}
	def(&c.DialTimeout, 5*time.Second)
	def(&c.RequestTimeout, 15*time.Second)
	def(&c.RetryTimeout, 30*time.Second)
	def(&c.IdleTimeout, 60*time.Second)
	num(&c.MaxRequestBytes, 1_000_000)
	num(&c.FetchBytes, 1<<20)
	num(&c.MaxBatchBytes, 64<<20)
	num(&c.MaxExpandBytes, 64<<20)
	if c.ClientID == "" {
		c.ClientID = "driftline"
	}
	if c.Compression == "" {
		c.Compression = "none"
	}
	return c
}

// Validate returns all faults of the configuration at once.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if len(c.Brokers) == 0 {
		errs = append(errs, errors.New("brokers: empty; want host:port, separated by commas"))
	}
	for _, b := range c.Brokers {
		host, port, err := net.SplitHostPort(b)
		if err != nil || host == "" || port == "" || strings.ContainsAny(b, ", \t") {
			errs = append(errs, fmt.Errorf("brokers: %q is not host:port", b))
		}
	}
	if _, err := recordbatch.ParseCodec(c.Compression); err != nil {
		errs = append(errs, err)
	}
	for _, d := range []struct {
		key string
		v   time.Duration
	}{{"dial timeout", c.DialTimeout}, {"request timeout", c.RequestTimeout}, {"idle timeout", c.IdleTimeout}} {
		if d.v < 0 {
			errs = append(errs, fmt.Errorf("%s: %s; want more than 0", d.key, d.v))
		}
	}
	for _, n := range []struct {
		key    string
		v, min int
	}{
		{"max request bytes", c.MaxRequestBytes, 1024},
		{"fetch bytes", c.FetchBytes, 1024},
		{"max batch bytes", c.MaxBatchBytes, c.FetchBytes},
		{"max expand bytes", c.MaxExpandBytes, 1024},
	} {
		if n.v < n.min || n.v > 1<<30 {
			errs = append(errs, fmt.Errorf("%s: %d; want %d to %d", n.key, n.v, n.min, 1<<30))
		}
	}
	if _, err := c.SASL.mechanism(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	if s.Mechanism == "" {
		if s.User != "" || s.Password != "" {
			return nil, errors.New("sasl mechanism: empty, but a user or password is set; want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
		}
		return nil, nil
	}
	if s.User == "" {
		return nil, errors.New("sasl user: empty")
	}
	switch strings.ToUpper(s.Mechanism) {
	case "PLAIN":
		return plain.Mechanism{Username: s.User, Password: s.Password}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, s.User, s.Password)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, s.User, s.Password)
	}
	return nil, fmt.Errorf("sasl mechanism: %q; want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s.Mechanism)
}
