package check

import (
	"encoding/json"
	"math"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
)

// Report is what a check found. Its JSON is read by scripts: keys are only ever added.
type Report struct {
	Model    string `json:"model,omitempty"`
	Strategy string `json:"strategy,omitempty"`

	Features []Feature `json:"features"`

	NReference int     `json:"n_samples_reference"`
	NCurrent   int     `json:"n_samples_current"`
	AsOf       *Moment `json:"as_of"` // null without times
	Windows    struct {
		Reference Period `json:"reference"`
		Current   Period `json:"current"`
	} `json:"windows"`
	// Reference is the one of the registry that was compared with; null for rows.
	Reference *StoredInfo `json:"reference"`

	Missing []string `json:"features_missing"` // of the reference, not in the current rows
	Added   []string `json:"features_added"`   // of the current rows, not in the reference

	Dependence string `json:"dependence"` // "assumed none", or "reference blocks"
	Blocks     uint64 `json:"blocks"`     // of the reference; 0: none
	BlockMS    int64  `json:"block_ms"`   // length of a block; 0: none

	Rule         string  `json:"rule"`
	Alpha        float64 `json:"alpha"`         // chance of a false verdict per feature
	PSIThreshold float64 `json:"psi_threshold"` // a feature is drifted above it

	Analyzed         int  `json:"features_analyzed"`
	Judged           int  `json:"features_judged"` // neither insufficient nor learning
	Drifted          int  `json:"features_drifted"`
	Bad              int  `json:"features_bad"` // whose data is bad, whatever the distribution of what is left
	DriftedKS        int  `json:"drifted_ks"`   // KS p < 0.05, for comparison
	DriftedPSI       int  `json:"drifted_psi"`  // PSI at or above the threshold, for comparison
	DriftRatio       num  `json:"drift_ratio"`  // drifted ÷ judged; null where too few were judged
	Threshold        num  `json:"retraining_threshold"`
	RetrainingNeeded bool `json:"retraining_needed"`
	// Compat is what another tool says, where it was asked for: it then decides, and the
	// shares above are its own.
	Compat *Compat `json:"compat,omitempty"`
	// Enough is false where there is too little data for an answer; Why says what was
	// found and what is needed.
	Enough bool   `json:"enough_data"`
	Why    string `json:"why,omitempty"`
	// Where there is too little: the current rows that it takes, when they will be there if
	// rows go on to come as they did, and both in words. Null where that cannot be told.
	RowsNeeded *int    `json:"rows_needed"`
	EnoughFrom *Moment `json:"enough_from"`
	Mend       string  `json:"mend,omitempty"`

	Emitted *Emitted `json:"emitted,omitempty"` // the drift event, where one was asked for
}

