package replay

import (
	"encoding/json"
	"fmt"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// LastSlot returns the last end of a slot at or before ms: scores of that end carry the
// states of early warnings.
func LastSlot(l wire.Layout, ms int64) int64 {
	return ms - ((ms%l.SlotMS())+l.SlotMS())%l.SlotMS()
}

// LastHop returns the last moment at or before ms at which the alarms of a window step.
func LastHop(l wire.Layout, windowMS, ms int64) int64 {
	hop := drift.DefaultAlarm(windowMS, l.Hop(windowMS)).HopMS
	return ms - ((ms%hop)+hop)%hop
}

// PastAlarms reads the states of alarms at fromMS out of the history: a score says how
// each alarm stood after its window. Only scores of the last alarm hop at or before
// fromMS count; an older one says that the history has a gap, and the alarm stays
// unknown. The same holds of early warnings and the last end of a slot, and of the state of
// moving references, which the shortest window carries.
func PastAlarms(l wire.Layout, fromMS int64, scores []wire.Score) (map[string][]wire.PastAlarm, error) {
	out := map[string][]wire.PastAlarm{}
	for _, s := range scores {
		if len(s.Early) > 0 && s.EndMS == LastSlot(l, fromMS) && !s.Provisional {
			early, err := wire.DecodeEarlyState(s.Early)
			if err != nil {
				return nil, fmt.Errorf("early warning in the score of model %q, window %d ms to %d: %w", s.Model, s.WindowMS, s.EndMS, err)
			}
			out[s.Model] = append(out[s.Model], wire.PastAlarm{
				Version: s.Version, Kind: wire.KindOfEarly, WindowMS: l.SlotMS(), Reference: early.Reference, State: s.Early,
			})
		}
		if len(s.Cadence) > 0 && s.EndMS == LastSlot(l, fromMS) && !s.Provisional {
			out[s.Model] = append(out[s.Model], wire.PastAlarm{Version: s.Version, Kind: wire.KindOfCadence, WindowMS: l.SlotMS(), State: s.Cadence})
		}
		if s.EndMS != LastHop(l, s.WindowMS, fromMS) || s.Provisional {
			continue
		}
		if len(s.Moving) > 0 {
			if _, err := wire.DecodeMovingState(s.Moving); err != nil {
				return nil, fmt.Errorf("moving references in the score of model %q, window %d ms to %d: %w", s.Model, s.WindowMS, s.EndMS, err)
			}
			out[s.Model] = append(out[s.Model], wire.PastAlarm{Version: s.Version, Kind: wire.KindOfMoving, State: s.Moving})
		}
		for _, a := range s.Alarms {
			var st drift.AlarmState
			if err := json.Unmarshal(a.State, &st); err != nil {
				return nil, fmt.Errorf("alarm state in the score of model %q, window %d ms to %d: %w", s.Model, s.WindowMS, s.EndMS, err)
			}
			id, err := sketches.ParseID(s.Reference)
			if err != nil {
				return nil, fmt.Errorf("reference of the score of model %q, window %d ms to %d: %w", s.Model, s.WindowMS, s.EndMS, err)
			}
			out[s.Model] = append(out[s.Model], wire.PastAlarm{
				Version: s.Version, Policy: a.Policy, Kind: a.Kind, WindowMS: s.WindowMS, Reference: id, State: st.Encode(),
			})
		}
	}
	return out, nil
}
