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
		Layout: w.layout, Control: controlTopic, State: stateTopic, Panes: panesTopic, Scores: scoresTopic, Drift: driftTopic,
		FromMS: loop.Unset, ToMS: loop.Never, Wait: time.Second,
		NewSource: func(s wire.Source, o loop.Origin) loop.SourceFold {
			return collect.New(collect.Config{Source: s, Layout: w.layout, PanesTopic: panesTopic, DeadTopic: deadTopic}, o)
		},
		NewPanes: func(q int32) loop.PanesFold { return w.panesFold(q, loop.Sound, 0) },
	}
}
