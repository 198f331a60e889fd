package performance

import (
	"fmt"
)

// Averages are precision, recall and F1 over classes.
type Averages struct {
	Precision Value `json:"precision"`
	Recall    Value `json:"recall"`
	F1        Value `json:"f1"`
}

// ClassReport is one class against all others.
type ClassReport struct {
	Class     string  `json:"class"`
	Support   uint64  `json:"support"`   // rows with this label
	Predicted uint64  `json:"predicted"` // rows given this class
	Precision Value   `json:"precision"`
	Recall    Value   `json:"recall"`
	F1        Value   `json:"f1"`
	ROCAUC    Value   `json:"roc_auc"` // one versus rest; see Report.ROCAUC
	AUCTies   float64 `json:"-"`
}

// Report is how good the answers of a classifier were. Rows are predictions with a
// class and a label that is named; scored rows have a score in [0, 1] besides.
//
// Accuracy, and precision, recall and F1 of the positive class, need no score. Log
// loss (nats, chances clipped to [1e-15, 1 − 1e-15]) and Brier score are means over
// scored rows of what the score speaks of: for Binary of the positive class, for
// Multiclass of the predicted one ("it is right"). ROC AUC is taken over score cells,
// with ties inside a cell counting half; AUCTies is the most that can be off by.
type Report struct {
	Rows      uint64     `json:"rows"`
	Scored    uint64     `json:"scored"`
	Days      int        `json:"days"`      // with rows
	Coverage  Value      `json:"coverage"`  // rows ÷ predictions of the cohort
	Confusion [][]uint64 `json:"confusion"` // [label][predicted], the last column for classes not named

	Accuracy Value `json:"accuracy"`
	LogLoss  Value `json:"log_loss"`
	Brier    Value `json:"brier"`

	// Binary only, of the positive class.
	Precision Value   `json:"precision"`
	Recall    Value   `json:"recall"`
	F1        Value   `json:"f1"`
	ROCAUC    Value   `json:"roc_auc"`
	AUCTies   float64 `json:"auc_ties"`

	// Both kinds.
	Classes  []ClassReport `json:"classes"`
	Macro    Averages      `json:"macro"`    // every class counts alike; undefined if one has none
	Weighted Averages      `json:"weighted"` // by support; classes without support do not count

	Calibration Calibration `json:"calibration"`

	// AccuracyDesign is how many rows weigh as one for the accuracy, at least 1; 1 with
	// fewer than two days, for nothing is known then.
	AccuracyDesign float64 `json:"accuracy_design"`
}

const binaryOnly = "defined for two classes: see the classes and their averages"

// measure computes a report without intervals, and the calibration only where deep.
func (o *Outcomes) measure(deep bool) Report {
	k := len(o.Classes.Names)
	r := Report{Confusion: o.Confusion(), Classes: make([]ClassReport, k), AccuracyDesign: 1}
	right := uint64(0)
	for label, of := range r.Confusion {
		for predicted, n := range of {
			r.Rows += n
			r.Classes[label].Support += n
			if predicted < k {
				r.Classes[predicted].Predicted += n
			}
		}
		right += of[label]
	}
	n := float64(r.Rows)
	r.Accuracy = ratio(float64(right), n, noRows)
	r.Coverage = ratio(n, float64(o.Predicted()), "no predictions")
	for i := range r.Classes {
		c := &r.Classes[i]
		c.Class = o.Classes.Names[i]
		hit := float64(r.Confusion[i][i])
		c.Precision = ratio(hit, float64(c.Predicted), "no row is given this class")
		c.Recall = ratio(hit, float64(c.Support), "no row has this class")
		c.F1 = ratio(2*hit, float64(c.Predicted+c.Support), "no row has or is given this class")
		c.ROCAUC, c.AUCTies = o.realisedAUC(i)
	}
	ones, support := make([]float64, k), make([]float64, k)
	for i, c := range r.Classes {
		ones[i], support[i] = 1, float64(c.Support)
	}
	r.Macro, r.Weighted = r.averages(ones), r.averages(support)
	came, said := o.spoken(-1)
	for _, m := range said {
		r.Scored += m
	}
	r.LogLoss, r.Brier = meanOf(o.lossSum, float64(r.Scored)), meanOf(o.brierSum, float64(r.Scored))
	if deep {
		r.Calibration = calibrate(came, said, o.scoreSum)
	}
	r.summary(o.Classes)
	return r
}

