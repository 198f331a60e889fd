package collect

import (
	"github.com/driftline/driftline/stream/loop"
)

// commitPane returns the pane that the commit test compares with: u, or for one
// mutant the oldest pane that holds data.
func (s *Source) commitPane(u int64) int64 {
	if s.cfg.Mutant != loop.OldestPaneWithData {
		return u
	}
	oldest, found := u, false
	for p := range s.open {
		if p >= u && (!found || p < oldest) {
			oldest, found = p, true
		}
	}
	if !found {
		return s.times.Pane(s.tracker.Clock()) + 1
	}
	return oldest
}

// mutate turns a sound cycle into the wrong one that a test asked for.
func (s *Source) mutate(c *loop.Cycle, u int64, ok bool) {
	switch s.cfg.Mutant {
	case loop.CommitOldestOpen:
		if !ok {
			return
		}
		c.Commit = s.tracker.Through() + 1
		for p, o := range s.open {
			if p >= u {
				c.Commit = min(c.Commit, o.first)
			}
		}
	case loop.FrontierFirst:
		c.Stages[1], c.Stages[2] = c.Stages[2], c.Stages[1]
	}
}
