package sim

import (
	"time"

	"github.com/driftline/driftline/stream/collect"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

func (w *world) replayConfig() replay.Config {
	return replay.Config{
		Layout: w.layout, Control: w.prefix + controlTopic, State: w.prefix + stateTopic, Panes: w.prefix + panesTopic, Scores: w.prefix + scoresTopic, Drift: w.prefix + driftTopic,
		FromMS: loop.Unset, ToMS: loop.Never, Wait: time.Second,
		NewSource: func(s wire.Source, o loop.Origin) loop.SourceFold {
			return collect.New(collect.Config{Source: s, Layout: w.layout, PanesTopic: w.prefix + panesTopic, DeadTopic: w.prefix + deadTopic}, o)
		},
		NewPanes: func(q int32) loop.PanesFold { return w.panesFold(q, loop.Sound, 0) },
	}
}
