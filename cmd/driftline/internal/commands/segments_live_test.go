package commands

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/web"
)

// A shift in an eighth of the traffic, from the topic to every surface: the whole does not
// fire, its part does, by name.
func TestSegments_AShiftInOnePartIsToldByItsName(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, err := os.ReadFile(b.file)
	if err != nil {
		t.Fatal(err)
	}
	b.write("driftline.yaml", string(text)+"    segments: {region: [eu, us]}\n")
	csv := b.partedCSV(1600)
	b.during(func(ctx context.Context, r *app.Running) {
		b.must("reference", "build", "churn", "--from", "file:"+csv, "--time-column", "ts", "--columns", "amount")
		b.partedEvents(ctx, r, 2400, 25)
		var alarms []web.Alarm
		b.until(ctx, "an alarm of the part", func() bool {
			alarms = nil
			decode(t, b.must("alarms", "list", "--segment", "*", "-o", "json"), &alarms)
			return len(alarms) > 0
		})
		for _, a := range alarms {
			if a.Segment != "region=us" || a.Kind != "drift" {
				t.Errorf("an alarm of %s %q", a.Kind, a.Segment)
			}
		}
		decode(t, b.must("alarms", "list", "--segment", "region=eu", "-o", "json"), &alarms)
		if len(alarms) > 0 {
			t.Errorf("alarms of eu: %+v", alarms)
		}
		decode(t, b.must("alarms", "list", "--segment", "region=us", "-o", "json"), &alarms)
		if out := b.must("explain", alarms[0].ID); !strings.Contains(out, "region=us") {
			t.Errorf("the explanation does not name the part:\n%s", out)
		}
		if out := b.must("models", "show", "churn"); !strings.Contains(out, "region=us") || !strings.Contains(out, "region=eu") {
			t.Errorf("models show does not name the parts:\n%s", out)
		}
		shown := func(segment string) (rows []web.Score) {
			res, err := http.Get(r.URL + "/api/v1/models/churn/scores?segment=" + url.QueryEscape(segment))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatalf("%d, %v: %s", res.StatusCode, err, body)
			}
			var list struct {
				Items []web.Score `json:"items"`
			}
			if err := json.Unmarshal(body, &list); err != nil {
				t.Fatal(err)
			}
			return list.Items
		}
		for segment, drifted := range map[string]int{"region=us": 1, "region=eu": 0} {
			// Scores and events come to the history from topics of their own.
			b.until(ctx, "a score of "+segment, func() bool {
				return slices.ContainsFunc(shown(segment), func(s web.Score) bool {
					return s.WindowMS == 40_000 && s.Rows > 100 && int(s.Drifted) == drifted
				})
			})
		}
	})
}
