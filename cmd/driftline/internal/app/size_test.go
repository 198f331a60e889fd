package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
)

// The estimates agree with the table of sizes that the design was made with: counts
// and bytes before the brokers compress, for events of 1.5 KB and 60 features.
func TestSizes_AgreeWithTheDesignTable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rate                            float64
		partitions, models, used, fixed int
		input, panes, state, scores     float64 // bytes/s, bytes/s, bytes kept before clean-up, records/s
	}{
		{1e3, 6, 10, 6, 6, 1.5e6, 18e3, 0.14e9, 0.2},
		{1e5, 48, 100, 48, 12, 150e6, 1.4e6, 1.4e9, 2},
		{1e6, 192, 1000, 16, 48, 1.5e9, 4.8e6, 14e9, 18},
		{1e7, 1024, 5000, 16, 128, 15e9, 24e6, 69e9, 90},
	}
	for _, tt := range tests {
		cfg := config.Default()
		cfg.Topics.Inputs = cfg.Topics.Inputs[:1]
		cfg.Topics.InputPartitions, cfg.Stream.Partitions = tt.partitions, tt.fixed
		p := &Parts{Cfg: &cfg}
		s := p.Sizes(Load{EventsPerSecond: tt.rate, EventBytes: 1500, Features: 60, Models: tt.models, ModelPartitions: tt.used})
		near := func(what string, got, want, tolerance float64) {
			if got < want*(1-tolerance) || got > want*(1+tolerance) {
				t.Errorf("%g events/s: %s = %.3g, want %.3g ± %g %%", tt.rate, what, got, want, 100*tolerance)
			}
		}
		near("input bytes/s", s[0].BytesPerSec, tt.input, 0.01)
		near("counts bytes/s", s[1].BytesPerSec-claims(&cfg)*claimBytes, tt.panes, 0.1)
		near("state bytes", s[2].KeptBytes/compactionSlack, tt.state, 0.1)
		near("scores/s", s[3].RecordsPerSec, tt.scores, 0.2)
	}
}

func claims(c *config.Config) float64 {
	return float64(c.Topics.InputPartitions*c.Stream.Partitions) / 10
}

func TestSizes_FollowConfiguration(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	p := &Parts{Cfg: &cfg}
	l := DefaultLoad()
	before := p.Sizes(l)
	if got := fmt.Sprint(before[0]); got != "ml.features + ml.predictions" {
		t.Errorf("inputs %q; labels are no events", got)
	}
	cfg.Topics.InputRetention = config.Duration(14 * 24 * time.Hour)
	if after := p.Sizes(l); after[0].KeptBytes != 2*before[0].KeptBytes {
		t.Errorf("kept %g after %g, want twice: retention doubled", after[0].KeptBytes, before[0].KeptBytes)
	}
	l.Models, l.EventsPerSecond = 0, 0
	for _, s := range p.Sizes(l) {
		if s.BytesPerSec < 0 || s.KeptBytes != s.KeptBytes {
			t.Errorf("%s without models and events: %+v", s, s)
		}
	}
}
