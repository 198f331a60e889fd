package web

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/driftline/driftline/registry/store"
)

// Streams says what became of the input, and how far it is.
type Streams struct {
	Totals  Outcomes `json:"totals" doc:"Every record counts under exactly one outcome."`
	Sources []Source `json:"sources" nullable:"false"`
	Reasons []Tally  `json:"dead_reasons" nullable:"false" doc:"Records that could not be read, by reason, over the newest entries."`
	Unknown []Tally  `json:"unwatched_models" nullable:"false" doc:"Records of models that are not watched, by name, over the newest entries."`
}

// Outcomes counts records.
type Outcomes struct {
	Records      int64 `json:"records"`
	Skipped      int64 `json:"skipped" doc:"Offsets without a record, as compaction and transaction marks leave them."`
	Accepted     int64 `json:"accepted"`
	Late         int64 `json:"late"`
	Future       int64 `json:"future"`
	Thinned      int64 `json:"thinned"`
	Dead         int64 `json:"dead"`
	Label        int64 `json:"label"`
	Tick         int64 `json:"tick"`
	Unregistered int64 `json:"unregistered"`
	Aborted      int64 `json:"aborted"`
}

// Source is one partition of an input topic.
type Source struct {
	Topic      string `json:"topic"`
	Partition  int32  `json:"partition"`
	Partitions int32  `json:"partitions"`
	UptoMS     int64  `json:"upto_ms" doc:"Event time reached: nothing older is expected."`
	SinceMS    int64  `json:"since_ms" doc:"Event time from which results are whole."`
	Offset     int64  `json:"offset" doc:"Last offset read."`
	SeenMS     int64  `json:"seen_ms" doc:"Wall clock of the last news."`
	AgeMS      int64  `json:"age_ms" doc:"Now less the last news."`
	BehindMS   int64  `json:"behind_ms" doc:"Event time behind the furthest source."`
}

// Tally counts records under a name.
type Tally struct {
	Name    string `json:"name"`
	Records int64  `json:"records"`
}

// ledgerRows is how many entries of the ledger are searched for names.
const ledgerRows = 5000

func getStreams(ctx context.Context, s *server, _ *struct{}) (out Streams, err error) {
	err = s.Store.Read(ctx, func(t *store.Tx) error {
		out, err = s.streams(ctx, t)
		return err
	})
	return out, err
}

func (s *server) streams(ctx context.Context, t *store.Tx) (out Streams, err error) {
	o, err := t.LedgerTotals(ctx, store.LedgerQuery{})
	if err != nil {
		return out, err
	}
	out = Streams{Totals: Outcomes(o), Sources: []Source{}}
	sources, err := t.Sources(ctx)
	if err != nil {
		return out, err
	}
	var furthest int64
	for _, r := range sources {
		furthest = max(furthest, r.UptoMS)
	}
	for _, r := range sources {
		out.Sources = append(out.Sources, Source{
			Topic: r.Topic, Partition: r.Part, Partitions: r.Partitions, UptoMS: r.UptoMS, SinceMS: r.SinceMS, Offset: r.Through,
			SeenMS: r.SeenMS, AgeMS: max(0, s.NowMS()-r.SeenMS), BehindMS: furthest - r.UptoMS,
		})
	}
	rows, err := t.Ledger(ctx, store.LedgerQuery{Limit: ledgerRows})
	if err != nil {
		return out, err
	}
	reasons, unknown := map[string]int64{}, map[string]int64{}
	for _, r := range rows {
		if err := addCounts(reasons, r.DeadBy); err != nil {
			return out, err
		}
		if err := addCounts(unknown, r.UnregisteredBy); err != nil {
			return out, err
		}
	}
	out.Reasons, out.Unknown = tallies(reasons), tallies(unknown)
	return out, nil
}

// addCounts adds up a JSON object of name → records.
func addCounts(sums map[string]int64, text string) error {
	if text == "" {
		return nil
	}
	var counts map[string]int64
	if err := json.Unmarshal([]byte(text), &counts); err != nil {
		return err
	}
	for name, n := range counts {
		sums[name] += n
	}
	return nil
}

// Reference is a frozen reference of a model.
type Reference struct {
	Model     string          `json:"model"`
	ID        string          `json:"id"`
	Version   string          `json:"version" doc:"Version it was made for; empty for any."`
	Kind      string          `json:"kind" doc:"Where it came from."`
	Rows      int64           `json:"rows"`
	FromMS    int64           `json:"from_ms" doc:"Event time of its rows; 0 where unknown."`
	ToMS      int64           `json:"to_ms"`
	CreatedMS int64           `json:"created_ms"`
	Meta      json.RawMessage `json:"meta" doc:"What its maker noted; an object, or empty text."`
	// Moving references are as the newest window was compared with them.
	Moving bool   `json:"moving" doc:"Made by the stream itself, and moves along: as of the newest window, which ended at created_ms."`
	Digest string `json:"digest,omitempty" doc:"Of one that moves: hash of what it held."`
	Reason string `json:"reason,omitempty" doc:"Of one that moves: why nothing is compared with it."`
}

