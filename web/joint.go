package web

import (
	"encoding/json"
	"fmt"
	"strings"
)

// kindJoint is the kind of alarms on all features together.
const kindJoint = "joint"

// jointBody is what a score or an event says about all features together.
type jointBody struct {
	Verdict     string      `json:"verdict"`
	Reason      string      `json:"reason"`
	N           int64       `json:"n"`
	M           int64       `json:"m"`
	Distance    nano        `json:"distance"`
	Score       nano        `json:"score"`
	Limit       nano        `json:"limit"`
	FalseAlarms nano        `json:"false_alarms"`
	Path        string      `json:"path"`
	Parts       []jointPart `json:"parts"`
	Features    []struct {
		Name    string `json:"name"`
		Shift   nano   `json:"shift"`
		Spread  nano   `json:"spread"`
		Pair    nano   `json:"pair"`
		Witness nano   `json:"witness"`
	} `json:"features"`
	Pairs []struct {
		A      string `json:"a"`
		B      string `json:"b"`
		Ref    nano   `json:"ref"`
		Cur    nano   `json:"cur"`
		Change nano   `json:"change"`
	} `json:"pairs"`
}

type jointPart struct {
	Name  string `json:"name"`
	Value nano   `json:"value"`
	Score nano   `json:"score"`
}

// Joint is the verdict on all features of a window together.
type Joint struct {
	Verdict     string         `json:"verdict" enum:"stable,drifted,insufficient"`
	Reason      string         `json:"reason,omitempty" doc:"Why there is no verdict."`
	Rows        int64          `json:"n_current"`
	RefRows     int64          `json:"n_reference"`
	Distance    *Number        `json:"distance" doc:"Squared distance of the mean embeddings, an effect size; below 0 by chance."`
	Score       *Number        `json:"score" doc:"The largest of parts, in standard deviations."`
	Limit       *Number        `json:"limit" doc:"What the score is held against."`
	FalseAlarms *Number        `json:"false_alarms" doc:"A month that the limit lets through, window by window."`
	Path        string         `json:"path,omitempty" doc:"The part whose score it is."`
	Parts       []JointPart    `json:"parts" nullable:"false"`
	Features    []JointFeature `json:"features" nullable:"false" doc:"What changed most, where it drifted."`
	Pairs       []JointPair    `json:"pairs" nullable:"false" doc:"Correlations that changed most, where it drifted."`
}

// JointPart is one statistic on all features together.
type JointPart struct {
	Name  string  `json:"name" enum:"distance,location,spread,correlation,pair"`
	Value *Number `json:"value"`
	Score *Number `json:"score"`
}

// JointFeature is what changed of one feature, in standard errors of independent rows.
type JointFeature struct {
	Name    string  `json:"name"`
	Shift   *Number `json:"shift" doc:"Of its mean."`
	Spread  *Number `json:"spread" doc:"Of its variance."`
	Pair    *Number `json:"pair" doc:"Of a correlation with another feature, the largest."`
	Witness *Number `json:"witness" doc:"Its share of what tells window and reference apart."`
}

// JointPair is the rank correlation of two features, before and now.
type JointPair struct {
	A      string  `json:"a"`
	B      string  `json:"b"`
	Ref    *Number `json:"reference"`
	Cur    *Number `json:"current"`
	Change *Number `json:"change" doc:"In standard errors of independent rows."`
}

// joint turns the stored form into the one of the API, nil where there is none.
func (b *jointBody) joint() *Joint {
	if b == nil || b.Verdict == "" {
		return nil
	}
	j := &Joint{
		Verdict: b.Verdict, Reason: b.Reason, Rows: b.M, RefRows: b.N, Distance: b.Distance.value(), Score: b.Score.value(), Limit: b.Limit.value(),
		FalseAlarms: b.FalseAlarms.value(), Path: b.Path, Parts: []JointPart{}, Features: []JointFeature{}, Pairs: []JointPair{},
	}
	for _, p := range b.Parts {
		j.Parts = append(j.Parts, JointPart{p.Name, p.Value.value(), p.Score.value()})
	}
	for _, f := range b.Features {
		j.Features = append(j.Features, JointFeature{f.Name, f.Shift.value(), f.Spread.value(), f.Pair.value(), f.Witness.value()})
	}
	for _, p := range b.Pairs {
		j.Pairs = append(j.Pairs, JointPair{p.A, p.B, p.Ref.value(), p.Cur.value(), p.Change.value()})
	}
	return j
}

// jointPaths say what the parts look at.
var jointPaths = map[string]string{
	"distance": "the whole law", "location": "means", "spread": "spreads", "correlation": "all correlations", "pair": "a single correlation",
}

// Looks says what the strongest part looks at.
func (j *Joint) Looks() string { return jointPaths[j.Path] }

// why is the first sentence about an alarm on all features together, and most the second.
func (j *Joint) why() string {
	out := "all features together differ from the reference"
	if j.Score != nil && j.Limit != nil {
		out += fmt.Sprintf(", most in %s: score %s, limit %s", jointPaths[j.Path], decimals(*j.Score), decimals(*j.Limit))
	}
	return out
}

func (j *Joint) most() string {
	var parts []string
	if (j.Path == "pair" || j.Path == "correlation") && len(j.Pairs) > 0 {
		parts = append(parts, "Most: the correlation of "+j.Pairs[0].words())
	}
	if len(j.Features) > 0 && len(parts) == 0 {
		var names []string
		for _, f := range j.Features[:min(3, len(j.Features))] {
			names = append(names, f.Name)
		}
		parts = append(parts, "Most: "+strings.Join(names, ", "))
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, "; ") + "."
}

func (p *JointPair) words() string {
	out := p.A + " and " + p.B
	if p.Ref != nil && p.Cur != nil {
		out += fmt.Sprintf(", %.2f in the reference and %.2f in the window", *p.Ref, *p.Cur)
	}
	return out
}

// joint reads the evidence of an alarm on all features together from its event's detail,
// nil where there is none or it cannot be read: the alarm stands all the same.
func (d *eventData) joint() *Joint {
	raw, err := json.Marshal(d.Detail["joint"])
	if err != nil {
		return nil
	}
	var b *jointBody
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil
	}
	return b.joint()
}
