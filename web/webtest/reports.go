package webtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/driftline/driftline/registry/store"
)

// putReports stores what was said of Bike's answers: an old week, the newest one with
// labels, read as concept drift, and one whose labels are awaited.
func (w *World) putReports(ctx context.Context, t testing.TB) {
	t.Helper()
	report := func(day int, mature bool, reading, words, more string) {
		ms := FirstEnd + int64(day)*dayMS
		clock := int64(0)
		if mature {
			clock = 1
		}
		row := store.CohortRow{
			Model: Bike, Version: "2", Day: time.UnixMilli(ms).UTC().Format(time.DateOnly), MaturityMS: dayMS, Kind: "binary", LabelClockMS: clock, Answers: []byte{1}, Reading: reading,
			Report: fmt.Sprintf(`{"kind":"binary","from_ms":%d,"to_ms":%d,"mature":%t,"days":7,"predicted":168,"reading":%q,"words":%q,"learnt":{"from_ms":%d,"to_ms":%d,"days":28,"labels":640},"estimate":"balanced","estimate_rows":1640,"estimate_worth":812.4,"reference":{"from_ms":%d,"to_ms":%d,"days":28,"labels":640},%s}`,
				ms-6*dayMS, ms+dayMS, mature, reading, words, FirstEnd+250*dayMS, FirstEnd+278*dayMS, FirstEnd+250*dayMS, FirstEnd+278*dayMS, more),
		}
		w.must(t, "report", w.store.Tx(ctx, func(tx *store.Tx) error {
			if err := tx.PutCohorts(ctx, []store.CohortRow{row}); err != nil {
				return err
			}
			return tx.PutCohortReport(ctx, row)
		}))
	}
	report(390, true, "harmless", "Harmless: not worse, and as promised.", `"labelled":160,"coverage":0.952,"figures":[{"kind":"realised","metric":"accuracy","value":0.9}]`)
	report(399, true, "concept drift", "Accuracy 0.780 over 160 labelled rows; the reference had 0.900, the scores promised 0.900. Concept drift: of the fall of 0.120 the scores knew 0.000; the rest is that labels follow from the inputs otherwise than before.",
		`"labelled":160,"coverage":0.952,"beside":[{"why":"no label by the maturity","rows":8}],"figures":[
		{"kind":"realised","metric":"accuracy","value":0.78,"low":0.7,"high":0.84},{"kind":"realised","metric":"roc_auc","value":null,"reason":"no labelled rows with a score"},
		{"kind":"realised","metric":"recall","class":"<b>1</b>","value":0.5,"reason":"one day has no spread between days"},{"kind":"realised","metric":"f1","class":"(macro)","value":0.7},
		{"kind":"estimated","metric":"accuracy","value":0.9,"low":0.86,"high":0.94},{"kind":"error","metric":"accuracy","value":0.12}],
		"calibration":[{"low":0,"high":0.5,"rows":80,"mean_score":0.2,"share":0.25}],"answers":[{"name":"score","psi":0.034,"psi_lower":0.01},{"name":"label","psi":null,"psi_lower":null,"reason":"too few rows"}]`)
	report(401, false, "not available", "not available: labels are awaited", `"labelled":0,"coverage":null,"figures":[{"kind":"estimated","metric":"accuracy","value":0.88,"low":0.84,"high":0.91}]`)
}
