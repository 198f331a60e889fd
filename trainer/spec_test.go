package trainer

import (
	"fmt"
	"strings"
	"testing"

	"github.com/driftline/driftline/trainer/judge"
)

func TestSpec_NamesEveryFault(t *testing.T) {
	t.Parallel()
	if err := Default("m").Validate(); err != nil {
		t.Fatalf("the default spec: %v", err)
	}
	s := Default("")
	s.Automation, s.Trigger, s.Features = "yes", "often", []string{"a", "a"}
	s.WindowMS, s.CoolDownMS, s.MinRows, s.MaxPerWeek, s.ScheduleMS = 5, -1, 0, -2, 3
	s.ReferenceWindowsMS, s.Positive = []int64{0}, ""
	s.Params.MaxDepth, s.Gate.Draws, s.Gate.Kind = 0, 1, judge.KindBinary
	s.Params.Objective = "reg:squarederror"
	err := s.Validate()
	for _, want := range []string{
		`model is ""`, `automation is "yes"`, `trigger is "often"`, "features[1]", "window_ms is 5", "cool_down_ms is -1", "min_rows is 0", "max_per_week is -2",
		"schedule_ms is 3", "reference_windows_ms[0]", `positive is ""`, "params: max_depth", "gate: draws", "params.objective",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not among the faults:\n%v", want, err)
		}
	}
}

func TestConfig_NamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := New(Config{LeaseMS: -1})
	for _, want := range []string{"store is missing", "artifact store", "drift topic", "training specs", "pane length", "owner is empty", "lease is -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}

func ExampleParseSpec() {
	s, err := ParseSpec("demand", []byte(`{"automation":"promote","trigger":"drift","window_ms":15724800000}`))
	fmt.Println(s.Automation, s.Trigger, s.WindowMS/dayMS, s.MinRows, err)
	_, err = ParseSpec("demand", []byte(`{"widow_ms":1}`))
	fmt.Println(err)
	// Output:
	// promote drift 182 1000 <nil>
	// training spec of model "demand": json: unknown field "widow_ms"
}
