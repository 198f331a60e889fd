package config

import (
	"fmt"
	"slices"

	"github.com/driftline/driftline/stream/wire"
)

// Trailing is the reference that ends a gap before each window.
type Trailing struct {
	Length  Duration `yaml:"length" doc:"Its length."`
	Gap     Duration `yaml:"gap" doc:"How long before the end of a window it ends: at least the longest window, else a window is compared with itself."`
	Warn    float64  `yaml:"warn" doc:"PSI above which a feature warns against it."`
	Drifted float64  `yaml:"drifted" doc:"PSI above which a feature counts as drifted against it."`
}

// Seasonal is the reference of the same hours of the weeks before.
type Seasonal struct {
	Weeks   int     `yaml:"weeks" doc:"How many weeks, 3 to 8; at least 3 of them must be usable."`
	Warn    float64 `yaml:"warn" doc:"PSI above which a feature warns against it."`
	Drifted float64 `yaml:"drifted" doc:"PSI above which a feature counts as drifted against it."`
}

// Kinds of reference that a policy may name.
const refTraining = "training"

var referenceKinds = []string{refTraining, wire.KindTrailing, wire.KindSeasonal}

// moving sets what the stream is asked for beside the model's own reference.
func (p Policy) moving(out *wire.Policy) {
	if slices.Contains(p.References, wire.KindTrailing) {
		t := p.Trailing
		out.Trailing = &wire.Trailing{LengthMS: t.Length.MS(), GapMS: t.Gap.MS(), Warn: t.Warn, Drifted: t.Drifted}
	}
	if slices.Contains(p.References, wire.KindSeasonal) {
		s := p.Seasonal
		out.Seasonal = &wire.Seasonal{Weeks: s.Weeks, Warn: s.Warn, Drifted: s.Drifted}
	}
}

// checkReferences adds the faults of the references that a policy names, under the
// stream's settings.
func (p *Policy) checkReferences(k *checker, key string, s *Stream) {
	list := key + ".references"
	for i, r := range p.References {
		k.enum(fmt.Sprintf("%s[%d]", list, i), r, referenceKinds...)
		k.must(slices.Index(p.References, r) == i, fmt.Sprintf("%s[%d]", list, i), "%q stands twice", r)
	}
	k.must(slices.Contains(p.References, refTraining), list, "%v; want training among them: the others move along, and a drift that is slow enough moves along with them", p.References)
	limits := func(key string, warn, drifted float64) {
		k.must(drifted > 0, key+".drifted", "%v; want above 0", drifted)
		k.must(warn > 0 && warn <= drifted, key+".warn", "%v; want above 0 and at most drifted, %v", warn, drifted)
	}
	limits(key+".trailing", p.Trailing.Warn, p.Trailing.Drifted)
	limits(key+".seasonal", p.Seasonal.Warn, p.Seasonal.Drifted)
	k.whole(key+".seasonal.weeks", p.Seasonal.Weeks, wire.MinSeasonWeeks, wire.MaxSeasonWeeks)
	k.span(key+".trailing.length", p.Trailing.Length, second)
	k.span(key+".trailing.gap", p.Trailing.Gap, 0)

	slide := s.Resolution * Duration(s.Slide)
	asked := p.Wire()
	if slide <= 0 || len(asked.Moving()) == 0 {
		return
	}
	longest := Duration(0)
	for _, w := range s.Windows {
		if len(p.Windows) == 0 || slices.Contains(p.Windows, w) {
			longest = max(longest, w)
		}
	}
	if asked.Trailing != nil {
		k.must(p.Trailing.Length%slide == 0, key+".trailing.length", "%s; want a multiple of stream.resolution × stream.slide, %s", p.Trailing.Length, slide)
		k.must(p.Trailing.Gap%slide == 0, key+".trailing.gap", "%s; want a multiple of stream.resolution × stream.slide, %s", p.Trailing.Gap, slide)
		k.must(p.Trailing.Gap >= longest, key+".trailing.gap", "%s; want at least the longest window, %s: else a window is compared with itself", p.Trailing.Gap, longest)
	}
	l := wire.Layout{PaneMS: s.Resolution.MS(), SlotPanes: int64(s.Slide)}
	for _, w := range s.Windows {
		l.WindowsMS = append(l.WindowsMS, w.MS())
	}
	if l.SlotMS() <= 0 {
		return
	}
	if asked.Seasonal != nil {
		k.must(l.SeasonMS() > 0, list, "seasonal with stream.resolution × stream.slide of %s; want what divides an hour, or whole hours that divide a week", slide)
	}
	if back := asked.BackMS(l); back > wire.MaxKeptMS {
		k.bad(list, "%v look back %s before the end of a window, and counts are kept for %s: shorten trailing.length or trailing.gap, take fewer seasonal.weeks, or judge shorter windows",
			p.References, Duration(back*1e6), Duration(wire.MaxKeptMS*1e6))
	} else if err := asked.CheckLayout(l); err != nil && p.Trailing.Length%slide == 0 && p.Trailing.Gap%slide == 0 && p.Trailing.Gap >= longest && (asked.Seasonal == nil || l.SeasonMS() > 0) {
		k.bad(list, "%v need stream.resolution × stream.slide of at least %s, not %s: counts are kept step by step for %s, at most %d of them",
			p.References, Duration(l.LeastSlotMS()*1e6), slide, Duration(wire.MaxKeptMS*1e6), wire.MaxKept)
	}
}