// Feature is one feature's part of a report. Shares, PSI and distances have no unit;
// Wasserstein and the statistics have that of the feature. Null: not defined here.
type Feature struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // numeric or categorical

	NReference   uint64 `json:"n_reference"` // values, nulls not counted
	NCurrent     uint64 `json:"n_current"`
	NEff         num    `json:"n_eff"`
	DesignEffect num    `json:"design_effect"`

	PSI         num `json:"psi"` // native: verdict bins, Jeffreys shares
	PSIDebiased num `json:"psi_debiased"`
	PSILower    num `json:"psi_lower"`
	KS          num `json:"ks"` // exact; numeric only, as all of KS and Wasserstein
	KSLow       num `json:"ks_low"`
	KSHigh      num `json:"ks_high"`
	KSP         num `json:"ks_p"` // exact for small samples, else finite-N; no verdict uses it
	JS          num `json:"js"`   // distance, base 2
	Hellinger   num `json:"hellinger"`
	Wasserstein num `json:"wasserstein"`
	TVD         num `json:"tvd"`
	Linf        num `json:"linf"`
	Chi2        num `json:"chi2"` // contingency, on the verdict bins
	Chi2P       num `json:"chi2_p"`
	CramersV    num `json:"cramers_v"` // categorical only

	WrongType    num `json:"wrong_type"` // share of current rows whose value is of another kind
	NotFinite    num `json:"not_finite"` // share of current rows with NaN or an infinity
	NotFiniteRef num `json:"not_finite_reference"`
	NullRate     num `json:"null_rate"` // of the current rows
	NullRateRef  num `json:"null_rate_reference"`
	OutOfRange   num `json:"out_of_range"` // share of current values outside the range the reference was built on
	Unseen       num `json:"unseen"`       // share of current rows with a category the reference has not

	Statistics struct {
		Reference Statistics `json:"reference"`
		Current   Statistics `json:"current"`
	} `json:"statistics"`
	MeanDiffPct num `json:"mean_diff_pct"` // (current − reference)/reference · 100

	Verdict    string `json:"verdict"` // stable, drifted or insufficient
	Warned     bool   `json:"warned"`
	Drifted    bool   `json:"drifted"`
	Rule       string `json:"rule"`
	Reason     string `json:"reason,omitempty"`  // why there is no verdict
	Why        string `json:"why,omitempty"`     // in words, where it is not simply stable
	BadData    string `json:"quality,omitempty"` // in words, what is wrong with the values themselves
	Detectable num    `json:"smallest_detectable_psi"`
	Needed     num    `json:"n_needed"` // current values that a verdict takes; null where there is one, or more would not help
	Top        []Top  `json:"top"`      // what contributes most to the PSI

	OutOfRangeRef num `json:"out_of_range_reference"`

	// Where the reference is one of the registry: keys that were read from its counts, to
	// the width of a cell, and why others are null.
	Derived   []string          `json:"derived,omitempty"`
	Undefined map[string]string `json:"undefined,omitempty"`

	refID, curID sketches.ID // of what was counted
	bars         []bar
}

// Statistics of the values of one side. Std divides by n − 1; Skew and Kurt are
// corrected for bias, Kurt is the excess. Numeric features only; null else.
type Statistics struct {
	Mean   num `json:"mean"`
	Std    num `json:"std"`
	Min    num `json:"min"`
	Q25    num `json:"q25"`
	Median num `json:"median"`
	Q75    num `json:"q75"`
	Max    num `json:"max"`
	Skew   num `json:"skew"`
	Kurt   num `json:"kurtosis"`
}

// Top is a bin's part of the PSI.
type Top struct {
	Bin  string `json:"bin"`
	Ref  num    `json:"reference"` // shares
	Cur  num    `json:"current"`
	Term num    `json:"psi"`
}

// bar is one bin of the picture in the HTML report.
type bar struct {
	Label    string
	Ref, Cur float64 // shares
}

// num is a number that JSON may lack: NaN and infinities are null.
type num float64

// MarshalJSON writes null for what is not a number.
func (x num) MarshalJSON() ([]byte, error) {
	if !x.defined() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(x))
}

// UnmarshalJSON reads null as NaN.
func (x *num) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*x = undefined
		return nil
	}
	return json.Unmarshal(b, (*float64)(x))
}

func (x num) defined() bool { return float64(x-x) == 0 }

var undefined = num(math.NaN())

// undefinedFeature has nothing but its name.
func undefinedFeature(name string) Feature {
	none := Statistics{undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined, undefined}
	f := Feature{
		Name: name, NEff: undefined, DesignEffect: undefined, PSI: undefined, PSIDebiased: undefined, PSILower: undefined,
		KS: undefined, KSLow: undefined, KSHigh: undefined, KSP: undefined, JS: undefined, Hellinger: undefined, Wasserstein: undefined,
		TVD: undefined, Linf: undefined, Chi2: undefined, Chi2P: undefined, CramersV: undefined, OutOfRange: undefined, OutOfRangeRef: undefined, Unseen: undefined,
		WrongType: undefined, NotFinite: undefined, NotFiniteRef: undefined, Needed: undefined, NullRate: undefined, NullRateRef: undefined, MeanDiffPct: undefined, Detectable: undefined, Verdict: drift.Insufficient.String(), Top: []Top{},
	}
	f.Statistics.Reference, f.Statistics.Current = none, none
	return f
}
