package web

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/driftline/driftline/drift"
)

// nanoUnits make one in score records. Dividing gives the nearest float of the
// decimal, which multiplying by 1e-9 does not.
const nanoUnits = 1e9

// nano is a statistic in nano-units; nil where it is not defined.
type nano struct{ v *int64 }

// UnmarshalJSON reads a number or null.
func (n *nano) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, &n.v) }

// Known tells whether the statistic is defined.
func (n nano) Known() bool { return n.v != nil }

// value is the plain number, nil where it is not defined.
func (n nano) value() *float64 {
	if n.v == nil {
		return nil
	}
	x := float64(*n.v) / nanoUnits
	return &x
}

// or is the plain number, or other where it is not defined.
func (n nano) or(other float64) float64 {
	if x := n.value(); x != nil {
		return *x
	}
	return other
}

// featureBody is one feature in a score record or a drift event.
type featureBody struct {
	Name         string     `json:"name"`
	Kind         string     `json:"kind"`
	N            int64      `json:"n"` // reference values
	M            int64      `json:"m"` // window values
	PSI          nano       `json:"psi"`
	PSILower     nano       `json:"psi_lower"`
	KSLow        nano       `json:"ks_low"`
	KSHigh       nano       `json:"ks_high"`
	JS           nano       `json:"js"`
	NEff         nano       `json:"n_eff"`
	DesignEffect nano       `json:"design_effect"`
	Null         nano       `json:"null_rate"`
	Outside      nano       `json:"out_of_range"`
	Unseen       nano       `json:"unseen"`
	Verdict      string     `json:"verdict"`
	Warned       bool       `json:"warned"`
	Rule         string     `json:"rule"`
	Reason       string     `json:"reason"`
	Top          []cellBody `json:"top"`
	PSIDebiased  nano       `json:"psi_debiased"`
	Hellinger    nano       `json:"hellinger"`
	TVD          nano       `json:"tvd"`
	LInf         nano       `json:"linf"`
	Chi2         nano       `json:"chi2"`
	W1           nano       `json:"w1"`
	W1Low        nano       `json:"w1_low"`
	W1High       nano       `json:"w1_high"`
	Bins         int        `json:"bins"`
	Dependence   string     `json:"dependence"`
	Blocks       uint64     `json:"blocks"`
	Brief        []byte     `json:"brief"`
}

// cellBody is a part of a feature's range with what it adds to the PSI.
type cellBody struct {
	Label string `json:"label"`
	Part  nano   `json:"part"`
	Ref   nano   `json:"ref"`
	Cur   nano   `json:"cur"`
}

// judging is the statistic that the feature's rule compares with the threshold.
func (f *featureBody) judging() nano {
	if f.Rule == drift.RuleCalibrated {
		return f.PSILower
	}
	return f.PSI
}

// judged tells whether there is a verdict.
func (f *featureBody) judged() bool {
	return f.Verdict == drift.Stable.String() || f.Verdict == drift.Drifted.String()
}

func (f *featureBody) drifted() bool { return f.Verdict == drift.Drifted.String() }

// alarmBody is how an alarm stood after a window.
type alarmBody struct {
	Policy string `json:"policy"`
	Kind   string `json:"kind"`
	Phase  string `json:"phase"`
	Stale  bool   `json:"stale"`
}

// scoreBody is what a score record says beyond the columns of its row.
type scoreBody struct {
	State       string          `json:"state"` // judged | learning | empty
	Features    []featureBody   `json:"features"`
	Predictions *predictionBody `json:"predictions"`
	Alarms      []alarmBody     `json:"alarms"`

	ReferenceKind   string     `json:"reference_kind"`
	ReferenceDigest string     `json:"reference_digest"`
	ReferenceFromMS int64      `json:"reference_from_ms"`
	ReferenceToMS   int64      `json:"reference_to_ms"`
	ReferenceRows   int64      `json:"reference_rows"`
	Reason          string     `json:"reason"`
	Joint           *jointBody `json:"joint"`
	Filled          nano       `json:"filled"`
	Alpha           nano       `json:"alpha"`
	ShareImportance nano       `json:"share_importance"`
}

