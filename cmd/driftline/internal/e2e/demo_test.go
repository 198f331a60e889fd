package e2e

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

type summary struct {
	Events         int64   `json:"events"`
	Panes          int64   `json:"panes"`
	Alarms         int     `json:"alarms"`
	Retrains       int     `json:"retrains"`
	Promotions     int     `json:"promotions"`
	Refused        int     `json:"refused"`
	Accuracy       float64 `json:"accuracy"`
	AccuracyStatic float64 `json:"accuracy_static"`
	Seconds        float64 `json:"seconds"`
	Versions       []struct {
		Version  string  `json:"version"`
		From     string  `json:"from"`
		To       string  `json:"to"`
		Rows     int     `json:"rows"`
		Accuracy float64 `json:"accuracy"`
	} `json:"versions"`
}

func demoOnce(t *testing.T) summary {
	t.Helper()
	args := append([]string{"demo", "--once"}, anyPort...)
	out, errs, err := output(t, 10*time.Minute, nil, args...)
	if err != nil {
		t.Fatalf("demo: %v\n%s", err, errs)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var s summary
	if err := json.Unmarshal(lines[len(lines)-1], &s); err != nil {
		t.Fatalf("last line of standard output: %v\n%s", err, out)
	}
	return s
}

func TestDemo_ShowsTheWholeLoopTwiceAlike(t *testing.T) {
	long(t)
	a := demoOnce(t)
	t.Logf("%+v", a)
	if a.Promotions < 1 || a.Refused < 1 || a.Alarms < 1 {
		t.Errorf("%d promotions, %d refused, %d alarms: want at least one of each", a.Promotions, a.Refused, a.Alarms)
	}
	if a.Alarms > 40 { // one per new reference, and those on accuracy; a window that still fills is no alarm
		t.Errorf("%d alarms, want at most 40", a.Alarms)
	}
	if a.Retrains > 24 {
		t.Errorf("%d retrains, want at most 24", a.Retrains)
	}
	if a.Accuracy < 0.88 {
		t.Errorf("accuracy %.4f, want at least 0.88", a.Accuracy)
	}
	if a.AccuracyStatic < 0.65 || a.AccuracyStatic > 0.75 {
		t.Errorf("accuracy of version 1 alone %.4f, want near 0.70", a.AccuracyStatic)
	}
	if want := int64(2 * 17_379); a.Events != want {
		t.Errorf("%d events, want %d: every row and every label", a.Events, want)
	}
	rows := 0
	for _, v := range a.Versions {
		rows += v.Rows
	}
	if len(a.Versions) != a.Promotions+1 || rows < 15_000 {
		t.Errorf("%d versions in service over %d rows, with %d promotions", len(a.Versions), rows, a.Promotions)
	}
	b := demoOnce(t)
	a.Seconds, b.Seconds = 0, 0
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if !bytes.Equal(x, y) {
		t.Errorf("two runs differ:\n%s\n%s", x, y)
	}
}
