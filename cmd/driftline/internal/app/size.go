package app

import (
	"strings"
	"time"
)

// Load is what a deployment is sized for.
type Load struct {
	EventsPerSecond float64 // over all inputs with role events
	EventBytes      int     // one event, as written
	Features        int     // of one model
	Models          int
	// ModelPartitions is how many input partitions hold events of one model; 0: all.
	ModelPartitions int
}

// DefaultLoad is a small deployment with events of usual size.
func DefaultLoad() Load {
	return Load{EventsPerSecond: 1000, EventBytes: 1500, Features: 60, Models: 10}
}

// TopicSize is what one topic takes, one copy, before the brokers compress.
type TopicSize struct {
	Topics          []string // inputs share one row: how events are spread is not known
	RecordsPerSec   float64
	BytesPerSec     float64
	KeptBytes       float64
	KeptIsCompacted bool // Kept follows from the number of keys, not from a time
}

// Bytes of what the folds write, about, for grids of 240 cells.
const (
	partialFeature  = 300 // a feature of one count record with so many rows that nearly every cell is hit
	partialPerRow   = 3   // below that: a row costs about so many bytes a feature
	slotFeature     = 533 // a feature in one record of state: counts of a longer time take more digits
	claimBytes      = 90  // one partition's word on how far it is
	ledgerBytes     = 250 // counts of records by result
	scoreBytes      = 400 // a score without features
	scoreFeature    = 430 // a feature in it
	compactionSlack = 2   // a compacted topic holds up to half garbage before it is cleaned
)

// Sizes estimates the topics that grow with the load; control, drift, lifecycle and
// dead letters are small.
func (p *Parts) Sizes(l Load) []TopicSize {
	c, t := p.Cfg, p.Topics()
	pane := c.Stream.Resolution.Std().Seconds()
	slot := pane * float64(c.Stream.Slide)
	var events []string
	for _, in := range c.Topics.Inputs {
		if in.Role == "events" {
			events = append(events, in.Topic)
		}
	}
	models, features := float64(l.Models), float64(l.Features)
	// Each input with events has partitions of its own; a model is counted in each
	// partition that holds events of it.
	sources := float64(len(events) * c.Topics.InputPartitions)
	used := float64(c.Topics.InputPartitions)
	if l.ModelPartitions > 0 {
		used = min(used, float64(l.ModelPartitions))
	}
	partials := models * used / pane
	rows := l.EventsPerSecond * pane / max(1, models*used)
	partialBytes := features * min(partialFeature, partialPerRow*rows+20)
	claims := sources * float64(c.Stream.Partitions) / (float64(min(tickMS, max(1000, c.Stream.Resolution.MS()))) / 1000)
	ledgers := sources / pane

	longest, scores := 0.0, 0.0
	for _, w := range c.Stream.Windows {
		hop := pane
		if w.Std().Seconds() > 2*slot {
			hop = slot
		}
		scores += models / hop
		longest = w.Std().Seconds()
	}
	slots := 4*float64(c.Stream.Slide) + longest/slot + 24
	slotBytes := features * slotFeature
	scoreSize := scoreBytes + features*scoreFeature

	kept := func(bytes float64, d time.Duration) float64 { return bytes * d.Seconds() }
	panesBytes := partials*partialBytes + claims*claimBytes + ledgers*ledgerBytes
	inBytes := l.EventsPerSecond * float64(l.EventBytes)
	return []TopicSize{
		{Topics: events, RecordsPerSec: l.EventsPerSecond, BytesPerSec: inBytes, KeptBytes: kept(inBytes, c.Topics.InputRetention.Std())},
		{Topics: []string{t.Panes}, RecordsPerSec: partials + claims + ledgers, BytesPerSec: panesBytes, KeptBytes: kept(panesBytes, keepPanes)},
		{
			Topics: []string{t.State}, RecordsPerSec: models * (1/pane + 1/slot), BytesPerSec: models * (1/pane + 1/slot) * slotBytes,
			KeptBytes: compactionSlack * models * slots * slotBytes, KeptIsCompacted: true,
		},
		{Topics: []string{t.Scores}, RecordsPerSec: scores, BytesPerSec: scores * scoreSize, KeptBytes: kept(scores*scoreSize, keepScores)},
	}
}

// String gives the row's name.
func (s TopicSize) String() string { return strings.Join(s.Topics, " + ") }
