package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/stream/log"
)

// offsetsAtOnce bounds the partitions asked about at one time.
const offsetsAtOnce = 16

// namedPartitions bounds how many partitions a finding lists.
const namedPartitions = 5

// offsets compares what a role has committed with what its topic holds.
func (d *doctor) offsets(ctx context.Context, p *app.Parts, role, topic string) {
	name := fmt.Sprintf("offsets of %s on %s", role, topic)
	n, err := p.Kafka.Partitions(ctx, topic)
	if err != nil {
		return // told as the topic's own check
	}
	var (
		mu              sync.Mutex // guards what follows
		behind, beyond  []string
		committed, gone int64
	)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(offsetsAtOnce)
	for i := range n {
		part := log.Partition{Topic: topic, Index: int32(i)}
		g.Go(func() error {
			at, err := p.Kafka.Committed(ctx, p.Group(role), part)
			if err != nil || at < 0 {
				return err
			}
			lo, hi, err := p.Kafka.Bounds(ctx, part)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			committed++
			switch {
			case at < lo:
				gone += lo - at
				behind = append(behind, fmt.Sprintf("partition %d at %d, first held %d", i, at, lo))
			case at > hi:
				beyond = append(beyond, fmt.Sprintf("partition %d at %d, end %d", i, at, hi))
			}
			return nil
		})
	}
	if d.fault(name, g.Wait(), fmt.Sprintf("give this user the right Describe on the topic and on the group %s", p.Group(role))) {
		return
	}
	slices.Sort(behind)
	slices.Sort(beyond)
	switch {
	case len(beyond) > 0 && role == "collect":
		d.add(name, stateFail, "committed beyond the end: "+listed(beyond), "the topic was deleted and made again, or brokers lost acknowledged records: raise incarnation of the input by one in every process (topics.inputs), or bring the topic back")
	case len(beyond) > 0:
		d.add(name, stateFail, "committed beyond the end: "+listed(beyond), "the topic was deleted and made again, or brokers lost acknowledged records: choose a new topics.prefix, and let collect read the input again")
	case len(behind) > 0:
		d.add(name, stateWarn, fmt.Sprintf("%d records were removed before they were read: %s", gone, listed(behind)),
			"the windows they belong to come out with coverage below 1; raise retention.ms, and keep the role running; see docs/runbooks/DriftlineRecordsLost.md")
	default:
		d.add(name, stateOK, fmt.Sprintf("%d of %d partitions have one, all within what the topic holds", committed, n), "")
	}
}

func listed(items []string) string {
	if len(items) > namedPartitions {
		return strings.Join(items[:namedPartitions], "; ") + fmt.Sprintf("; and %d more", len(items)-namedPartitions)
	}
	return strings.Join(items, "; ")
}
