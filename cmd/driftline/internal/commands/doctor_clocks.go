package commands

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/stream/log"
)

// Clocks are compared without writing anything: a record that arrives while doctor
// waits for it was stamped between the two readings of this machine's clock, less its
// way. Where nothing arrives, a newest record that is ahead of this clock still tells.
const (
	clockWait = 2 * time.Second // for a record to arrive
	// clockWarn is what the promise about silent partitions allows for (idleMargin
	// covers 10 s of clocks and 30 s of a follower that hangs).
	clockWarn = 10 * time.Second
	clockFail = 40 * time.Second
	// clockPartitions bounds the partitions waited on at one time.
	clockPartitions = 16
)

// offset is by how much another clock is ahead of this one: between Low and High.
// live is false where only an old record was seen: then High is unknown.
type offset struct {
	low, high time.Duration
	live      bool
}

// between returns the offset of a clock that stamped a record which arrived after
// asked and before got.
func between(stamp, asked, got time.Time) offset {
	return offset{low: stamp.Sub(got), high: stamp.Sub(asked), live: true}
}

// least is the smallest deviation that the offset proves, in either direction; 0 where
// it may be none.
func (o offset) least() time.Duration {
	switch {
	case o.low > 0:
		return o.low
	case o.live && o.high < 0:
		return o.high
	}
	return 0
}

// clockOf is a topic whose record times are somebody's clock.
type clockOf struct {
	topic, who, mend string

	seen offset
	any  bool
	err  error
}

// clocks compares this machine's clock with those that stamp records. live tells that
// somebody may be writing.
func (d *doctor) clocks(ctx context.Context, p *app.Parts, live bool) {
	var all []*clockOf
	for _, in := range d.cfg.Topics.Inputs {
		if in.Historical {
			continue // old times are meant
		}
		cfg, err := p.Kafka.TopicConfig(ctx, in.Topic)
		if err != nil {
			continue // told above
		}
		c := &clockOf{topic: in.Topic, who: "the producers of " + in.Topic, mend: "synchronise the clocks of this machine and of the producers, and see that these do not hold records back"}
		if cfg[keyType] == appendTime {
			c.who, c.mend = "the brokers of "+in.Topic, "synchronise the clocks of this machine and of the brokers (NTP, chrony)"
		}
		all = append(all, c)
	}
	all = append(all, &clockOf{
		topic: p.Topics().Panes, who: "the workers of collect",
		mend: "synchronise the clocks of the machines that run Driftline (NTP, chrony): promises about silent partitions use them",
	})
	wait := clockWait
	if !live {
		wait = 0
	}
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Go(func() { c.seen, c.any, c.err = observe(ctx, p, c.topic, wait) })
	}
	wg.Wait()
	for _, c := range all {
		name := "clock of " + c.who
		switch {
		case errors.Is(c.err, log.ErrNoTopic): // told above
		case c.err != nil:
			d.add(name, stateWarn, c.err.Error(), "give this user the right to read the topic")
		case !c.any:
			d.add(name, stateOK, "no record to compare with", "")
		default:
			state, found := judgeClock(c.seen)
			if state == stateOK {
				c.mend = ""
			}
			d.add(name, state, found, c.mend)
		}
	}
}

// judgeClock puts an offset into words.
func judgeClock(o offset) (state, found string) {
	least := o.least()
	amount := max(least, -least)
	direction := "ahead of"
	if least < 0 {
		direction = "behind"
	}
	switch {
	case amount <= clockWarn && o.live:
		return stateOK, fmt.Sprintf("a record that just came agrees with this machine within %s", max(o.high, -o.low).Round(time.Millisecond))
	case amount <= clockWarn:
		return stateOK, "no record came meanwhile; the newest is not ahead of this machine"
	case amount <= clockFail:
		return stateWarn, fmt.Sprintf("%s this machine's by %s or more", direction, amount.Round(time.Millisecond))
	}
	return stateFail, fmt.Sprintf("%s this machine's by %s or more", direction, amount.Round(time.Millisecond))
}

// observe waits on partitions of a topic for a record; any is false where there is none.
func observe(ctx context.Context, p *app.Parts, topic string, wait time.Duration) (found offset, any bool, err error) {
	n, err := p.Kafka.Partitions(ctx, topic)
	if err != nil {
		return offset{}, false, err
	}
	var (
		mu sync.Mutex // guards the results
		wg sync.WaitGroup
	)
	for i := range min(n, clockPartitions) {
		wg.Go(func() {
			o, ok, oerr := newest(ctx, p, log.Partition{Topic: topic, Index: int32(i)}, wait)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case oerr != nil:
				err = oerr
			case ok && (!any || o.live && !found.live || o.live == found.live && o.low > found.low):
				found, any = o, true
			}
		})
	}
	wg.Wait()
	return found, any, err
}

// newest waits for a record of a partition, else takes its last one.
func newest(ctx context.Context, p *app.Parts, part log.Partition, wait time.Duration) (offset, bool, error) {
	asked := time.UnixMilli(app.NowMS()) // before the end is asked for: what lies behind it is younger
	_, end, err := p.Kafka.Bounds(ctx, part)
	if err != nil {
		return offset{}, false, err
	}
	b, err := p.Kafka.Fetch(ctx, part, end, wait)
	got := time.UnixMilli(app.NowMS())
	if err != nil {
		return offset{}, false, err
	}
	for _, r := range b.Records {
		if r.TimeMS > 0 {
			return between(time.UnixMilli(r.TimeMS), asked, got), true, nil
		}
	}
	ms, err := p.LastTime(ctx, part)
	if err != nil || ms == 0 {
		return offset{}, false, err
	}
	return offset{low: time.UnixMilli(ms).Sub(time.UnixMilli(app.NowMS()))}, true, nil
}