type referencesInput struct {
	Model string `query:"model" required:"true" minLength:"1"`
}

// kindGrid marks rows of the references' table that hold a grid (package trainer).
const kindGrid = "grid"

func listReferences(ctx context.Context, s *server, in *referencesInput) (List[Reference], error) {
	var rows []store.ReferenceRow
	var moving []store.ScoreRow
	err := s.Store.Read(ctx, func(t *store.Tx) (err error) {
		if rows, err = t.References(ctx, in.Model); err != nil {
			return err
		}
		moving, err = t.LatestMoving(ctx, in.Model)
		return err
	})
	if err != nil {
		return List[Reference]{}, err
	}
	out, err := movingReferences(moving)
	for _, r := range rows {
		if r.Kind == kindGrid {
			continue // what references are counted on, not one of them
		}
		out = append(out, Reference{
			Model: r.Model, ID: r.ID, Version: r.Version, Kind: r.Kind, Rows: r.Rows, FromMS: r.FromMS, ToMS: r.ToMS, CreatedMS: r.CreatedMS, Meta: specJSON(r.MetaJSON),
		})
	}
	return listOf(out, len(out)), err
}

// movingReferences are the newest of each kind: one that was replaced is compared with no
// more.
func movingReferences(latest []store.ScoreRow) (out []Reference, err error) {
	newest := map[string]Reference{}
	for _, r := range latest {
		b, err := parseScore(r.Body)
		if err != nil {
			return nil, err
		}
		if old, had := newest[b.ReferenceKind]; had && old.CreatedMS >= r.EndMS {
			continue
		}
		newest[b.ReferenceKind] = Reference{
			Model: r.Model, ID: r.Reference, Kind: b.ReferenceKind, Rows: b.ReferenceRows, FromMS: b.ReferenceFromMS, ToMS: b.ReferenceToMS,
			CreatedMS: r.EndMS, Meta: specJSON(""), Moving: true, Digest: b.ReferenceDigest, Reason: b.Reason,
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(newest)) {
		out = append(out, newest[kind])
	}
	return out, nil
}

// AuditEntry says who did what to which object, and when.
type AuditEntry struct {
	ID     int64  `json:"id"`
	AtMS   int64  `json:"at_ms"`
	Actor  string `json:"actor"`
	Action string `json:"action"`
	Object string `json:"object"`
	Before string `json:"before" doc:"Short JSON, or empty."`
	After  string `json:"after"`
}

type auditInput struct {
	Object string `query:"object" doc:"Exact, as in model:churn/3."`
	Actor  string `query:"actor"`
	From   string `query:"from" doc:"RFC 3339, a day, epoch milliseconds, or now-7d."`
	To     string `query:"to"`
	Before int64  `query:"before" minimum:"0" doc:"Only entries with a smaller id: the last id of the page before."`
	Limit  int    `query:"limit" default:"100" minimum:"1" maximum:"5000"`
}

func listAudit(ctx context.Context, s *server, in *auditInput) (List[AuditEntry], error) {
	q := store.AuditQuery{Object: in.Object, Actor: in.Actor, Before: in.Before, Limit: in.Limit + 1}
	var err error
	if in.From != "" {
		if q.FromMS, err = parseMoment(in.From, s.NowMS()); err != nil {
			return List[AuditEntry]{}, invalid("query.from", in.From, err)
		}
	}
	if in.To != "" {
		if q.ToMS, err = parseMoment(in.To, s.NowMS()); err != nil {
			return List[AuditEntry]{}, invalid("query.to", in.To, err)
		}
	}
	rows, err := s.Store.AuditRows(ctx, q)
	out := make([]AuditEntry, len(rows))
	for i, a := range rows {
		out[i] = AuditEntry(a)
	}
	return listOf(out, in.Limit), err
}

// Status says what runs here.
type Status struct {
	Version   string  `json:"version"`
	Commit    string  `json:"commit"`
	Namespace string  `json:"namespace"`
	Database  string  `json:"database" enum:"sqlite,postgres"`
	Windows   []int64 `json:"windows_ms" nullable:"false"`
	Models    int     `json:"models"`
	Firing    int     `json:"firing_alarms"`
	NowMS     int64   `json:"now_ms"`
}

func getStatus(ctx context.Context, s *server, _ *struct{}) (Status, error) {
	out := Status{Version: s.Version, Commit: s.Commit, Namespace: s.Namespace, Database: s.Store.Dialect(), Windows: append([]int64{}, s.Windows...), NowMS: s.NowMS()}
	models, err := s.Store.WatchedModels(ctx)
	if err != nil {
		return out, err
	}
	firing, err := s.Store.Alarms(ctx, store.AlarmQuery{Phase: "firing", Limit: 10_000})
	out.Models, out.Firing = len(models), len(firing)
	return out, err
}
