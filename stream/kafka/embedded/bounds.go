package embedded

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/driftline/driftline/stream/kafka/recordbatch"
	"github.com/driftline/driftline/stream/log"
)

// Names of the bounds, as Apache Kafka has them.
const (
	beforeMax = "message.timestamp.before.max.ms"
	afterMax  = "message.timestamp.after.max.ms"
)

// maxExpand bounds what a batch may decompress to while it is checked; a larger one is refused.
const maxExpand = 64 << 20

var errOutside = errors.New("record time outside the bounds")

// checkProduce refuses batches with record times outside their topic's bounds. It
// hands the partitions concerned to kfake as faults of this one request, so that
// the others in it are stored, as a broker does.
func (e *Embedded) checkProduce(r kmsg.Request) {
	req := r.(*kmsg.ProduceRequest)
	now := time.Now().UnixMilli()
	for i := range req.Topics {
		rt := &req.Topics[i]
		name := rt.Topic
		info := e.cluster.TopicInfo(name)
		if req.Version >= 13 { // topics go by id from there on
			if info = e.cluster.TopicIDInfo(rt.TopicID); info != nil {
				name = info.Topic
			}
		}
		if info == nil {
			continue // kfake says that there is none
		}
		lo, hi := e.bounds(info.Configs, now)
		if lo == 0 && hi == math.MaxInt64 {
			continue
		}
		for j := range rt.Partitions {
			rp := &rt.Partitions[j]
			err := checkTimes(rp.Records, lo, hi)
			if err == nil {
				continue
			}
			e.cluster.Fault(kfake.Fault{
				Keys: []kmsg.Key{kmsg.Produce}, Topic: name, Partitions: []int32{rp.Partition},
				Err: err, Count: 1, When: func(other kmsg.Request) bool { return other == r },
			})
		}
	}
}

// bounds returns the smallest and largest record time a topic takes now; a value
// that is no number counts as unset.
func (e *Embedded) bounds(configs map[string]*string, now int64) (lo, hi int64) {
	get := func(key string, def time.Duration) int64 {
		if v := configs[key]; v != nil {
			if ms, err := strconv.ParseInt(*v, 10, 64); err == nil && ms >= 0 {
				return ms
			}
		}
		return millis(def)
	}
	before, after := get(beforeMax, e.cfg.BeforeMax), get(afterMax, e.cfg.AfterMax)
	if lo = now - before; lo < 0 { // also where before is unbounded
		lo = 0
	}
	if hi = now + after; hi < now { // overflow: unbounded
		hi = math.MaxInt64
	}
	return lo, hi
}

func millis(d time.Duration) int64 {
	if d == Unbounded {
		return math.MaxInt64
	}
	return d.Milliseconds()
}

// checkTimes looks at every record time. What is no batch at all is left to kfake,
// which says so.
func checkTimes(records []byte, lo, hi int64) *kerr.Error {
	for len(records) > 0 {
		h, batch, rest, ok := sound(records)
		if !ok {
			return nil
		}
		records = rest
		body, err := h.Expand(batch, maxExpand)
		if errors.Is(err, recordbatch.ErrLimit) {
			return kerr.MessageTooLarge
		}
		if err == nil {
			err = h.Each(body, func(r recordbatch.Record) error {
				if r.TimeMS != log.NoTime && (r.TimeMS < lo || r.TimeMS > hi) {
					return errOutside
				}
				return nil
			})
		}
		switch {
		case errors.Is(err, errOutside):
			return kerr.InvalidTimestamp
		case err != nil:
			return kerr.InvalidRecord // its records cannot be read, so nobody could
		}
	}
	return nil
}

// sound takes the first batch off; false if it is none, or one that Check refuses.
func sound(records []byte) (h recordbatch.Header, batch, rest []byte, ok bool) {
	h, batch, rest, err := recordbatch.Next(records)
	return h, batch, rest, err == nil && h.Check(batch) == nil
}

// completeTopics gives topics that are about to be made what they do not set:
// retention, so that kfake trims them, and the bounds, so that clients read them.
func (e *Embedded) completeTopics(r kmsg.Request) {
	req := r.(*kmsg.CreateTopicsRequest)
	for i := range req.Topics {
		rt := &req.Topics[i]
		e.keep.know(rt.Topic)
		set := map[string]bool{}
		retention, retentionBytes := e.cfg.Retention.Milliseconds(), e.cfg.RetentionBytes
		for _, c := range rt.Configs {
			set[c.Name] = c.Value != nil
			if c.Name == "cleanup.policy" && c.Value != nil && *c.Value == "compact" {
				// A topic that is only compacted keeps its keys for ever; kfake trims it all the same.
				retention, retentionBytes = -1, -1
			}
		}
		if retention < 0 {
			rt.Configs = slices.DeleteFunc(rt.Configs, func(c kmsg.CreateTopicsRequestTopicConfig) bool {
				return c.Name == "retention.ms" || c.Name == "retention.bytes"
			})
			delete(set, "retention.ms")
			delete(set, "retention.bytes")
		}
		for _, d := range []struct {
			key string
			v   int64
		}{
			{"retention.ms", retention},
			{"retention.bytes", retentionBytes},
			{afterMax, millis(e.cfg.AfterMax)},
			{beforeMax, millis(e.cfg.BeforeMax)},
		} {
			if !set[d.key] {
				c := kmsg.NewCreateTopicsRequestTopicConfig()
				c.Name, c.Value = d.key, kmsg.StringPtr(strconv.FormatInt(d.v, 10))
				rt.Configs = append(rt.Configs, c)
			}
		}
	}
}
