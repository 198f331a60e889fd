package metrics

import (
	"context"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

// predictionKind is the kind of alarms on what a version answers.
const predictionKind = wire.KindOfPrediction

// answersRead is what the version whose answers the reference holds answered in windows of
// one length.
type answersRead struct {
	score wire.Score // newest final one
	alarm wire.Score // the newest at which its alarm stepped
}

// readAnswers reads the answers that are compared with the reference of a window, nil for
// none. Those of before the newest step of the window's alarm are not of now: the version
// serves no longer, or is not compared any more.
func (m *Metrics) readAnswers(ctx context.Context, t *store.Tx, latest []store.ScoreRow, w *windowRead) (*answersRead, error) {
	length := w.row.WindowMS
	since := w.row.EndMS - drift.DefaultAlarm(length, m.cfg.Layout.Hop(length)).HopMS
	for _, row := range latest {
		if row.WindowMS != length || row.Version == wire.AnyVersion || row.Reference == "" || row.Reference != w.row.Reference || row.EndMS < since {
			continue
		}
		s := m.decode(row)
		if len(s.Features) == 0 && len(s.Alarms) == 0 {
			continue // of a version that is not compared
		}
		stepped, err := m.stepped(ctx, t, s)
		return &answersRead{score: s, alarm: stepped}, err
	}
	return nil, nil
}

// alarmsOf are the alarms of a kind as they stood when they last stepped.
func (w *windowRead) alarmsOf(kind string) (out []wire.AlarmAt) {
	all := w.alarm.Alarms
	if kind == predictionKind {
		if w.answers == nil {
			return nil
		}
		all = w.answers.alarm.Alarms
	}
	for _, a := range all {
		if a.Kind == kind {
			out = append(out, a)
		}
	}
	return out
}

// predictions shows how far the answers are from those of the reference.
func (w *windowRead) predictions(out *output, label, window string) {
	if w.answers == nil {
		return
	}
	for _, f := range w.answers.score.Features {
		if f.PSI != nil {
			out.gauge("driftline_model_prediction_psi", float64(*f.PSI)/1e9, label, window, clean(f.Name))
		}
	}
}
