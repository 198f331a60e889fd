package web

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"

	"github.com/driftline/driftline/registry/store"
)

// production is what the ACIS platform is told of a strategy's model.
type production struct {
	ModelName string              `json:"model_name"`
	Version   string              `json:"version"`
	Metrics   map[string]*float64 `json:"metrics"` // null for what is no number
	CreatedAt int64               `json:"created_at"`
}

// serveACIS answers GET /api/ml/models/{strategy}: the newest version in stage
// Production of acis_{strategy}_classifier with the metrics of its run.
func serveACIS(s *server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		out := production{ModelName: "acis_" + r.PathValue("strategy") + "_classifier", Metrics: map[string]*float64{}}
		found := false
		err := s.Store.Read(ctx, func(t *store.Tx) error {
			versions, err := t.LatestVersions(ctx, out.ModelName, []string{store.StageProduction})
			if err != nil || len(versions) == 0 {
				return err
			}
			v := versions[0]
			found, out.Version, out.CreatedAt = true, v.Version, v.CreatedMS
			if v.RunID == "" {
				return nil
			}
			run, err := t.Run(ctx, v.RunID)
			if errors.Is(err, store.ErrNotFound) {
				return nil // the version outlives its run
			}
			for _, m := range run.Metrics {
				if value := m.Value; !math.IsNaN(value) {
					out.Metrics[m.Key] = &value
				} else {
					out.Metrics[m.Key] = nil
				}
			}
			return err
		})
		w.Header().Set("Content-Type", "application/json")
		switch {
		case err == nil && found:
			_ = json.NewEncoder(w).Encode(out) // the client may be gone
		case err == nil, errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalid):
			// The shape of the platform's own answer.
			w.WriteHeader(http.StatusNotFound)
			_ = json.NewEncoder(w).Encode(map[string]string{"detail": "No production model found"})
		default:
			writeProblem(w, s.problem(ctx, "production model", err))
		}
	}
}
