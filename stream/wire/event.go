package wire

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/driftline/driftline/sketches"
)

// Event is a CloudEvents 1.0 event in structured JSON, as the drift and lifecycle
// topics and webhooks carry it. Id and time are functions of what happened, so that
// a repeat is recognised; processing time is the record's own timestamp.
type Event struct {
	SpecVersion  string    `json:"specversion"`
	ID           string    `json:"id"`
	Source       string    `json:"source"`
	Type         string    `json:"type"`
	Subject      string    `json:"subject"`
	Time         string    `json:"time"`
	ContentType  string    `json:"datacontenttype"`
	DataSchema   string    `json:"dataschema"`
	PartitionKey string    `json:"partitionkey"`
	Severity     string    `json:"severity"`
	ModelVersion string    `json:"modelversion,omitempty"`
	Data         EventData `json:"data"`
}

// PolicyCheck is the policy of drift events that no window fired: a check of rows, made
// once, told them. Their detail holds check, a hash of what was judged and how, and where
// the rows of either side came from.
const PolicyCheck = "check"

// EventData is the evidence inside a drift event.
type EventData struct {
	Model           string         `json:"model"`
	Version         string         `json:"version"`
	Kind            string         `json:"kind"`            // drift, quality, performance, early, joint or prediction
	Check           string         `json:"check,omitempty"` // of kind quality: volume, freshness or schema; none: values
	Policy          string         `json:"policy"`
	Rule            string         `json:"rule"`
	Episode         string         `json:"episode"`
	Reference       string         `json:"reference"`
	WindowMS        int64          `json:"window_ms"`
	StartMS         int64          `json:"start_ms"`
	EndMS           int64          `json:"end_ms"`
	SinceMS         int64          `json:"since_ms"`
	Phase           string         `json:"phase"`
	Level           int            `json:"level"`
	Rows            uint64         `json:"rows"`
	ReferenceRows   uint64         `json:"reference_rows"`
	ReferenceKind   string         `json:"reference_kind,omitempty"`   // training, topic, …; trailing and seasonal ones move along
	ReferenceDigest string         `json:"reference_digest,omitempty"` // of what a moving reference held
	ReferenceFromMS int64          `json:"reference_from_ms,omitempty"`
	ReferenceToMS   int64          `json:"reference_to_ms,omitempty"`
	Segment         string         `json:"segment,omitempty"` // part of the traffic, such as region=eu; absent: all of it
	Covered         uint64         `json:"covered"`
	Expected        uint64         `json:"expected"`
	Drifted         int            `json:"drifted"`
	Judged          int            `json:"judged"`
	All             int            `json:"all"`
	Warn            float64        `json:"warn"`
	Threshold       float64        `json:"threshold"`
	ShareFire       float64        `json:"share_fire"`
	Hops            int            `json:"hops"` // in a row that it takes to fire
	QualityOpen     bool           `json:"quality_open"`
	BlocksRetrain   bool           `json:"blocks_retrain"`
	MayRetrain      bool           `json:"may_retrain"` // the window is long enough to trigger a retrain
	Top             []FeatureScore `json:"top,omitempty"`

	Alpha           float64  `json:"alpha,omitempty"`        // error of one decision; absent under the classic rule
	FalseAlarms     float64  `json:"false_alarms,omitempty"` // per model and month, the windows' part of the budget that Alpha comes from
	HopMS           int64    `json:"hop_ms,omitempty"`       // between two decisions
	Multiplicity    string   `json:"multiplicity,omitempty"` // bh; absent: every decision has its part of the budget
	ShareBy         string   `json:"share_by,omitempty"`     // importance; absent: the plain share decides
	ShareImportance *float64 `json:"share_importance,omitempty"`

	Detail map[string]any `json:"detail,omitempty"` // kind performance: metric, value, baseline, margin, and what the report of the week says (historian.tell); kind early: see EarlyDetail; with a check: see VolumeDetail, FreshnessDetail, SchemaDetail; kind joint: joint, see JointVerdict
}

// eventPrefix begins every event type.
const eventPrefix = "dev.driftline."

// EventType gives "dev.driftline.drift.detected.v1".
func EventType(kind, what string) string { return eventPrefix + kind + "." + what + ".v1" }

// EpisodeID is the identity of one episode of an alarm: from its first firing pane
// to its end.
func EpisodeID(namespace, model, version, policy, reference string, windowMS, pane int64, kind string) string {
	return sketches.HashFields([]byte(namespace), []byte(model), []byte(version), []byte(policy), []byte(reference),
		number(windowMS), number(pane), []byte(kind)).String()
}

// EventID is the identity of one event of an episode.
func EventID(episode, eventType string, pane int64) string {
	return sketches.HashFields([]byte(episode), []byte(eventType), number(pane)).String()
}

func number(n int64) []byte { return strconv.AppendInt(nil, n, 10) }

// NewEvent fills in the envelope around data.
func NewEvent(namespace, eventType, id, severity string, timeMS int64, data EventData) Event {
	return Event{
		SpecVersion: "1.0", ID: id, Source: "/driftline/" + namespace, Type: eventType, Subject: "models/" + data.Model,
		Time: RFC3339(timeMS), ContentType: "application/json", DataSchema: "urn:driftline:schema:event:v1",
		PartitionKey: data.Model, Severity: severity, ModelVersion: data.Version, Data: data,
	}
}

// RFC3339 writes epoch milliseconds in UTC with three decimals.
func RFC3339(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// Encode returns canonical JSON.
func (e Event) Encode() []byte { return canonical(e) }

// DecodeEvent reads what Encode wrote.
func DecodeEvent(b []byte) (e Event, err error) {
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("drift event: %w", err)
	}
	if e.SpecVersion != "1.0" || e.ID == "" || e.Data.Model == "" {
		return e, fmt.Errorf("drift event: not a CloudEvents 1.0 event of ours: %.100s", b)
	}
	return e, nil
}

// TimeMS returns the event's time in epoch milliseconds, 0 if it has none.
func (e Event) TimeMS() int64 {
	t, err := time.Parse(time.RFC3339Nano, e.Time)
	if err != nil {
		return 0
	}
	return t.UnixMilli()
}