// predictionBody is what one version answered in a window.
type predictionBody struct {
	Rows      int64            `json:"rows"`
	Scored    int64            `json:"scored"`
	MeanScore nano             `json:"mean_score"`
	PSI       nano             `json:"psi"`
	Classes   map[string]int64 `json:"classes"`
}

// parseScore reads the body of a score row; an empty one is an empty body.
func parseScore(text string) (b scoreBody, err error) {
	if text == "" {
		return b, nil
	}
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return scoreBody{}, fmt.Errorf("score record: %w", err)
	}
	return b, nil
}

// byContribution sorts features by the statistic of their rule, largest first; those
// without one come last, each group by name.
func byContribution(fs []featureBody) {
	slices.SortStableFunc(fs, func(a, b featureBody) int {
		x, y := a.PSI.or(-1), b.PSI.or(-1)
		switch {
		case x > y:
			return -1
		case x < y:
			return 1
		case a.Name < b.Name:
			return -1
		case a.Name > b.Name:
			return 1
		}
		return 0
	})
}

// eventBody is the evidence in a drift event.
type eventBody struct {
	ID       string    `json:"id"`
	Type     string    `json:"type"`
	Time     string    `json:"time"`
	Severity string    `json:"severity"`
	Data     eventData `json:"data"`
}

type eventData struct {
	Version       string         `json:"version"`
	Kind          string         `json:"kind"`
	Policy        string         `json:"policy"`
	Rule          string         `json:"rule"`
	Reference     string         `json:"reference"`
	WindowMS      int64          `json:"window_ms"`
	StartMS       int64          `json:"start_ms"`
	EndMS         int64          `json:"end_ms"`
	SinceMS       int64          `json:"since_ms"`
	Check         string         `json:"check"`
	Segment       string         `json:"segment"`
	Rows          int64          `json:"rows"`
	ReferenceRows int64          `json:"reference_rows"`
	ReferenceKind string         `json:"reference_kind"`
	ReferenceFrom int64          `json:"reference_from_ms"`
	ReferenceTo   int64          `json:"reference_to_ms"`
	Covered       int64          `json:"covered"`
	Expected      int64          `json:"expected"`
	Drifted       int            `json:"drifted"`
	Judged        int            `json:"judged"`
	All           int            `json:"all"`
	Warn          float64        `json:"warn"`
	Threshold     float64        `json:"threshold"`
	ShareFire     float64        `json:"share_fire"`
	Hops          int            `json:"hops"`
	QualityOpen   bool           `json:"quality_open"`
	BlocksRetrain bool           `json:"blocks_retrain"`
	MayRetrain    bool           `json:"may_retrain"`
	Top           []featureBody  `json:"top"`
	Detail        map[string]any `json:"detail"`

	Alpha           float64  `json:"alpha"`
	FalseAlarms     float64  `json:"false_alarms"`
	HopMS           int64    `json:"hop_ms"`
	Multiplicity    string   `json:"multiplicity"`
	ShareBy         string   `json:"share_by"`
	ShareImportance *float64 `json:"share_importance"`
}

// parseEvent reads a drift event.
func parseEvent(text string) (e eventBody, err error) {
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return eventBody{}, fmt.Errorf("drift event: %w", err)
	}
	return e, nil
}

// share is the share that decided: drifted ÷ judged, 0 where nothing was judged, or that
// by importance.
func (d *eventData) share() float64 {
	if d.ShareBy == byImportance && d.ShareImportance != nil {
		return *d.ShareImportance
	}
	return share(int64(d.Drifted), int64(d.Judged))
}

// byImportance is the value of share_by in the policy with which weights decide.
const byImportance = "importance"

func share(drifted, judged int64) float64 {
	if judged <= 0 {
		return 0
	}
	return float64(drifted) / float64(judged)
}
