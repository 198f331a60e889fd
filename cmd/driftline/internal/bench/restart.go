package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/driftline/driftline/stream/wire"
)

// restartLayout has panes of a second, so that a run of two minutes of event time holds
// many times what a restart reads again.
func restartLayout() wire.Layout {
	l := layout()
	l.PaneMS, l.LatenessMS, l.SkewMS, l.DisorderMS, l.WindowsMS = 1000, 2000, 1000, 4000, []int64{60_000}
	return l
}

// rereadMS is what a restart is said to read again at most, in event time: the
// lateness, the skew, the disorder and two panes.
func rereadMS(l wire.Layout) int64 { return l.LatenessMS + l.SkewMS + l.DisorderMS + 2*l.PaneMS }

// restarts kills collectors in the midst of the topic and starts them again. It returns
// the CPU time that the second lives took until they stood where the first had been,
// over what the first ones took for as many events as a restart is said to read again.
func (b *Bench) restarts(ctx context.Context, group string) (ratio float64, err error) {
	l := restartLayout()
	// An event is a millisecond: two lives that end at an odd place of a pane each.
	for i, share := range []float64{0.37, 0.81} {
		r, err := b.restart(ctx, l, fmt.Sprintf("%s-restart-%d", group, i), int64(share*float64(len(b.recs))))
		if err != nil {
			return 0, fmt.Errorf("restart: %w", err)
		}
		ratio += r / 2
	}
	return ratio, nil
}

func (b *Bench) restart(ctx context.Context, l wire.Layout, group string, stop int64) (ratio float64, err error) {
	first, stood, err := b.life(ctx, l, group, stop)
	if err != nil {
		return 0, err
	}
	again, until, err := b.life(ctx, l, group, stood.through)
	switch {
	case err != nil:
		return 0, err
	case until.started == 0 || until.started > stood.through:
		return 0, fmt.Errorf("a collector that was stopped at offset %d went on at %d", stood.through, until.started)
	}
	perEvent := float64(first) / float64(stood.through+1)
	// The second life stops at the end of a fetch: what it read beyond is not catching up.
	read, need := float64(until.through+1-until.started), float64(stood.through+1-until.started)
	return float64(again) * need / read / (perEvent * float64(rereadMS(l))), nil
}

// stand is where a life began and how far it came.
type stand struct{ started, through int64 }

// life runs a collector until it has counted the offset given, and leaves it as a kill
// would: what it has not published is lost.
func (b *Bench) life(ctx context.Context, l wire.Layout, group string, until int64) (took time.Duration, s stand, err error) {
	from, err := cpu()
	if err != nil {
		return 0, s, err
	}
	c := b.collector(l, restartTopic, group)
	defer func() { err = errors.Join(err, c.session.Close()) }()
	if err := c.until(ctx, until); err != nil {
		return 0, s, err
	}
	to, err := cpu()
	return to - from, stand{started: c.started, through: c.fold.Through()}, err
}
