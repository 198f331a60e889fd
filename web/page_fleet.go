package web

import (
	"context"
	"net/http"

	"github.com/driftline/driftline/registry/store"
)

// fleetView is the list of all models.
type fleetView struct {
	Models []modelRow
	Counts []statusCount
	LastMS int64 // newest window of all
}

type modelRow struct {
	ModelSummary
	Bar  string // width of the share's bar, of 100
	Last *store.Retrain
}

type statusCount struct {
	Status status
	N      int
}

func (s *server) fleetPage(ctx context.Context, _ *http.Request) (page, error) {
	models, err := s.fleetNow(ctx)
	if err != nil {
		return page{}, err
	}
	view := fleetView{}
	counts := map[status]int{}
	for _, m := range models {
		view.Models = append(view.Models, modelRow{ModelSummary: m.ModelSummary, Bar: decimals(100 * share(m.Drifted, m.Judged)), Last: m.last})
		view.LastMS = max(view.LastMS, m.EndMS)
		counts[status(m.Status)]++
	}
	for _, st := range statusOrder {
		if counts[st] > 0 {
			view.Counts = append(view.Counts, statusCount{st, counts[st]})
		}
	}
	return page{Title: "Models", Nav: "fleet", Data: view}, nil
}
