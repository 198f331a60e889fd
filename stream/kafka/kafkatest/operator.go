package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/driftline/driftline/stream/log"
)

// Operator does to a cluster what people and foreign producers do to it, through a
// client that shares nothing with the one under test.
type Operator struct {
	t       testing.TB
	brokers []string
	cl      *kgo.Client
}

// Operate connects an operator; it is closed with the test.
func Operate(t testing.TB, brokers []string) *Operator {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxVersions(kversion.V3_9_0()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &Operator{t: t, brokers: brokers, cl: cl}
}

// DeleteRecords drops what lies before an offset, as retention does.
func (o *Operator) DeleteRecords(p log.Partition, newStart int64) {
	o.t.Helper()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 10_000
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = p.Topic
	part := kmsg.NewDeleteRecordsRequestTopicPartition()
	part.Partition, part.Offset = p.Index, newStart
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	res, err := req.RequestWith(o.t.Context(), o.cl)
	if err == nil {
		err = kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		o.t.Fatalf("delete records of %s before %d: %v", p, newStart, err)
	}
}

// AddPartitions grows a topic to total partitions.
func (o *Operator) AddPartitions(topic string, total int) {
	o.t.Helper()
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.TimeoutMillis = 10_000
	t := kmsg.NewCreatePartitionsRequestTopic()
	t.Topic, t.Count = topic, int32(total)
	req.Topics = append(req.Topics, t)
	res, err := req.RequestWith(o.t.Context(), o.cl)
	if err == nil {
		err = kerr.ErrorForCode(res.Topics[0].ErrorCode)
	}
	if err != nil {
		o.t.Fatalf("add partitions to %s: %v", topic, err)
	}
}

// Recreate deletes a topic and makes it again with so many partitions.
func (o *Operator) Recreate(topic string, partitions int, config map[string]string) {
	o.t.Helper()
	del := kmsg.NewPtrDeleteTopicsRequest()
	del.TimeoutMillis = 10_000
	del.TopicNames = []string{topic}
	named := kmsg.NewDeleteTopicsRequestTopic()
	named.Topic = kmsg.StringPtr(topic)
	del.Topics = append(del.Topics, named)
	res, err := del.RequestWith(o.t.Context(), o.cl)
	if err == nil {
		err = kerr.ErrorForCode(res.Topics[0].ErrorCode)
	}
	if err != nil {
		o.t.Fatalf("delete topic %s: %v", topic, err)
	}
	again := kmsg.NewPtrCreateTopicsRequest()
	again.TimeoutMillis = 10_000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, int32(partitions), -1
	for k, v := range config {
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = k, kmsg.StringPtr(v)
		t.Configs = append(t.Configs, c)
	}
	again.Topics = append(again.Topics, t)
	o.until("make "+topic+" again", func(ctx context.Context) error {
		res, err := again.RequestWith(ctx, o.cl)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(res.Topics[0].ErrorCode) // "exists" while the old one is being deleted
	})
	meta := kmsg.NewPtrMetadataRequest()
	mt := kmsg.NewMetadataRequestTopic()
	mt.Topic = kmsg.StringPtr(topic)
	meta.Topics = append(meta.Topics, mt)
	o.until("leaders of "+topic, func(ctx context.Context) error {
		res, err := meta.RequestWith(ctx, o.cl)
		if err == nil {
			err = kerr.ErrorForCode(res.Topics[0].ErrorCode)
		}
		if err == nil && len(res.Topics[0].Partitions) != partitions {
			err = fmt.Errorf("%d partitions", len(res.Topics[0].Partitions))
		}
		if err != nil {
			return err
		}
		for _, p := range res.Topics[0].Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil || p.Leader < 0 {
				return fmt.Errorf("partition %d has leader %d: %w", p.Partition, p.Leader, err)
			}
		}
		return nil
	})
}

// SetCommit moves a group's offset, as kafka-consumer-groups --reset-offsets does.
func (o *Operator) SetCommit(group string, p log.Partition, offset int64) {
	o.t.Helper()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group = group
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic = p.Topic
	part := kmsg.NewOffsetCommitRequestTopicPartition()
	part.Partition, part.Offset = p.Index, offset
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	o.until("move the offset of "+group, func(ctx context.Context) error {
		res, err := req.RequestWith(ctx, o.cl)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode)
	})
}

// DropGroup removes a group with its offsets, as their expiry does.
func (o *Operator) DropGroup(group string) {
	o.t.Helper()
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = []string{group}
	o.until("delete group "+group, func(ctx context.Context) error {
		res, err := req.RequestWith(ctx, o.cl)
		if err != nil {
			return err
		}
		err = kerr.ErrorForCode(res.Groups[0].ErrorCode)
		if errors.Is(err, kerr.GroupIDNotFound) {
			return nil
		}
		return err
	})
}

// until tries again for half a minute.
func (o *Operator) until(what string, do func(context.Context) error) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := do(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			o.t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

// Transaction writes records in one transaction of an idempotent producer and
// commits or aborts it. The record times are those given.
func (o *Operator) Transaction(id string, commit bool, recs ...log.Record) {
	o.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(o.brokers...), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		o.t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		o.t.Fatal(err)
	}
	for _, r := range recs {
		x := &kgo.Record{Topic: r.Partition.Topic, Partition: r.Partition.Index, Key: r.Key, Value: r.Value, Timestamp: time.UnixMilli(r.TimeMS)}
		if err := cl.ProduceSync(o.t.Context(), x).FirstErr(); err != nil {
			o.t.Fatalf("transaction %s: %v", id, err)
		}
	}
	end := kgo.TryAbort
	if commit {
		end = kgo.TryCommit
	}
	if err := cl.EndTransaction(o.t.Context(), end); err != nil {
		o.t.Fatalf("end of transaction %s: %v", id, err)
	}
}
