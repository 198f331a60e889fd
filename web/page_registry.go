package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/driftline/driftline/registry/store"
)

type registryView struct {
	Models []registeredRow
	More   bool
}

type registeredRow struct {
	store.RegisteredModel
	Champion string
	Newest   string
}

func (s *server) registryPage(ctx context.Context, _ *http.Request) (page, error) {
	var view registryView
	err := s.Store.Read(ctx, func(t *store.Tx) error {
		f, err := readFleet(ctx, t, s.NowMS())
		if err != nil {
			return err
		}
		models, next, err := t.SearchModels(ctx, store.Search{Max: 1000})
		view.More = next != ""
		for _, m := range models {
			row := registeredRow{RegisteredModel: m, Champion: f.champions[m.Name].Version}
			for _, v := range m.Latest {
				if len(v.Version) > len(row.Newest) || len(v.Version) == len(row.Newest) && v.Version > row.Newest {
					row.Newest = v.Version
				}
			}
			view.Models = append(view.Models, row)
		}
		return err
	})
	return page{Title: "Registry", Nav: "registry", Data: view}, err
}

type versionsView struct {
	Model    store.RegisteredModel
	Champion store.Champion
	Versions []versionRow
	History  []store.Champion
	Keys     []string // of metrics shown as columns
	Clash    string   // stage and alias name different versions
	Watched  bool
}

type versionRow struct {
	store.ModelVersion
	IsChampion bool
	Metrics    map[string]*float64
}

// metricColumns is how many metrics the list of versions shows.
const metricColumns = 4

func (s *server) versionsPage(ctx context.Context, r *http.Request) (page, error) {
	name := r.PathValue("model")
	var view versionsView
	err := s.Store.Read(ctx, func(t *store.Tx) (err error) {
		view = versionsView{}
		if view.Model, err = t.Model(ctx, name); err != nil {
			return err
		}
		if view.Champion, err = t.Champion(ctx, name); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if view.History, err = t.ChampionHistory(ctx, name); err != nil {
			return err
		}
		slices.Reverse(view.History)
		w, err := watchedOrNone(ctx, t, name)
		if err != nil {
			return err
		}
		view.Watched = w.SpecJSON != ""
		rows, err := versionRows(ctx, t, name)
		if err != nil {
			return err
		}
		return view.addVersions(ctx, t, rows)
	})
	return page{Title: "Versions of " + name, Nav: "registry", Data: view}, err
}

func (view *versionsView) addVersions(ctx context.Context, t *store.Tx, rows []store.ModelVersion) error {
	seen := map[string]int{}
	var produced []string
	for _, v := range rows[:min(len(rows), listed)] {
		row := versionRow{ModelVersion: v, IsChampion: v.Version == view.Champion.Version, Metrics: map[string]*float64{}}
		if v.Stage == store.StageProduction {
			produced = append(produced, v.Version)
		}
		if v.RunID != "" {
			run, err := t.Run(ctx, v.RunID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			for _, m := range run.Metrics {
				value := m.Value
				row.Metrics[m.Key] = &value
				seen[m.Key]++
			}
		}
		view.Versions = append(view.Versions, row)
	}
	for _, m := range tallies(countsOf(seen)) {
		if len(view.Keys) < metricColumns {
			view.Keys = append(view.Keys, m.Name)
		}
	}
	if c := view.Champion.Version; c != "" && len(produced) > 0 && !slices.Contains(produced, c) {
		view.Clash = "stage Production: version " + strings.Join(produced, ", ") + "; champion: version " + c
	}
	return nil
}

func countsOf(m map[string]int) map[string]int64 {
	out := make(map[string]int64, len(m))
	for k, n := range m {
		out[k] = int64(n)
	}
	return out
}

type experimentsView struct{ Experiments []store.Experiment }

func (s *server) experimentsPage(ctx context.Context, _ *http.Request) (page, error) {
	var view experimentsView
	err := s.Store.Read(ctx, func(t *store.Tx) (err error) {
		view.Experiments, _, err = t.SearchExperiments(ctx, store.Search{})
		return err
	})
	return page{Title: "Experiments", Nav: "registry", Data: view}, err
}

type experimentView struct {
	store.Experiment
	Runs []store.Run
	More bool
}

func (s *server) experimentPage(ctx context.Context, r *http.Request) (page, error) {
	var view experimentView
	err := s.Store.Read(ctx, func(t *store.Tx) (err error) {
		if view.Experiment, err = t.Experiment(ctx, r.PathValue("id")); err != nil {
			return err
		}
		runs, next, err := t.SearchRuns(ctx, []string{view.ID}, store.Search{Max: listed})
		view.Runs, view.More = runs, next != ""
		return err
	})
	return page{Title: "Experiment " + view.Name, Nav: "registry", Data: view}, err
}

type runView struct {
	store.Run
	Experiment store.Experiment
	Versions   []store.ModelVersion
}

func (s *server) runPage(ctx context.Context, r *http.Request) (page, error) {
	var view runView
	err := s.Store.Read(ctx, func(t *store.Tx) (err error) {
		if view.Run, err = t.Run(ctx, r.PathValue("id")); err != nil {
			return err
		}
		if view.Experiment, err = t.Experiment(ctx, view.ExperimentID); err != nil {
			return err
		}
		view.Versions, _, err = t.SearchVersions(ctx, store.Search{Filter: "run_id = " + filterText(view.ID)})
		return err
	})
	return page{Title: "Run " + view.Name, Nav: "registry", Data: view}, err
}
