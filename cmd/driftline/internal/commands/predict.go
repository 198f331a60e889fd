package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/trainer"
)

// maxFeatures bounds what predict reads from standard input, in bytes.
const maxFeatures = 1 << 20

// artifactRoot is how versions name their files where they come from the trainer or
// through the server's own artifact routes.
const artifactRoot = "mlflow-artifacts:/"

// prediction is what predict prints as JSON.
type prediction struct {
	Model   string    `json:"model"`
	Version string    `json:"version"`
	Score   *float64  `json:"score"`            // with one output
	Scores  []float64 `json:"scores,omitempty"` // with several classes, in their order
	Class   string    `json:"class,omitempty"`  // of two classes: 1 from the threshold on
	Missing []string  `json:"missing"`          // features the model wants and the input lacks
	Ignored []string  `json:"ignored"`          // features of the input the model does not take
}

// Predict is "driftline predict".
func Predict(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "predict MODEL --features JSON", Short: "Score one row with the champion", Args: cobra.ExactArgs(1),
		Long: `Score one row with the model's champion, read from database and artifacts. Features are
one JSON object; - reads it from standard input. Those that are missing or null count as
missing; numbers and booleans only.`,
	}
	out := cli.OutputFlag(c)
	text := c.Flags().String("features", "", "one `JSON` object of features, or - for standard input (required)")
	c.RunE = func(c *cobra.Command, args []string) error {
		if *text == "-" {
			read, err := io.ReadAll(io.LimitReader(a.In, maxFeatures+1))
			if err != nil {
				return fmt.Errorf("--features: read standard input: %w", err)
			}
			if len(read) > maxFeatures {
				return cli.Usagef("--features: more than %d bytes on standard input; give one row", maxFeatures)
			}
			*text = string(read)
		}
		if *text == "" {
			return cli.Usagef(`predict needs --features: one JSON object such as {"age": 31}, or -`)
		}
		features, err := parseFeatures(*text)
		if err != nil {
			return cli.Usagef("--features: not one JSON object: %w", err)
		}
		cfg, err := a.Load(nil)
		if err != nil {
			return err
		}
		p, _, err := app.Beside(c.Context(), &cfg.Config, quiet(a, cfg), a.Build.Version, app.Want{Store: true, Artifacts: true})
		if err != nil {
			return err
		}
		x, err := score(c.Context(), p, args[0], features)
		if err := also(err, p.Close); err != nil {
			return err
		}
		return a.Print(*out, x, func() cli.Table {
			t := cli.Table{Head: []string{"MODEL", "VERSION", "SCORE", "CLASS"}}
			if x.Score != nil {
				t.Rows = append(t.Rows, []string{x.Model, x.Version, strconv.FormatFloat(*x.Score, 'g', -1, 64), or(x.Class, unknown)})
			}
			for i, s := range x.Scores {
				t.Rows = append(t.Rows, []string{x.Model, x.Version, strconv.FormatFloat(s, 'g', -1, 64), strconv.Itoa(i)})
			}
			return t
		})
	}
	return c
}

func score(ctx context.Context, p *app.Parts, model string, features []event.Feature) (prediction, error) {
	x := prediction{Model: model, Missing: []string{}, Ignored: []string{}}
	champion, err := trainer.LoadChampion(ctx, p.Store, p.Artifacts, artifactRoot, model)
	if errors.Is(err, store.ErrNotFound) {
		return x, fmt.Errorf("model %q has no champion; driftline models promote makes a version one", model)
	}
	if err != nil {
		return x, fmt.Errorf("champion of model %q: %w", model, err)
	}
	x.Version = champion.Version
	given := map[string]float32{}
	for _, f := range features {
		v, ok := f.Value.Float()
		switch {
		case ok:
			given[f.Name] = float32(v)
		case f.Value.Kind() == sketches.ValueNull:
			given[f.Name] = float32(math.NaN())
		default:
			return x, cli.Usagef("--features: %s is a %s; this model takes numbers and booleans", f.Name, f.Value.Kind())
		}
	}
	row := make([]float32, len(champion.Features))
	for i, name := range champion.Features {
		v, ok := given[name]
		if !ok {
			v = float32(math.NaN())
			x.Missing = append(x.Missing, name)
		}
		row[i] = v
		delete(given, name)
	}
	for _, f := range features {
		if _, left := given[f.Name]; left {
			x.Ignored = append(x.Ignored, f.Name)
		}
	}
	scores := make([]float64, champion.Model.Groups())
	if err := champion.Model.Predict(row, scores); err != nil {
		return x, fmt.Errorf("version %s of model %q: %w", champion.Version, model, err)
	}
	if len(scores) > 1 {
		x.Scores = scores
		return x, nil
	}
	x.Score = &scores[0]
	if champion.Model.Objective() == "binary:logistic" {
		x.Class = "0"
		if scores[0] >= champion.Threshold {
			x.Class = "1"
		}
	}
	return x, nil
}
