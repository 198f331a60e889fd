package kafka_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
)

func TestDial_TLSAndSASL(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(nil) // for its certificate of 127.0.0.1
	defer srv.Close()
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(&tls.Config{Certificates: srv.TLS.Certificates, MinVersion: tls.VersionTLS12}), kfake.EnableSASL(),
		kfake.Superuser("PLAIN", "u", "p"), kfake.Superuser("SCRAM-SHA-256", "u", "p"), kfake.Superuser("SCRAM-SHA-512", "u", "p"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	trusted := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	for _, mech := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		for _, tt := range []struct {
			name, password string
			tls            *tls.Config
			says           string
		}{
			{"right", "p", trusted, log.ErrNoTopic.Error()},
			{"wrong password", "q", trusted, "SASL user or password wrong"},
			{"unknown authority", "p", &tls.Config{MinVersion: tls.VersionTLS12}, "certificate signed by unknown authority"},
		} {
			l := dial(t, kafka.Config{Brokers: c.ListenAddrs(), TLS: tt.tls, RetryTimeout: 200 * time.Millisecond, SASL: kafka.SASL{Mechanism: mech, User: "u", Password: tt.password}})
			_, err := l.Partitions(t.Context(), "none")
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s, %s: %v, want it to say %q", mech, tt.name, err, tt.says)
			}
		}
	}
}

func TestClose_LeavesNoGoroutine(t *testing.T) {
	opt := goleak.IgnoreCurrent()
	e, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := kafka.Dial(kafka.Config{Brokers: []string{e.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	create(t, l, "a", 3, nil)
	create(t, l, "b", 3, nil)
	for i := range int32(3) {
		p := log.Partition{Topic: "b", Index: i}
		if err := errors.Join(l.Append(t.Context(), []log.Record{{Partition: p}}), l.Commit(t.Context(), "g", p, 1)); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Fetch(t.Context(), p, 0, time.Second); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		if _, err := l.Fetch(ctx, p, 1, 100*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("fetch given up: %v", err)
		}
		cancel()
	}
	if err := errors.Join(l.Close(), e.Close()); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, opt)
}

// A cluster of three loses the leader of every partition it led, by SIGKILL, while
// records are appended and read: nothing acknowledged is lost, nothing is out of order.
func TestFault_LeaderKilled(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, 3)
	l := dial(t, kafka.Config{Brokers: c.Brokers(), RetryTimeout: 2 * time.Minute})
	create(t, l, "in", 3, map[string]string{"min.insync.replicas": "2", "retention.ms": "-1"}) // the record times are of 1970
	const n = 60
	for i := range n {
		if i == 20 {
			c.Kill(0)
		}
		if i == 40 {
			c.Restart(0)
		}
		var recs []log.Record
		for p := range int32(3) {
			recs = append(recs, log.Record{Partition: log.Partition{Topic: "in", Index: p}, TimeMS: int64(i) + 1, Value: []byte{byte(i)}})
		}
		if err := l.Append(t.Context(), recs); err != nil {
			t.Fatalf("append %d: %v", i, err)
		}
	}
	for p := range int32(3) {
		part := log.Partition{Topic: "in", Index: p}
		_, end, err := l.Bounds(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		last, repeats := int64(0), 0
		for from := int64(0); from < end; {
			b, err := l.Fetch(t.Context(), part, from, 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range b.Records {
				switch {
				case r.TimeMS == last:
					repeats++
				case r.TimeMS != last+1:
					t.Fatalf("%s: record %d after %d", part, r.TimeMS, last)
				}
				last = r.TimeMS
			}
			from = b.Next
		}
		if last != n {
			t.Errorf("%s: ends with record %d, want %d", part, last, n)
		}
		t.Logf("%s: %d repeats", part, repeats)
	}
}
