package kafka_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/log/logtest"
)

// deleteRecords asks a broker to drop what lies before an offset.
func deleteRecords(t *testing.T, brokers []string, p log.Partition, newStart int64) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 10_000
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic = p.Topic
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Partition, rp.Offset = p.Index, newStart
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	res, err := req.RequestWith(t.Context(), cl)
	if err != nil || res.Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("delete records: %v, %+v", err, res)
	}
}

func TestConformance_ApacheKafka(t *testing.T) {
	t.Parallel()
	conform(t, kafkatest.Start(t, 1))
}

func TestConformance_ApacheKafkaOldRelease(t *testing.T) {
	t.Parallel()
	conform(t, kafkatest.StartOld(t, 1))
}

func conform(t *testing.T, c *kafkatest.Cluster) {
	t.Helper()
	open := func(t *testing.T) log.Log {
		return dial(t, kafka.Config{Brokers: c.Brokers(), RetryTimeout: time.Minute})
	}
	logtest.Run(t, func(t *testing.T) logtest.Env {
		return logtest.Env{
			Log: open(t), Open: open,
			NowMS:    func() int64 { return time.Now().UnixMilli() },
			Abort:    func(t *testing.T, p log.Partition, n int) { abort(t, c.Brokers(), p, n) },
			Truncate: func(t *testing.T, p log.Partition, newStart int64) { deleteRecords(t, c.Brokers(), p, newStart) },
			Reopen: func(t *testing.T) log.Log {
				c.Kill(0)
				c.Restart(0)
				return open(t)
			},
		}
	})
}
