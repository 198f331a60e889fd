package metrics

import (
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/wire"
)

const (
	scorePSI = "driftline_model_prediction_psi{feature=score,model=m,window=24h}"
	classPSI = "driftline_model_prediction_psi{feature=prediction,model=m,window=24h}"
	answered = "driftline_model_alarm_state{kind=prediction,model=m,window=24h}"
	isStale  = "driftline_model_stale{model=m,window=24h}"
)

// What the reference's version answers has a gauge per feature and a state of its alarm;
// what other versions answer, or what was compared with an earlier reference, has none.
func TestPredictions_OfTheReferencesVersionAreShown(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		watch(t, s, "m")
		ctx := t.Context()
		c := newClock()
		_, reg := start(t, s, c, nil)
		other := wire.Score{Model: "m", Version: "2", Reference: "ref1", WindowMS: dayMS, EndMS: startMS, State: wire.StateJudged, Predictions: &wire.Predictions{Rows: 3}}
		do(t, s.PutScores(ctx, []store.ScoreRow{
			score("m", dayMS, startMS, 3, at("drift", "ok", false)),
			{Model: "m", Version: "2", Reference: "ref1", WindowMS: dayMS, EndMS: startMS, Body: string(other.Encode())},
			answers("m", "1", "before", dayMS, startMS, 0.75, 0.75, at("prediction", "pending", false)),
			answers("m", "3", "ref1", dayMS, startMS-7*dayMS, 0.75, 0.75, at("prediction", "pending", false)),
		}))
		want(t, gather(t, reg), map[string]float64{scorePSI: -1, classPSI: -1, answered: -1, isStale: 0})

		do(t, s.PutScores(ctx, []store.ScoreRow{answers("m", "3", "ref1", dayMS, startMS, 0.5, 0.25, at("prediction", "pending", true))}))
		c.pass()
		want(t, gather(t, reg), map[string]float64{scorePSI: 0.5, classPSI: 0.25, answered: 1, isStale: 0})

		episode(t, s, "m", "prediction", "firing", dayMS, startMS)
		c.pass()
		want(t, gather(t, reg), map[string]float64{answered: 2, "driftline_model_alarm_state{kind=drift,model=m,window=24h}": 0})

		_, err := s.AddSilence(ctx, store.Silence{Model: "m", Kind: "prediction", Reason: "x", Author: "ada", UntilMS: startMS + dayMS}, startMS)
		do(t, err)
		c.pass()
		want(t, gather(t, reg), map[string]float64{answered: 3})
	})
}

// Between two steps of the alarm the state is that of the last one.
func TestPredictions_StandBetweenTwoSteps(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		watch(t, s, "m")
		do(t, s.PutScores(t.Context(), []store.ScoreRow{
			score("m", dayMS, startMS, 3, at("drift", "ok", false)),
			score("m", dayMS, startMS+60_000, 3),
			answers("m", "3", "ref1", dayMS, startMS, 0.5, 0.25, at("prediction", "pending", false)),
			answers("m", "3", "ref1", dayMS, startMS+60_000, 0.125, 0.25),
		}))
		_, reg := start(t, s, newClock(), nil)
		want(t, gather(t, reg), map[string]float64{scorePSI: 0.125, answered: 1})
	})
}
