package bench

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

var testStart = time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)

func TestParsePass(t *testing.T) {
	t.Parallel()
	good := `{"events":5,"cpu_ns":10,"wall_ns":12,"quantiles":{"f0":[1,2,3]}}`
	res, err := parsePass([]byte(good))
	if err != nil || res.Events != 5 || res.CPU != 10 || res.Wall != 12 || res.Quantiles["f0"][1] != 2 {
		t.Errorf("parsePass = %+v, %v", res, err)
	}
	for _, bad := range []string{
		"", "Traceback (most recent call last):", "[]", `{"events":5,"cpu_ns":10}`,
		`{"events":0,"cpu_ns":10,"wall_ns":12}`, `{"events":5,"cpu_ns":-1,"wall_ns":12}`, good + good,
	} {
		if res, err := parsePass([]byte(bad)); err == nil {
			t.Errorf("parsePass(%q) = %+v, want an error", bad, res)
		}
	}
}

func TestParseVersions_WantsSome(t *testing.T) {
	t.Parallel()
	v, err := parseVersions([]byte(`{"versions":{"java":"17"}}`))
	if err != nil || v["java"] != "17" {
		t.Errorf("parseVersions = %v, %v", v, err)
	}
	for _, bad := range []string{"{}", "ready", `{"versions":{}}`, `{"versions":7}`} {
		if v, err := parseVersions([]byte(bad)); err == nil {
			t.Errorf("parseVersions(%q) = %v, want an error", bad, v)
		}
	}
}

func TestWasserstein(t *testing.T) {
	t.Parallel()
	tests := []struct {
		a, b []float64
		want float64
	}{
		{[]float64{1, 2, 3}, []float64{3, 1, 2}, 0},
		{[]float64{0}, []float64{5}, 5},
		{[]float64{0, 1, 3}, []float64{5, 6, 8}, 5},     // moved as a whole
		{[]float64{0, 0, 1, 1}, []float64{0, 1}, 0},     // the same distribution
		{[]float64{0, 0}, []float64{0, 4}, 2},           // half of it by four
		{[]float64{1, 2}, []float64{1, 1, 2, 2, 2}, .1}, // a tenth of it by one
	}
	for _, tt := range tests {
		for _, got := range []float64{wasserstein(tt.a, tt.b), wasserstein(tt.b, tt.a)} {
			if math.Abs(got-tt.want) > 1e-12 {
				t.Errorf("wasserstein(%v, %v) = %g, want %g", tt.a, tt.b, got, tt.want)
			}
		}
	}
	if got := deviation([]float64{2, 4, 4, 4, 5, 5, 7, 9}); got != 2 {
		t.Errorf("deviation = %g, want 2", got)
	}
}

// hundred is a feature with the values 1 to 100 and what a right rival says of it.
func hundred() (*exact, passResult) {
	x := &exact{names: []string{"f0"}, columns: [][]float64{nil}, refFrom: 50}
	for i := range 100 {
		x.columns[0] = append(x.columns[0], float64(i+1))
	}
	return x, passResult{
		Events: 100, Quantiles: map[string][]float64{"f0": {10, 50, 91}},
		// 1 … 100 against 51 … 100: on the mean 25 further.
		Drift: map[string]float64{"f0": 25 / deviation(x.columns[0][50:])},
	}
}

