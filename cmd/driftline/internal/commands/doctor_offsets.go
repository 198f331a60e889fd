package commands

import (
	"context"
	"fmt"
	"strings"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/stream/log"
)

// namedPartitions bounds how many partitions a finding lists.
const namedPartitions = 5

// offsets compares what a role has committed with what its topic holds.
func (d *doctor) offsets(ctx context.Context, p *app.Parts, role, topic string) {
	name := fmt.Sprintf("offsets of %s on %s", role, topic)
	n, err := p.Kafka.Partitions(ctx, topic)
	if err != nil {
		return // told as the topic's own check
	}
	var behind, beyond []string
	committed, gone := 0, int64(0)
	for i := range n {
		part := log.Partition{Topic: topic, Index: int32(i)}
		at, err := p.Kafka.Committed(ctx, p.Group(role), part)
		if d.fault(name, err, fmt.Sprintf("give this user the right Describe on the group %s", p.Group(role))) {
			return
		}
		if at < 0 {
			continue
		}
		committed++
		lo, hi, err := p.Kafka.Bounds(ctx, part)
		if d.fault(name, err, "give this user the right Describe on the topic") {
			return
		}
		switch {
		case at < lo:
			gone += lo - at
			behind = append(behind, fmt.Sprintf("partition %d at %d, first held %d", i, at, lo))
		case at > hi:
			beyond = append(beyond, fmt.Sprintf("partition %d at %d, end %d", i, at, hi))
		}
	}
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
