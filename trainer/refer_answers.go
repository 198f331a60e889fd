package trainer

import (
	"context"
	"slices"

	"github.com/driftline/driftline/trainer/judge"
	"github.com/driftline/driftline/trainer/reference"
)

// answer adds to a reference what its version answers: the scores that the tested model gave
// the held-out rows, the only ones it had not seen. A refit has seen all rows, and its own
// scores of them are surer than those of rows to come. Of a model that gives no single
// chance, and of too few rows, there are none.
func (j *job) answer(ctx context.Context, res *reference.Result) error {
	if j.spec.Gate.Kind != judge.KindBinary {
		return nil
	}
	d, err := j.dataset(ctx)
	if err != nil {
		return err
	}
	tested, err := j.testedModel(ctx)
	if err != nil {
		return err
	}
	rows := d.holdout()
	scores, err := score(tested, d.Features, rows)
	if err != nil {
		return refuse("score the holdout for the reference: %v", err)
	}
	all := make([]reference.Answer, len(rows))
	for i, r := range rows {
		all[i] = reference.Answer{TimeMS: r.ms, Version: j.row.Version, Score: scores[i], HasScore: true}
	}
	// How a service words its classes is not known here, so that scores alone are kept.
	spec := reference.AnswersSpec{Version: j.row.Version, Classes: []string{""}, WindowsMS: j.spec.windows(), Ordered: true}
	res.Reference.Answers, _, err = reference.Answers(spec, all)
	return err
}

// windows are the lengths that a reference has block sums of, ascending.
func (s Spec) windows() []int64 {
	windows := slices.Clone(s.ReferenceWindowsMS)
	slices.Sort(windows)
	return slices.Compact(windows)
}
