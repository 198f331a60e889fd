package commands

import (
	"fmt"
	"strings"
	"testing"

	"github.com/driftline/driftline/web"
)

func TestPerformanceRows_SayFiguresAndReasons(t *testing.T) {
	t.Parallel()
	x, low, high := 0.78, 0.7, 0.84
	text := func(p web.Performance) string {
		var out strings.Builder
		performanceRows(&p, func(what, which, format string, args ...any) {
			fmt.Fprintf(&out, "%s|%s|%s\n", what, which, fmt.Sprintf(format, args...))
		})
		return out.String()
	}
	got := text(web.Performance{
		Version: "2", Mature: true, Reading: "concept drift", Words: "Worse than promised.", Predicted: 168, Labelled: 160, Coverage: &high,
		Beside: []web.Beside{{Why: "no label by the maturity", Rows: 6}, {Why: "no predicted class", Rows: 2}},
		Figures: []web.Figure{
			{Kind: "realised", Metric: "accuracy", Value: &x, Low: &low, High: &high},
			{Kind: "realised", Metric: "roc_auc", Reason: "no labelled rows with a score"},
			{Kind: "realised", Metric: "recall", Class: "1", Value: &x},
			{Kind: "realised", Metric: "recall", Class: "(macro)", Value: &x},
			{Kind: "estimated", Metric: "accuracy", Reason: "not available: no labels have matured before the window"},
			{Kind: "error", Metric: "accuracy", Value: &low},
		},
	})
	for _, want := range []string{
		"version 2, concept drift: Worse than promised.", "160 of 168 predictions have one, coverage 0.840; left out: 6 with no label by the maturity, 2 with no predicted class",
		"measure|accuracy|realised 0.780 (0.700 to 0.840); estimated ", "(not available: no labels have matured before the window); the estimate is off by 0.700",
		"measure|roc_auc|realised - (no labelled rows with a score)", "measure|recall (macro)|realised 0.780",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("rows do not hold %q:\n%s", want, got)
		}
	}
	for want, p := range map[string]web.Performance{
		"promotion|week to -|rmse 3 is not worse.":                                                        {Mature: true, Promised: &web.Promised{Words: "rmse 3 is not worse."}},
		"estimate|week to -|plain, from scores alone: no inputs are stored":                               {Estimate: "plain", EstimateWhy: "no inputs are stored"},
		"estimate|week to -|balanced: 1640 labelled rows weighed to look like the week's inputs, worth 1": {Estimate: "balanced", EstimateRows: 1640, EstimateWorth: &x},
	} {
		if got := text(p); !strings.Contains(got, want) {
			t.Errorf("rows do not hold %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "|recall|") {
		t.Errorf("one class stands among the measures of the model:\n%s", got)
	}
	if got := text(web.Performance{Words: "not available: the two classes are not known"}); !strings.Contains(got, "the two classes are not known") {
		t.Errorf("no figures at all, and no reason:\n%s", got)
	}
}
