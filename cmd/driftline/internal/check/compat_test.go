package check_test

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/driftline/driftline/cmd/driftline/internal/check"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/trainer/reference"
)

// golden is testdata/compat.json: tables, and what the libraries themselves said of them.
type golden struct {
	Tables map[string]struct {
		Reference map[string][]any `json:"reference"`
		Current   map[string][]any `json:"current"`
	} `json:"tables"`
	Evidently map[string]struct {
		Features map[string]struct{ Value, Threshold float64 } `json:"features"`
		Drifted  int                                           `json:"drifted"`
		Share    float64                                       `json:"share"`
	} `json:"evidently"`
	NannyML map[string]map[string]struct{ Value, Threshold float64 } `json:"nannyml"`
}

func side(t *testing.T, columns map[string][]any) check.Side {
	t.Helper()
	var s check.Side
	for name := range columns {
		s.Names = append(s.Names, name)
	}
	slices.Sort(s.Names)
	s.Source = "table"
	s.Rows = make([]reference.Row, len(columns[s.Names[0]]))
	for i := range s.Rows {
		for _, name := range s.Names {
			v := sketches.Null()
			switch x := columns[name][i].(type) {
			case float64:
				v = sketches.Number(x)
			case string:
				v = sketches.String(x)
			}
			s.Rows[i].Values = append(s.Rows[i].Values, v)
		}
	}
	return s
}

func readGolden(t *testing.T) (g golden) {
	t.Helper()
	b, err := os.ReadFile("testdata/compat.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Abs(b)+1e-12 }

func TestCompat_EvidentlySaysTheSame(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	for name, table := range g.Tables {
		c := check.DefaultConfig()
		c.Compat = "evidently"
		out := run(t, c, side(t, table.Reference), side(t, table.Current))
		want := g.Evidently[name]
		if out.Compat.Drifted != want.Drifted || float64(out.Compat.Share) != want.Share || out.RetrainingNeeded != (want.Share >= 0.5) {
			t.Errorf("%s: %d drifted, share %v; want %d, %v", name, out.Compat.Drifted, out.Compat.Share, want.Drifted, want.Share)
		}
		if len(out.Compat.Features) != len(want.Features) {
			t.Errorf("%s: %d features, want %d", name, len(out.Compat.Features), len(want.Features))
		}
		for _, f := range out.Compat.Features {
			if w := want.Features[f.Name]; !near(float64(f.Value), w.Value) || float64(f.Threshold) != w.Threshold {
				t.Errorf("%s %s: %s %v against %v, want %v against %v", name, f.Name, f.Method, f.Value, f.Threshold, w.Value, w.Threshold)
			}
		}
	}
}

func TestCompat_NannyMLSaysTheSame(t *testing.T) {
	t.Parallel()
	g := readGolden(t)
	for name, table := range g.Tables {
		c := check.DefaultConfig()
		c.Compat = "nannyml"
		out := run(t, c, side(t, table.Reference), side(t, table.Current))
		for _, f := range out.Compat.Features {
			if w := g.NannyML[name][f.Name]; !near(float64(f.Value), w.Value) || !near(float64(f.Threshold), w.Threshold) {
				t.Errorf("%s %s: %s %v against %v, want %v against %v", name, f.Name, f.Method, f.Value, f.Threshold, w.Value, w.Threshold)
			}
		}
	}
}

// ACIS's own shape, and its own numbers: the distances are held against its definition
// in package drift.
func TestCompat_ACISReport(t *testing.T) {
	t.Parallel()
	c := check.DefaultConfig()
	c.Compat = "acis"
	b, err := json.Marshal(run(t, c, rows(15, 3000, 90, 0, 0, 0), rows(16, 700, 7, 90, 4, 1)).ACIS(1_767_323_045_000))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Timestamp string `json:"timestamp"`
		N         int    `json:"n_features"`
		Reference int    `json:"n_samples_reference"`
		Summary   struct {
			KS       int  `json:"drifted_features_ks"`
			PSI      int  `json:"drifted_features_psi"`
			Detected bool `json:"drift_detected"`
		} `json:"summary"`
		PSI map[string]struct {
			Value   float64 `json:"psi_value"`
			Drifted bool    `json:"drifted"`
		} `json:"psi"`
		KS map[string]struct {
			P       float64 `json:"p_value"`
			Drifted bool    `json:"drifted"`
		} `json:"ks_test"`
		Statistics map[string]struct{ Reference, Current map[string]*float64 } `json:"feature_statistics"`
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Timestamp != "2026-01-02T03:04:05Z" || got.N != 10 || got.Reference != 3000 || len(got.PSI) != 10 || len(got.KS) != 10 {
		t.Errorf("%s", b)
	}
	psi, ks := 0, 0
	for name, p := range got.PSI {
		if p.Drifted != (p.Value >= 0.2) || got.KS[name].Drifted != (got.KS[name].P < 0.05) || got.Statistics[name].Current["q25"] == nil {
			t.Errorf("%s: %+v %+v", name, p, got.KS[name])
		}
		if p.Drifted {
			psi++
		}
		if got.KS[name].Drifted {
			ks++
		}
	}
	if psi == 0 || psi != got.Summary.PSI || ks != got.Summary.KS || got.Summary.Detected != (float64(psi)/10 >= 0.3) {
		t.Errorf("%d and %d features drifted by PSI and KS; the summary says %+v", psi, ks, got.Summary)
	}
}
