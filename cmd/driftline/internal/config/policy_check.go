package config

import (
	"fmt"
	"maps"
	"slices"

	"github.com/driftline/driftline/stream/wire"
)

// check adds the faults of one policy, which stands at key.
func (p *Policy) check(k *checker, key string, windows []Duration) {
	key += "."
	k.must(p.Name != "" && len(p.Name) <= 64, key+"name", "%q; want 1 to 64 bytes", p.Name)
	k.enum(key+"rule", p.Rule, "calibrated", "classic")
	k.enum(key+"early", p.Early, "on", "off")
	k.enum(key+"predictions", p.Predictions, PredictionsAlarm, wire.PredictionsScore, wire.PredictionsOff)
	k.enum(key+"joint", p.Joint, JointAuto, "off", "score", "alarm")
	k.enum(key+"multiplicity", p.Multiplicity, "budget", "bh")
	k.enum(key+"share_by", p.ShareBy, "count", wire.ByImportance)
	k.must(p.ShareBy != wire.ByImportance || len(p.Importance) > 0, key+"share_by", "%q without %simportance; want weights there, or count", p.ShareBy, key)
	for _, f := range slices.Sorted(maps.Keys(p.Importance)) {
		w := p.Importance[f]
		k.must(f != "" && w >= 0 && w <= wire.MaxImportance, key+"importance."+f, "%v; want 0 to %v", w, float64(wire.MaxImportance))
	}
	k.must(p.Drifted > 0, key+"drifted", "%v; want above 0", p.Drifted)
	k.must(p.Warn > 0 && p.Warn <= p.Drifted, key+"warn", "%v; want above 0 and at most drifted, %v", p.Warn, p.Drifted)
	k.must(p.FalseAlarms > 0 && p.FalseAlarms <= 1000, key+"false_alarms", "%v; want above 0, at most 1000 a month", p.FalseAlarms)
	k.whole(key+"min_rows", p.MinRows, 1, 1<<30)
	k.must(p.MinEffective >= 1, key+"min_effective", "%v; want at least 1", p.MinEffective)
	k.must(p.ShareFire > 0 && p.ShareFire <= 1, key+"share_fire", "%v; want above 0, at most 1", p.ShareFire)
	k.must(p.ShareResolve >= 0 && p.ShareResolve < p.ShareFire, key+"share_resolve", "%v; want 0 or more and below share_fire, %v", p.ShareResolve, p.ShareFire)
	k.share(key+"min_coverage", p.MinCoverage)
	k.share(key+"min_judged", p.MinJudged)
	k.share(key+"warm_up", p.WarmUp)
	k.must(p.FireAfter >= 0 && p.FireAfter <= 100, key+"fire_after", "%v; want 0 to 100 windows", p.FireAfter)
	k.must(p.ResolveAfter >= 0 && p.ResolveAfter <= 100, key+"resolve_after", "%v; want 0 to 100 windows", p.ResolveAfter)
	k.must(p.Retrigger > 0 && p.Retrigger <= 100, key+"retrigger", "%v; want above 0, at most 100 windows", p.Retrigger)
	for i, s := range p.Steps {
		at := fmt.Sprintf("%ssteps[%d]", key, i)
		k.must(s > p.ShareFire && s <= 1, at, "%v; want above share_fire, %v, at most 1", s, p.ShareFire)
		k.must(i == 0 || s > p.Steps[i-1], at, "%v after %v; want ascending", s, p.Steps[max(0, i-1)])
	}
	k.span(key+"trigger_from", p.TriggerFrom, 0)
	for i, w := range p.Windows {
		k.must(slices.Contains(windows, w), fmt.Sprintf("%swindows[%d]", key, i), "%s is none of stream.windows, %v", w, windows)
	}
	for i, f := range p.Critical {
		k.must(f != "" && !slices.Contains(p.Ignore, f), fmt.Sprintf("%scritical[%d]", key, i), "%q; want a feature that ignore does not name", f)
	}
	q := p.Quality
	for _, f := range []struct {
		key string
		v   float64
	}{
		{"null_rate", q.NullRate}, {"out_of_range", q.OutOfRange}, {"unseen", q.Unseen}, {"wrong_type", q.WrongType},
	} {
		k.share(key+"quality."+f.key, f.v)
	}
	k.enum(key+"quality.volume", q.Volume, "on", "off")
	k.enum(key+"quality.freshness", q.Freshness, "on", "off")
	k.enum(key+"quality.schema", q.Schema, "on", "off")
	p.Cadence.check(k, key+"cadence")
}

// warnings names settings that work but invite trouble.
func (c *Config) warnings() []string {
	var out []string
	if c.Embedded() && c.Broker.TimestampAfterMax > c.Stream.Lateness/2 {
		out = append(out, fmt.Sprintf("broker.timestamp_after_max is %s, more than half of stream.lateness, %s: one producer with a fast clock can make the events of others late",
			c.Broker.TimestampAfterMax, c.Stream.Lateness))
	}
	need := c.Stream.Lateness + c.Stream.Skew + c.Stream.Disorder + 2*c.Stream.Resolution
	if c.Topics.InputRetention < need+24*hour {
		out = append(out, fmt.Sprintf("topics.input_retention is %s: it must cover the longest outage and %s besides", c.Topics.InputRetention, need))
	}
	return out
}
