package config

import (
	"time"

	"github.com/driftline/driftline/stream/wire"
)

// Stream fixes event time for the whole deployment.
type Stream struct {
	Resolution   Duration   `yaml:"resolution" doc:"Length of the tumbling pieces of event time that windows are made of."`
	Slide        int        `yaml:"slide" doc:"By how many resolutions long windows slide. Windows up to twice that long slide by the resolution; longer ones are multiples of it."`
	Windows      []Duration `yaml:"windows" doc:"Lengths of the windows, ascending, 1 to 16 of them."`
	Lateness     Duration   `yaml:"lateness" doc:"How far an event may lie behind the newest record of its partition and still count."`
	Skew         Duration   `yaml:"skew" doc:"How far an event may lie ahead of it."`
	Disorder     Duration   `yaml:"disorder" doc:"How far record times may be out of order where the brokers do not bound them; else their two bounds together."`
	Partitions   int        `yaml:"partitions" doc:"Partitions between counting and judging, 1 to 4096; fixed for the life of a deployment. Also the most judging workers."`
	Idle         string     `yaml:"idle" enum:"auto|off" doc:"auto lets windows become final while a partition is silent, where brokers bound the age of records; off waits for it."`
	Assignment   string     `yaml:"assignment" enum:"static|group" doc:"Who reads which partitions. static: by worker_index and worker_count; group: the broker shares them among the workers that run."`
	WorkerIndex  int        `yaml:"worker_index" doc:"For static: which of the workers this one is, from 0. It reads the partitions p with p mod worker_count = worker_index."`
	WorkerCount  int        `yaml:"worker_count" doc:"For static: how many workers share the partitions."`
	RecordLimit  Size       `yaml:"record_limit" doc:"Largest event; bigger ones are set aside as dead."`
	Thin         float64    `yaml:"thin" doc:"Share of the records that are counted, above 0 and at most 1; which ones depends on their bytes alone. Less saves work where there are more than a million a second. The rest is counted as thinned. A change takes effect a few resolutions ahead."`
	Versions     int        `yaml:"versions" doc:"Versions of a model that one partition tells apart within a resolution, 1 to 16; what exceeds them is counted as _other."`
	MemoryLimit  Size       `yaml:"memory_limit" doc:"Most memory that counting and judging may need in one process. What they may need at worst is computed from partitions, models, features and windows, far above what is used most of the time; a start, a reference or a model that would go beyond is refused."`
	FeatureLimit int        `yaml:"feature_limit" doc:"Most features of one event, at most 2000."`
}

// Layout returns what all processes of the deployment must agree on. disorder is
// what the brokers bound record times to, or 0 to take the configured value.
func (c *Config) Layout(disorder time.Duration) wire.Layout {
	if disorder <= 0 {
		disorder = c.Stream.Disorder.Std()
	}
	l := wire.Layout{
		PaneMS:          c.Stream.Resolution.MS(),
		SlotPanes:       int64(c.Stream.Slide),
		LatenessMS:      c.Stream.Lateness.MS(),
		SkewMS:          c.Stream.Skew.MS(),
		DisorderMS:      disorder.Milliseconds(),
		PanesPartitions: int32(c.Stream.Partitions),
	}
	for _, w := range c.Stream.Windows {
		l.WindowsMS = append(l.WindowsMS, w.MS())
	}
	for _, in := range c.Topics.Inputs {
		role := wire.RoleEvents
		if in.Role == "labels" {
			role = wire.RoleLabels
		}
		l.Inputs = append(l.Inputs, wire.Input{Topic: in.Topic, Incarnation: int32(in.Incarnation), Role: role})
	}
	return l
}
