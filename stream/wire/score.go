package wire

import (
	"encoding/json"
	"fmt"
)

// AnyVersion is the version of scores over all versions of a model.
const AnyVersion = "*"

// States of a score.
const (
	StateJudged   = "judged"   // compared with a reference
	StateLearning = "learning" // no reference yet: rows are counted
	StateEmpty    = "empty"    // a reference, but no rows in the window
)

// Score says how one window of a model compares with its reference. Identity:
// (model, version, reference, window, end). Dimensionless statistics are int64
// nano-units (10⁻⁹); a pointer that is nil means "not defined here".
type Score struct {
	Model       string         `json:"model"`
	Version     string         `json:"version"`
	Reference   string         `json:"reference"`
	WindowMS    int64          `json:"window_ms"`
	EndMS       int64          `json:"end_ms"`
	State       string         `json:"state"`
	Rows        uint64         `json:"rows"`
	Covered     uint64         `json:"covered"`  // parts of Expected: the share of (source, pane) pairs that were claimed
	Expected    uint64         `json:"expected"` // a million, whatever the number of partitions; 0 where nothing was expected
	Provisional bool           `json:"provisional"`
	Drifted     int            `json:"drifted"` // features
	Judged      int            `json:"judged"`
	All         int            `json:"all"`
	Features    []FeatureScore `json:"features,omitempty"`
	Predictions *Predictions   `json:"predictions,omitempty"`
	Alarms      []AlarmAt      `json:"alarms,omitempty"`
	// Filled is the part of the window that lies after counting began; absent: all of it.
	Filled *int64 `json:"filled,omitempty"`
	// Alpha is the error of one decision; absent under the classic rule.
	Alpha *int64 `json:"alpha,omitempty"`
	// ShareImportance is the share drifted where each judged feature weighs what the policy
	// says; absent without weights, or where nothing that has one was judged.
	ShareImportance *int64 `json:"share_importance,omitempty"`
	// Early is the frame of the early warning's state (EarlyState) at the end of the
	// window, on the shortest window at the end of a slot: a replay begins with it.
	Early []byte `json:"early,omitempty"`
	// Which reference Reference is. A moving one has a digest of what it held, and where it
	// held too little, why; the state of a model's moving references (MovingState) stands on
	// the shortest window at its alarm hops.
	ReferenceKind   string `json:"reference_kind,omitempty"`
	ReferenceDigest string `json:"reference_digest,omitempty"`
	ReferenceFromMS int64  `json:"reference_from_ms,omitempty"`
	ReferenceToMS   int64  `json:"reference_to_ms,omitempty"`
	ReferenceRows   uint64 `json:"reference_rows,omitempty"`
	Reason          string `json:"reason,omitempty"`
	Moving          []byte `json:"moving,omitempty"`
	// Joint is the verdict on all features together, where the reference allows one.
	Joint *JointVerdict `json:"joint,omitempty"`
	// Segment is the declared part of the traffic that is judged, such as "region=eu",
	// against the same part of the reference; absent: all of it. Its identity is Reference.
	Segment string `json:"segment,omitempty"`
	// Cadence is the frame of what is known of the model's cadence (CadenceState), there too.
	Cadence []byte `json:"cadence,omitempty"`
}

// FeatureScore is one feature of a score.
type FeatureScore struct {
	Name         string  `json:"name"`
	Kind         string  `json:"kind"`
	N            uint64  `json:"n"` // reference values
	M            uint64  `json:"m"` // window values
	PSI          *int64  `json:"psi"`
	PSIDebiased  *int64  `json:"psi_debiased"`
	PSILower     *int64  `json:"psi_lower"`
	KSLow        *int64  `json:"ks_low"`
	KSHigh       *int64  `json:"ks_high"`
	JS           *int64  `json:"js"`
	Hellinger    *int64  `json:"hellinger"`
	TVD          *int64  `json:"tvd"`
	LInf         *int64  `json:"linf"`
	Chi2         *int64  `json:"chi2,omitempty"`
	NEff         *int64  `json:"n_eff"`
	DesignEffect *int64  `json:"design_effect"`
	Null         *int64  `json:"null_rate"`
	Outside      *int64  `json:"out_of_range"`
	Unseen       *int64  `json:"unseen"`
	Verdict      string  `json:"verdict"`
	Warned       bool    `json:"warned"`
	Rule         string  `json:"rule"`
	Reason       string  `json:"reason,omitempty"`
	Top          []Cells `json:"top,omitempty"`
	Bins         int     `json:"bins,omitempty"`       // compared, after small ones were merged
	Dependence   string  `json:"dependence,omitempty"` // where the design effect comes from; absent: assumed none
	Blocks       uint64  `json:"blocks,omitempty"`     // of the reference, or live windows, behind it
	W1           *int64  `json:"w1,omitempty"`         // Wasserstein distance in standard deviations of the reference
	W1Low        *int64  `json:"w1_low,omitempty"`
	W1High       *int64  `json:"w1_high,omitempty"`
	// Brief is what is kept of the window for reading (sketches.Brief), on windows that an
	// alarm stepped with.
	Brief []byte `json:"brief,omitempty"`
}

// Cells is a part of a feature's range and what it adds to the statistic.
type Cells struct {
	Label string `json:"label"`
	Part  *int64 `json:"part"` // of the PSI
	Ref   *int64 `json:"ref"`  // share of the reference
	Cur   *int64 `json:"cur"`  // share of the window
}

// Predictions is what a version answered in the window.
type Predictions struct {
	Rows      uint64            `json:"rows"`
	Scored    uint64            `json:"scored"`
	MeanScore *int64            `json:"mean_score"`
	PSI       *int64            `json:"psi"`
	Classes   map[string]uint64 `json:"classes,omitempty"`
}

// AlarmAt is the state of an alarm after this window.
type AlarmAt struct {
	Policy string          `json:"policy"`
	Kind   string          `json:"kind"`
	Phase  string          `json:"phase"`
	Stale  bool            `json:"stale"`
	State  json.RawMessage `json:"state"`
}

// Encode returns canonical JSON: fixed field order, maps sorted by key.
func (s Score) Encode() []byte { return canonical(s) }

// DecodeScore reads what Encode wrote.
func DecodeScore(b []byte) (s Score, err error) {
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("score: %w", err)
	}
	if s.Model == "" || s.WindowMS <= 0 {
		return s, fmt.Errorf("score: without model or window: %.100s", b)
	}
	return s, nil
}

// Share returns drifted ÷ judged, 0 where nothing was judged.
func (s Score) Share() float64 {
	if s.Judged == 0 {
		return 0
	}
	return float64(s.Drifted) / float64(s.Judged)
}

// Worst returns the feature of largest PSI, or false where none has one.
func (s Score) Worst() (f FeatureScore, ok bool) {
	for _, x := range s.Features {
		if x.PSI != nil && (!ok || *x.PSI > *f.PSI) {
			f, ok = x, true
		}
	}
	return f, ok
}
