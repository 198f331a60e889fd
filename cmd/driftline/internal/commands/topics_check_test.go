package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
)

// outside is a deployment on brokers that it did not start.
type outside struct {
	*bench
	brokers []string
	kafka   *kafka.Log
}

const outsideSettings = `
namespace: test
data_dir: %s
http: {listen: "127.0.0.1:0"}
ops: {listen: "127.0.0.1:0"}
broker: {brokers: [%s], replicas: 1}
topics:
  prefix: %s
  inputs: [{topic: %[3]s-in, role: events, historical: %[4]t}]
  input_partitions: 2
stream: {partitions: 2}
`

// onBrokers runs a test against the embedded broker and against Apache Kafka.
func onBrokers(t *testing.T, run func(t *testing.T, brokers []string)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		e, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		run(t, []string{e.Addr()})
	})
	t.Run("kafka", func(t *testing.T) { run(t, kafkatest.Start(t, 1).Brokers()) })
}

func newOutside(t *testing.T, brokers []string, prefix string, historical bool) *outside {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	b.file = b.write("driftline.yaml", fmt.Sprintf(outsideSettings, filepath.Join(b.dir, "data"), strings.Join(brokers, ","), prefix, historical))
	l, err := kafka.Dial(kafka.Config{Brokers: brokers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &outside{b, brokers, l}
}

func (o *outside) topic(name string, partitions int, settings map[string]string) {
	o.t.Helper()
	if err := o.kafka.CreateTopics(o.t.Context(), []log.Topic{{Name: name, Partitions: partitions, Config: settings}}); err != nil {
		o.t.Fatal(err)
	}
}

// checks runs a command and returns its checks by name.
func (o *outside) checks(wantCode int, args ...string) map[string]check {
	o.t.Helper()
	code, out, errs := o.run(args...)
	var r report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		o.t.Fatalf("%v: %v\n%s%s", args, err, out, errs)
	}
	byName := map[string]check{}
	for _, c := range r.Checks {
		byName[c.Name] = c
		if c.State != stateOK && c.Mend == "" {
			o.t.Errorf("%s says %s and not what to do: %s", c.Name, c.State, c.Found)
		}
	}
	if code != wantCode {
		o.t.Errorf("%v ends with %d, want %d: %v", args, code, wantCode, byName)
	}
	return byName
}

func (o *outside) want(got map[string]check, name, state, says string) {
	o.t.Helper()
	c, ok := got[name]
	if !ok || c.State != state || !strings.Contains(c.Found+" "+c.Mend, says) {
		o.t.Errorf("%s: %+v; want %s, saying %q", name, c, state, says)
	}
}

// start runs the role collect until it is up, or returns why it did not start.
func (o *outside) start(job func(ctx context.Context, r *app.Running)) (logged string, err error) {
	o.t.Helper()
	return o.role(app.Roles{Collect: true}, job)
}

// role runs roles beside a job and returns when that is done.
func (o *outside) role(roles app.Roles, job func(ctx context.Context, r *app.Running)) (logged string, err error) {
	o.t.Helper()
	cfg, err := config.Load(config.Layers{File: o.file})
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	var text bytes.Buffer
	err = app.Run(ctx, app.Options{
		Cfg: &cfg.Config, Build: cli.Build{Version: "test"}, Log: zerolog.New(zerolog.SyncWriter(&text)), Roles: roles,
		Job: func(ctx context.Context, r *app.Running) error {
			job(ctx, r)
			return nil
		},
	})
	return text.String(), err
}

// Brokers that do not bound record times: a warning by name, the configured disorder,
// and no promise about silent partitions.
func TestFault_TimestampBoundsMissing(t *testing.T) {
	t.Parallel()
	onBrokers(t, func(t *testing.T, brokers []string) {
		o := newOutside(t, brokers, "unbounded", false)
		o.topic("unbounded-in", 2, nil)
		o.must("topics", "create")
		got := o.checks(0, "topics", "check", "-o", "json")
		o.want(got, "record times of unbounded-in", stateWarn, "behind to")
		o.want(got, "record times of unbounded-in", stateWarn, "message.timestamp.before.max.ms=180000")
		o.want(o.checks(0, "doctor", "--json"), "record times of unbounded-in", stateWarn, "stream.disorder = 15m0s is assumed")
		logged, err := o.start(func(ctx context.Context, r *app.Running) {
			if got := r.Declared.Layout.DisorderMS; got != 15*60_000 {
				t.Errorf("disorder %d ms, want the configured 15 minutes", got)
			}
			if promised, err := r.Promise(ctx, "unbounded-in"); promised || err != nil {
				t.Errorf("promise %v, %v; want none", promised, err)
			}
		})
		if err != nil || !strings.Contains(logged, "brokers do not bound record times") || !strings.Contains(logged, "unbounded-in") {
			t.Errorf("start: %v, log %s; want a warning that names the topic", err, logged)
		}

		bounded := newOutside(t, brokers, "bounded", false)
		bounded.must("topics", "create")
		o.want(bounded.checks(0, "topics", "check", "-o", "json"), "record times of bounded-in", stateOK, "3m0s behind to 1m0s ahead")
		if _, err := bounded.start(func(ctx context.Context, r *app.Running) {
			if got := r.Declared.Layout.DisorderMS; got != 240_000 {
				t.Errorf("disorder %d ms, want the two bounds together", got)
			}
			if promised, err := r.Promise(ctx, "bounded-in"); !promised || err != nil {
				t.Errorf("promise %v, %v; want one", promised, err)
			}
		}); err != nil {
			t.Error(err)
		}
	})
}

// Record times older than the retention: brokers would delete what was just written.
func TestFault_HistoricalRetention(t *testing.T) {
	t.Parallel()
	onBrokers(t, func(t *testing.T, brokers []string) {
		o := newOutside(t, brokers, "old", false)
		o.topic("old-in", 2, map[string]string{"retention.ms": "604800000"})
		o.must("topics", "create")
		old := time.Now().AddDate(0, 0, -200).UnixMilli()
		if err := o.kafka.Append(t.Context(), []log.Record{{Partition: log.Partition{Topic: "old-in", Index: 1}, TimeMS: old, Value: []byte(`{"type":"tick"}`)}}); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"topics", "check", "-o", "json"}, {"doctor", "--json"}} {
			o.want(o.checks(cli.Failure, args...), "age of records of old-in", stateFail, "historical: true")
		}
		marked := newOutside(t, brokers, "marked", true)
		marked.topic("marked-in", 2, map[string]string{"retention.ms": "604800000"})
		marked.must("topics", "create")
		o.want(marked.checks(cli.Failure, "topics", "check", "-o", "json"), "retention of marked-in", stateFail, "retention.ms=-1")

		made := newOutside(t, brokers, "made", true)
		made.must("topics", "create")
		got := made.checks(0, "topics", "check", "-o", "json")
		o.want(got, "retention of made-in", stateOK, "no limit in time")
		o.want(got, "record times of made-in", stateOK, "historical")
	})
}

