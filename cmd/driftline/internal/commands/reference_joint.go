package commands

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/stream/wire"
)

// builtJoint says whether the model's features are looked at together, and by which laws.
type builtJoint struct {
	InForce   bool       `json:"in_force"`
	Why       string     `json:"why,omitempty"` // why not
	Embedding string     `json:"embedding,omitempty"`
	Laws      []builtLaw `json:"laws,omitempty"`
}

// builtLaw is the law of one length of window.
type builtLaw struct {
	WindowMS    int64   `json:"window_ms"`
	Calibrated  bool    `json:"calibrated"`
	Why         string  `json:"why,omitempty"`
	Limit       float64 `json:"limit,omitempty"`        // of the largest score, in standard deviations
	FalseAlarms float64 `json:"false_alarms,omitempty"` // per month that the limit lets through, as asked for
	Alarms      int     `json:"alarms,omitempty"`       // resampled ones that decided it
}

// joint describes the joint part of what was built.
func (b *builder) joint() builtJoint {
	j := b.res.Reference.Joint
	if j == nil {
		return builtJoint{Why: b.res.WhyJoint}
	}
	out := builtJoint{InForce: true, Embedding: j.Sums.Embedding.ID().String()}
	for _, l := range j.Laws {
		x := builtLaw{WindowMS: l.WindowMS, Calibrated: l.Law != nil, Why: l.Why}
		if l.Law != nil {
			x.Limit, x.Alarms = l.Law.Limits[0].Rest, l.Law.Limits[0].Alarms
			x.FalseAlarms = sequential.PerMonth(l.Law.Limits[0].Target, l.StepMS)
		}
		out.Laws = append(out.Laws, x)
	}
	return out
}

// words says it in a line.
func (j builtJoint) words() string {
	if !j.InForce {
		return "features are not looked at together: " + j.Why
	}
	var laws []string
	for _, l := range j.Laws {
		if !l.Calibrated {
			laws = append(laws, fmt.Sprintf("windows of %s: %s", span(l.WindowMS), l.Why))
			continue
		}
		laws = append(laws, fmt.Sprintf("windows of %s: limit %.2f for %.2g false alarms a month, from %d resampled ones", span(l.WindowMS), l.Limit, l.FalseAlarms, l.Alarms))
	}
	return "all features together: " + strings.Join(laws, "; ")
}

// jointEvidence says in lines what an event of kind joint rests on; none where it cannot
// be read.
func jointEvidence(event []byte) (lines []string) {
	var e struct {
		Data struct {
			Detail struct {
				Joint wire.JointVerdict `json:"joint"`
			} `json:"detail"`
		} `json:"data"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return nil
	}
	v := e.Data.Detail.Joint
	figure := func(x *int64) string {
		if x == nil {
			return unknown
		}
		return fmt.Sprintf("%.2f", float64(*x)/1e9)
	}
	lines = append(lines, fmt.Sprintf("all features together, most in %s: score %s, limit %s, n = %d against %d", v.Path, figure(v.Score), figure(v.Limit), v.M, v.N))
	for _, p := range v.Pairs {
		lines = append(lines, fmt.Sprintf("correlation of %s and %s: %s in the reference, %s now", p.A, p.B, figure(p.Ref), figure(p.Cur)))
	}
	for _, f := range v.Features {
		lines = append(lines, fmt.Sprintf("%s: mean %s, spread %s, correlation %s standard errors", f.Name, figure(f.Shift), figure(f.Spread), figure(f.Pair)))
	}
	return lines
}