// summary repeats the positive class under the names that binary classifiers know.
func (r *Report) summary(classes Classes) {
	if classes.Kind != Binary {
		v := undefined(binaryOnly)
		r.Precision, r.Recall, r.F1, r.ROCAUC = v, v, v, v
		return
	}
	c := &r.Classes[classes.positive()]
	r.Precision, r.Recall, r.F1, r.ROCAUC, r.AUCTies = c.Precision, c.Recall, c.F1, c.ROCAUC, c.AUCTies
}

// averages weighs the classes.
func (r *Report) averages(weights []float64) Averages {
	mean := func(name string, pick func(*ClassReport) Value) Value {
		var sum, total float64
		for i := range r.Classes {
			c, w := &r.Classes[i], weights[i]
			if w == 0 {
				continue
			}
			v := pick(c)
			if !v.Defined() {
				return undefined(fmt.Sprintf("%s of class %q: %s", name, c.Class, v.Reason))
			}
			sum += float64(w * v.Number)
			total += w
		}
		return ratio(sum, total, noRows)
	}
	return Averages{
		Precision: mean("precision", func(c *ClassReport) Value { return c.Precision }),
		Recall:    mean("recall", func(c *ClassReport) Value { return c.Recall }),
		F1:        mean("F1", func(c *ClassReport) Value { return c.F1 }),
	}
}

// Realise measures days of one model and version, one Outcomes a day, with two-sided
// intervals at the level. Days without rows are left out. Nothing passed in changes.
//
// Accuracy, and precision and recall of every class, have Wilson's interval at n/d
// rows, where the design effect d ≥ 1 comes from the spread between days; the others
// the day-block interval of leaving one day out at a time. With one day nothing is
// known of the spread between days, and there are no bounds.
//
// Errors: ErrBadInput for no days at all or a level outside (0, 1),
// sketches.ErrGridMismatch for days of different classes, sketches.ErrOverflow.
func Realise(days []*Outcomes, level float64) (Report, error) {
	if len(days) == 0 {
		return Report{}, fmt.Errorf("%w: no days", ErrBadInput)
	}
	if !(level > 0 && level < 1) {
		return Report{}, fmt.Errorf("%w: level %v: want above 0 and below 1", ErrBadInput, level)
	}
	all := days[0].Clone()
	for _, d := range days[1:] {
		if err := all.Merge(d); err != nil {
			return Report{}, err
		}
	}
	out := all.measure(true)
	var without []Report
	for _, d := range days {
		if d.Labelled() == 0 {
			continue
		}
		rest := all.Clone()
		if err := rest.Subtract(d); err != nil {
			return Report{}, err
		}
		without = append(without, rest.measure(true))
	}
	out.Days = len(without)
	figures := out.figures()
	left := make([][]Value, len(figures))
	for i := range without {
		for f, x := range without[i].figures() {
			left[f] = append(left[f], *x.value)
		}
	}
	for f, x := range figures {
		x.bound(left[f], level)
	}
	if len(without) >= 2 {
		out.AccuracyDesign = designOf(out.Accuracy.Number, float64(out.Rows), left[0])
	}
	out.summary(all.Classes)
	return out, nil
}

// figures lists what gets an interval, always in the same order; accuracy comes first.
func (r *Report) figures() []figure {
	fs := []figure{{value: &r.Accuracy, scale: shareScale, rows: float64(r.Rows)}}
	for i := range r.Classes {
		c := &r.Classes[i]
		fs = append(fs,
			figure{value: &c.Precision, scale: shareScale, rows: float64(c.Predicted)},
			figure{value: &c.Recall, scale: shareScale, rows: float64(c.Support)},
			figure{value: &c.F1, scale: shareScale},
			figure{value: &c.ROCAUC, scale: shareScale})
	}
	for _, a := range []*Averages{&r.Macro, &r.Weighted} {
		for _, v := range []*Value{&a.Precision, &a.Recall, &a.F1} {
			fs = append(fs, figure{value: v, scale: shareScale})
		}
	}
	for _, v := range []*Value{&r.LogLoss, &r.Brier, &r.Calibration.Error} {
		fs = append(fs, figure{value: v, scale: logScale})
	}
	for _, v := range []*Value{&r.Calibration.Bias, &r.Calibration.Slope, &r.Calibration.Intercept} {
		fs = append(fs, figure{value: v, scale: plainScale})
	}
	return fs
}
