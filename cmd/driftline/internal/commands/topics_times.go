package commands

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/stream/log"
)

// Settings of record times.
const (
	keyBefore = "message.timestamp.before.max.ms"
	keyAfter  = "message.timestamp.after.max.ms"
	keyType   = "message.timestamp.type"

	appendTime = "LogAppendTime"
)

// bound reads a bound in milliseconds; ok is false where there is none.
func bound(cfg map[string]string, key string) (d time.Duration, ok bool) {
	ms, err := strconv.ParseInt(cfg[key], 10, 64)
	if err != nil || ms < 0 || ms >= math.MaxInt64/int64(time.Millisecond) {
		return 0, false
	}
	return time.Duration(ms) * time.Millisecond, true
}

// boundsMend says what to set so that record times are bounded.
func (t *topicCheck) boundsMend() string {
	return fmt.Sprintf("set %s=%d and %s=%d on the topic", keyBefore, advisedBefore.Milliseconds(), keyAfter, t.advisedAfter().Milliseconds())
}

// advisedBefore is above the time for which producers keep trying.
const advisedBefore = 180 * time.Second

// advisedAfter is at most half of the lateness: one fast clock must not make others late.
func (t *topicCheck) advisedAfter() time.Duration {
	return min(time.Minute, max(time.Second, t.p.Cfg.Stream.Lateness.Std()/2))
}

// recordTimes checks that brokers refuse record times far from their clock (AX5).
func (t *topicCheck) recordTimes() {
	const what = "record times"
	before, hasBefore := bound(t.cfg, keyBefore)
	after, hasAfter := bound(t.cfg, keyAfter)
	lateness := t.p.Cfg.Stream.Lateness.Std()
	words := func(d time.Duration, ok bool) string {
		if !ok {
			return "without bound"
		}
		return d.String()
	}
	found := fmt.Sprintf("%s behind to %s ahead of the brokers' clock", words(before, hasBefore), words(after, hasAfter))
	switch {
	case t.input.Historical && hasBefore:
		t.about(what, stateFail, fmt.Sprintf("historical, but the broker refuses records older than %s", before), fmt.Sprintf("set %s=%d on the topic", keyBefore, int64(math.MaxInt64)))
	case t.input.Historical:
		t.about(what, stateOK, "historical: old times are meant", "")
	case t.cfg[keyType] == appendTime:
		t.about(what, stateOK, "set by the broker when it writes", "")
	case !hasBefore || !hasAfter:
		t.about(what, stateWarn, fmt.Sprintf("%s; stream.disorder = %s is assumed, and a silent partition holds windows back", found, t.p.Cfg.Stream.Disorder.Std()), t.boundsMend())
	case after > lateness/2 && after > time.Second:
		t.about(what, stateWarn, fmt.Sprintf("%s, with stream.lateness = %s: one fast clock makes the events of others late", found, lateness),
			fmt.Sprintf("set %s=%d on the topic, at most half of stream.lateness", keyAfter, t.advisedAfter().Milliseconds()))
	default:
		t.about(what, stateOK, found, "")
	}
}

// sampledPartitions bounds how many partitions of a topic are looked into.
const sampledPartitions = 32

// expired is how far beyond its retention a newest record is that was old when it
// was written: brokers delete every few minutes what has merely grown old.
const expired = time.Hour

// historical finds record times that the topic's retention deletes at once: brokers
// count it from record times, not from when a record was written.
func (t *topicCheck) historical(ctx context.Context) error {
	keep, limited := bound(t.cfg, "retention.ms")
	if !limited || t.cfg[keyType] == appendTime || t.input.Historical { // the last is a finding already
		return nil
	}
	deadline := time.UnixMilli(app.NowMS()).Add(-keep - expired)
	for i := range min(t.state.Partitions, sampledPartitions) {
		part := log.Partition{Topic: t.spec.Name, Index: int32(i)}
		ms, err := t.p.LastTime(ctx, part)
		if err != nil {
			return err
		}
		if newest := time.UnixMilli(ms); ms > 0 && newest.Before(deadline) {
			t.about("age of records", stateFail, fmt.Sprintf("the newest record of partition %d has the time %s, retention is %s", i, newest.UTC().Format(time.RFC3339), keep),
				"brokers count retention from record times and delete these records at their next clean-up; if the times are historical on purpose, mark the input historical: true and set retention.ms=-1 with a limit in retention.bytes")
			return nil
		}
	}
	return nil
}
