package kafka_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
)

func TestRights_WithoutAuthorizerAreAll(t *testing.T) {
	t.Parallel()
	e := startEmbedded(t, embedded.Config{})
	l := dial(t, kafka.Config{Brokers: []string{e.Addr()}})
	create(t, l, "in", 3, nil)
	r, err := l.Rights(t.Context(), []string{"in", "none"}, []string{"g"})
	if err != nil {
		t.Fatal(err)
	}
	all := kafka.OpsOf(kafka.OpRead, kafka.OpWrite, kafka.OpDescribe, kafka.OpDescribeConfigs)
	if !r.Topics["in"].Ops.Has(all) || !r.Groups["g"].Has(kafka.OpsOf(kafka.OpRead, kafka.OpDescribe)) {
		t.Errorf("rights %v, want everything", r)
	}
	if _, ok := r.Topics["none"]; ok {
		t.Errorf("rights on a topic that is not there: %v", r.Topics)
	}
}

// Apache Kafka with its authorizer grants what was allowed and nothing else.
func TestRights_OnKafkaAreThoseGranted(t *testing.T) {
	t.Parallel()
	c := kafkatest.StartSecure(t, map[string]string{"reader": "reader-secret"})
	root := dial(t, kafka.Config{Brokers: c.Brokers()})
	for _, topic := range []string{"in", "out", "hidden"} {
		create(t, root, topic, 2, nil)
	}
	c.Allow("User:reader", "topic", "in", "Read", "DescribeConfigs")
	c.Allow("User:reader", "topic", "out", "Write")
	c.Allow("User:reader", "group", "mine", "Read")
	l := dial(t, kafka.Config{Brokers: []string{c.Login}, SASL: kafka.SASL{Mechanism: "PLAIN", User: "reader", Password: "reader-secret"}})
	r, err := l.Rights(t.Context(), []string{"in", "out", "hidden", "none"}, []string{"mine", "others"})
	if err != nil {
		t.Fatal(err)
	}
	for what, x := range map[string]struct{ got, want kafka.Ops }{
		"in":     {r.Topics["in"].Ops, kafka.OpsOf(kafka.OpRead, kafka.OpDescribe, kafka.OpDescribeConfigs)},
		"out":    {r.Topics["out"].Ops, kafka.OpsOf(kafka.OpWrite, kafka.OpDescribe)},
		"hidden": {r.Topics["hidden"].Ops, 0},
		"mine":   {r.Groups["mine"], kafka.OpsOf(kafka.OpRead, kafka.OpDescribe)},
		"others": {r.Groups["others"], 0},
	} {
		if x.got != x.want {
			t.Errorf("%s: %s, want %s", what, x.got, x.want)
		}
	}
	if in := r.Topics["in"]; in.Partitions != 2 || in.Replicas != 1 || in.Behind != 0 {
		t.Errorf("in: %+v, want 2 partitions of one copy each", in)
	}
	if err := l.Append(t.Context(), []log.Record{{Partition: log.Partition{Topic: "in"}, TimeMS: log.StampNow, Value: []byte("x")}}); err == nil {
		t.Error("a record was written without the right to")
	}
	if missing, err := l.Lacking(t.Context()); err != nil || len(missing) > 0 {
		t.Errorf("Apache Kafka lacks %v, %v", missing, err)
	}
}

func TestLacking_NamesTheCallAndWhatItIsFor(t *testing.T) {
	t.Parallel()
	e := startEmbedded(t, embedded.Config{})
	l := dial(t, kafka.Config{Brokers: []string{e.Addr()}})
	if missing, err := l.Lacking(t.Context()); err != nil || len(missing) > 0 {
		t.Errorf("the embedded broker lacks %v, %v", missing, err)
	}
}

func TestNeeded_StandsInTheDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/brokers.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range kafka.Needed() {
		versions := fmt.Sprintf("v%d", a.Version)
		if a.Newest > a.Version {
			versions = fmt.Sprintf("v%d – v%d", a.Version, a.Newest)
		}
		if row := fmt.Sprintf("| %s | %s | %s |", a.Name, versions, a.For); !strings.Contains(string(text), row) {
			t.Errorf("docs/brokers.md lacks the row %s", row)
		}
	}
}
