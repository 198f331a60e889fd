package trainer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/driftline/driftline/trainer/gbdt"
	"github.com/driftline/driftline/trainer/judge"
)

// card writes model_card.md. It is made from a fixed order of sections, so that the
// cards of two versions can be compared line by line.
func (j *job) card(m *gbdt.Model, d *dataset, v judge.Decision, refitted bool) []byte {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# Model card: %s", escape(j.row.Model))
	p("\n## Identity and lineage\n")
	p("| what | value |\n|---|---|")
	for _, l := range [][2]string{
		{"retrain", j.row.ID},
		{"run", j.row.RunID},
		{"compared with", cmp.Or(j.row.ChampionBefore, "none: the first version")},
		{"trigger", j.trig.String()},
		{"trigger clock (event time)", date(j.row.ClockMS)},
		{"code version", j.cfg.CodeVersion},
	} {
		p("| %s | %s |", l[0], escape(l[1]))
	}
	p("\n## Data\n")
	p("| what | value |\n|---|---|")
	p("| days | %s to %s, %d with rows |", d.FirstDay, d.LastDay, d.Days)
	p("| rows | %d: %d to train on, then %d held out |", d.Rows, d.TrainRows, d.HoldoutRows)
	p("| rows with label 1 | %d |", d.Positives)
	for _, why := range slices.Sorted(maps.Keys(d.Excluded)) {
		p("| left out: %s | %d |", escape(why), d.Excluded[why])
	}
	p("| SHA-256 of the data file | %s |", d.SHA256)
	p("\n| feature | missing |\n|---|---|")
	for k, name := range d.columns() {
		missing := 0
		for _, r := range d.rows {
			if r.x[k] != r.x[k] {
				missing++
			}
		}
		p("| %s | %d |", escape(name), missing)
	}
	p("\n## Learner\n")
	p("%s, %d rounds, depth at most %d, learning rate %g, seed %d.", m.Objective(), m.Rounds(), j.spec.Params.MaxDepth, j.spec.Params.LearningRate, j.spec.Params.Seed)
	if refitted {
		p("\nThe registered model is a refit on the whole window with the rounds of the tested one. The figures below are those of the tested model; **the refit itself is untested** and is watched on probation.")
	} else {
		p("\nThe registered model is the tested one: the figures below are its own.")
	}
	p("\n## Figures on the held-out days\n")
	p("| metric | this model | champion |\n|---|---|---|")
	mine, theirs := reportMetrics(v.Challenger), reportMetrics(v.Champion)
	for _, name := range slices.Sorted(maps.Keys(mine)) {
		other := "–"
		if x, ok := theirs[name]; ok {
			other = short(x)
		}
		p("| %s | %s | %s |", name, short(mine[name]), other)
	}
	p("\nThreshold: %g. A metric that is not listed is undefined on these rows.", j.spec.Gate.Threshold)
	p("\n## Gate\n")
	p("%s\n", escape(summary(v)))
	p("| check | outcome | value | limit | interval | rows | reason |\n|---|---|---|---|---|---|---|")
	number := func(x *float64) string {
		if x == nil {
			return "–"
		}
		return short(*x)
	}
	for _, c := range v.Checks {
		p("| %s | %s | %s | %s | %s … %s | %d | %s |", escape(c.Name), c.Outcome, number(c.Value), number(c.Limit), number(c.Low), number(c.High), c.Support, escape(c.Reason))
	}
	p("\nData quality and the reference are asked last; their checks stand in the retrain's record.")
	p("\n## Limits\n")
	p("Trained on the days above only. Slices and groups were not judged.")
	return []byte(b.String())
}

// escape keeps text inside one cell of a table.
func escape(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ", "<", "&lt;").Replace(s)
}
