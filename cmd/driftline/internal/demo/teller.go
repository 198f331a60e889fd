package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/driftline/driftline/registry/store"
)

// teller finds what is new since it was last asked, and says it in a sentence each.
type teller struct {
	db       *store.Store
	events   map[string]bool
	retrains map[string]string // id → state last told
}

func newTeller(db *store.Store) *teller {
	return &teller{db: db, events: map[string]bool{}, retrains: map[string]string{}}
}

func (t *teller) news(ctx context.Context) ([]string, error) {
	var lines []string
	events, err := t.db.Events(ctx, store.EventQuery{Model: Model, Limit: 50})
	if err != nil {
		return nil, err
	}
	slices.Reverse(events) // oldest first
	for _, e := range events {
		if t.events[e.ID] {
			continue
		}
		t.events[e.ID] = true
		if line := sayEvent(e); line != "" {
			lines = append(lines, line)
		}
	}
	retrains, err := t.db.Retrains(ctx, store.RetrainQuery{Model: Model, Limit: 20})
	if err != nil {
		return nil, err
	}
	slices.Reverse(retrains)
	for _, r := range retrains {
		if t.retrains[r.ID] == r.State {
			continue
		}
		told := t.retrains[r.ID]
		t.retrains[r.ID] = r.State
		if line := sayRetrain(r, told); line != "" {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// eventBody is what a sentence needs of an event.
type eventBody struct {
	Data struct {
		Drifted int `json:"drifted"`
		Judged  int `json:"judged"`
		Top     []struct {
			Name string `json:"name"`
			PSI  *int64 `json:"psi"`
		} `json:"top"`
		Threshold float64        `json:"threshold"`
		ShareFire float64        `json:"share_fire"`
		Detail    map[string]any `json:"detail"`
	} `json:"data"`
}

func sayEvent(e store.EventRow) string {
	var b eventBody
	if err := json.Unmarshal([]byte(e.Body), &b); err != nil {
		return ""
	}
	day := stamp(e.TimeMS)[:10]
	d := b.Data
	share := float64(d.Drifted) / float64(max(1, d.Judged))
	switch {
	case strings.HasSuffix(e.Type, "drift.detected.v1"):
		worst := ""
		if len(d.Top) > 0 && d.Top[0].PSI != nil {
			worst = fmt.Sprintf("; worst %s %.2f", d.Top[0].Name, float64(*d.Top[0].PSI)/1e9)
		}
		return fmt.Sprintf("%s  ALARM      %d of %d features above PSI %.1f, share %.2f ≥ %.1f%s", day, d.Drifted, d.Judged, d.Threshold, share, d.ShareFire, worst)
	case strings.HasSuffix(e.Type, "drift.resolved.v1"):
		return fmt.Sprintf("%s  resolved   share %.2f", day, share)
	case strings.HasSuffix(e.Type, "performance.detected.v1"):
		return fmt.Sprintf("%s  ALARM      accuracy of the last days fell: %v right of %v, promoted with %.3f", day, d.Detail["correct"], d.Detail["labelled"], d.Detail["baseline"])
	}
	return ""
}

func sayRetrain(r store.Retrain, told string) string {
	day := stamp(r.ClockMS)[:10]
	switch r.State {
	case store.RetrainPromoted, store.RetrainProbation, store.RetrainDone:
		if told == store.RetrainPromoted || told == store.RetrainProbation || told == store.RetrainDone {
			return ""
		}
		if r.Kind == "bootstrap" {
			return fmt.Sprintf("%s  version %s  trained on the first 13 weeks, promoted", day, r.Version)
		}
		return fmt.Sprintf("%s  version %s  gate passed, promoted over version %s", day, r.Version, r.ChampionBefore)
	case store.RetrainRejected:
		return fmt.Sprintf("%s  refused    %s", day, r.Reason)
	case store.RetrainRolledBack:
		return fmt.Sprintf("%s  rolled back version %s: %s", day, r.Version, r.Reason)
	case store.RetrainBlocked, store.RetrainFailed:
		return fmt.Sprintf("%s  retrain %s: %s", day, strings.ToLower(r.State), r.Reason)
	}
	return ""
}