func TestExact_RefusesAWrongResult(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spoil func(*passResult)
		drift bool
		want  string // "" = right
	}{
		"right":              {func(*passResult) {}, false, ""},
		"right drift":        {func(*passResult) {}, true, ""},
		"an event too few":   {func(r *passResult) { r.Events-- }, false, "99 events"},
		"no quantiles":       {func(r *passResult) { r.Quantiles = nil }, false, "of 0 features"},
		"another feature":    {func(r *passResult) { r.Quantiles = map[string][]float64{"f1": {10, 50, 91}} }, false, "0 quantiles of feature f0"},
		"median off by four": {func(r *passResult) { r.Quantiles["f0"][1] = 54 }, false, "f0: 54"},
		"quantile NaN":       {func(r *passResult) { r.Quantiles["f0"][2] = math.NaN() }, false, "NaN"},
		"drift off":          {func(r *passResult) { r.Drift["f0"] *= 1.001 }, true, "drift of"},
		"drift NaN":          {func(r *passResult) { r.Drift["f0"] = math.NaN() }, true, "drift of NaN"},
		"no drift":           {func(r *passResult) { r.Drift = nil }, true, "of 0 features"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, res := hundred()
			tt.spoil(&res)
			err := x.check(rival{drift: tt.drift}, res, 100)
			if tt.want == "" && err != nil {
				t.Errorf("check = %v, want nil", err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("check = %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestRivalsResult_RatiosAreWithinARound(t *testing.T) {
	t.Parallel()
	b := &Bench{cfg: Config{Features: 1, Rounds: 3}}
	b.recs = newEvents(1, 1, testStart).records(input, 3)
	r := &runningRival{rival: rival{name: "r", events: 7}, versions: map[string]string{"x": "1"}}
	// The machine was slow in round 2: for both, so the ratio stays.
	got := b.rivalsResult([]float64{100, 500, 110}, [][]float64{{400, 2000, 550}}, []*runningRival{r})
	f := got.Rivals[0]
	if got.CPUNanosPerEvent != 110 || f.CPUNanosPerEvent != 550 || f.Ratio != 4 || f.RatioLeast != 4 || f.RatioMost != 5 || f.Events != 7 {
		t.Errorf("rivalsResult = %+v", got)
	}
}

func TestRival_ReadsKeepTheReferenceOut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		r    rival
		all  int
		want int
	}{
		{rival{}, 131_072, 131_072},
		{rival{events: 60_000}, 131_072, 60_000},
		{rival{events: 60_000, drift: true}, 131_072, 60_000},
		{rival{events: 60_000, drift: true}, 40_000, 30_000},
	} {
		if got := tt.r.reads(tt.all); got != tt.want {
			t.Errorf("%+v reads %d of %d, want %d", tt.r, got, tt.all, tt.want)
		}
	}
}

// script writes a program for a rival.
func script(t *testing.T, body string) (dir string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a shell script is the rival")
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "run"), []byte("#!/bin/sh\n"+body), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRival_AnswersPassAfterPassAndEndsWithItsInput(t *testing.T) {
	t.Parallel()
	dir := script(t, `echo "{\"versions\":{\"said\":\"$1\"}}"
n=0
while read line; do
	n=$((n + 1))
	echo "{\"events\":$n,\"cpu_ns\":5,\"wall_ns\":6}"
done
`)
	r, err := startRival(t.Context(), dir, rival{name: "sh", run: []string{"run"}}, []string{"hello"})
	if err != nil {
		t.Fatal(err)
	}
	if r.versions["said"] != "hello" {
		t.Errorf("versions = %v", r.versions)
	}
	for want := 1; want <= 3; want++ {
		res, err := r.pass()
		if err != nil || res.Events != want {
			t.Errorf("pass %d = %+v, %v", want, res, err)
		}
	}
	if err := r.stop(); err != nil {
		t.Errorf("stop = %v", err)
	}
}

func TestRival_FaultsSayWhatItSaid(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ body, want string }{
		"dies at once":     {"echo no such broker >&2; exit 3", "no such broker"},
		"says no versions": {"echo ready; cat", "versions"},
		"says too much":    {fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x; cat", maxLine+1), "more than"},
		"dies in the pass": {`echo '{"versions":{"a":"1"}}'; read line; echo out of memory >&2; exit 1`, "out of memory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := startRival(t.Context(), script(t, tt.body), rival{name: "sh", run: []string{"run"}}, nil)
			if err == nil {
				_, err = r.pass()
				if stopErr := r.stop(); stopErr == nil || !strings.Contains(stopErr.Error(), tt.want) {
					t.Errorf("stop = %v, want one with %q", stopErr, tt.want)
				}
			}
			if err == nil || !strings.Contains(err.Error(), "consumer sh") {
				t.Errorf("error = %v, want one that names the consumer", err)
			}
			if err != nil && !strings.Contains(err.Error(), tt.want) && name != "dies in the pass" {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
	_, err := startRival(t.Context(), t.TempDir(), rival{name: "sh", run: []string{"run"}}, nil)
	if err == nil || !strings.Contains(err.Error(), ".ci/prepare rivals") {
		t.Errorf("error without a program = %v, want one that says how to get it", err)
	}
}

func TestRivalsConfig_NamesEveryFault(t *testing.T) {
	t.Parallel()
	err := RivalsConfig{Config: Config{Features: 50, Events: 2000, Rounds: 1, Format: formatJSON, Codec: "none"}, Only: []string{"cobol"}}.Validate()
	for _, want := range []string{"--events: 2000", "--dir", `--only: "cobol"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want one with %q", err, want)
		}
	}
}