// Compaction takes events away before they are counted: no role starts on it.
func TestFault_CompactedInput(t *testing.T) {
	t.Parallel()
	onBrokers(t, func(t *testing.T, brokers []string) {
		for _, policy := range []string{"compact", "compact,delete"} {
			prefix := strings.ReplaceAll(policy, ",", "-")
			o := newOutside(t, brokers, prefix, false)
			o.topic(prefix+"-in", 2, map[string]string{"cleanup.policy": policy})
			o.must("topics", "create")
			o.want(o.checks(cli.Failure, "topics", "check", "-o", "json"), "topic "+prefix+"-in: cleanup.policy", stateFail, "the start is refused")
			_, err := o.start(func(context.Context, *app.Running) { t.Errorf("%s: the role started", policy) })
			if !errors.Is(err, app.ErrCompacted) || cli.Code(err) != cli.Usage || !strings.Contains(err.Error(), prefix+"-in") {
				t.Errorf("%s: start: %v (code %d); want ErrCompacted with the topic, code %d", policy, err, cli.Code(err), cli.Usage)
			}
			if _, err := o.kafka.Committed(t.Context(), "driftline-collect", log.Partition{Topic: prefix + "-in"}); err != nil {
				t.Error(err)
			}
			if _, hi, err := o.kafka.Bounds(t.Context(), log.Partition{Topic: prefix + ".control"}); err != nil || hi != 0 {
				t.Errorf("%s: control ends at %d, %v; want nothing declared", policy, hi, err)
			}
		}
	})
}

func TestTopicsCheck_FindsWhatDiffers(t *testing.T) {
	t.Parallel()
	e, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	o := newOutside(t, []string{e.Addr()}, "bad", false)
	o.topic("bad-in", 2, map[string]string{
		"retention.ms": "600000", "message.timestamp.before.max.ms": "180000", "message.timestamp.after.max.ms": "3600000",
	})
	o.topic("bad.control", 1, map[string]string{"cleanup.policy": "delete", "retention.ms": "86400000", "retention.bytes": "1000000"})
	o.topic("bad.panes", 3, map[string]string{"cleanup.policy": "delete", "retention.ms": "3600000"})
	o.topic("bad.state", 2, map[string]string{"cleanup.policy": "delete"})
	o.topic("bad.scores", 2, map[string]string{"cleanup.policy": "compact"})
	o.topic("bad.drift", 2, map[string]string{"cleanup.policy": "delete", "retention.ms": "-1", "max.message.bytes": "100000"})
	got := o.checks(cli.Failure, "topics", "check", "-o", "json")
	o.want(got, "retention of bad-in", stateFail, "raise retention.ms to 87600000")
	o.want(got, "record times of bad-in", stateWarn, "one fast clock")
	o.want(got, "topic bad.control: retention", stateFail, "read from its beginning")
	o.want(got, "topic bad.panes: partitions", stateFail, "3, must be exactly 2")
	o.want(got, "topic bad.panes: retention", stateWarn, "set retention.ms=86400000")
	o.want(got, "topic bad.state: cleanup.policy", stateFail, "set cleanup.policy=compact")
	o.want(got, "topic bad.scores: cleanup.policy", stateFail, "set cleanup.policy=delete")
	o.want(got, "topic bad.drift: max.message.bytes", stateFail, "1000100")
	o.want(got, "topic bad.lifecycle", stateFail, "driftline topics create")
	o.must("topics", "create")
	if got := o.checks(cli.Failure, "topics", "check", "-o", "json"); got["topic bad.lifecycle"].State != stateOK || got["topic bad.panes: partitions"].State != stateFail {
		t.Errorf("after create: %v; want the missing made and the rest as it was", got)
	}
}
