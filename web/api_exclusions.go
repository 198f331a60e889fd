package web

import (
	"context"

	"github.com/driftline/driftline/registry/store"
)

// Exclusion keeps a span of event time out of what a model calls normal: out of references
// that move along, and of those that are built from the stream, from examples or from runs.
type Exclusion struct {
	ID          string `json:"id"`
	Model       string `json:"model"`
	FromMS      int64  `json:"from_ms" doc:"Event time."`
	ToMS        int64  `json:"to_ms" doc:"Event time, exclusive."`
	Reason      string `json:"reason"`
	Author      string `json:"author"`
	CreatedMS   int64  `json:"created_ms" doc:"Wall clock."`
	InForce     bool   `json:"in_force"`
	EndedBy     string `json:"ended_by" doc:"Who ended it; empty for nobody."`
	EndedReason string `json:"ended_reason"`
	EndedMS     int64  `json:"ended_ms" doc:"Wall clock; 0 while it is in force."`
}

func exclusionOf(x store.Exclusion) Exclusion {
	return Exclusion{
		ID: x.ID, Model: x.Model, FromMS: x.FromMS, ToMS: x.ToMS, Reason: x.Reason, Author: x.Author, CreatedMS: x.CreatedMS,
		InForce: x.EndedMS == 0, EndedBy: x.EndedBy, EndedReason: x.EndedReason, EndedMS: x.EndedMS,
	}
}

type exclusionsInput struct {
	Model string `query:"model"`
	All   bool   `query:"all" doc:"Also those that were ended."`
	Limit int    `query:"limit" default:"100" minimum:"1" maximum:"5000"`
}

func listExclusions(ctx context.Context, s *server, in *exclusionsInput) (List[Exclusion], error) {
	rows, err := s.Store.Exclusions(ctx, store.ExclusionQuery{Model: in.Model, InForce: !in.All, Limit: in.Limit + 1})
	out := make([]Exclusion, len(rows))
	for i, x := range rows {
		out[i] = exclusionOf(x)
	}
	return listOf(out, in.Limit), err
}

type addExclusionInput struct {
	Body struct {
		Model  string `json:"model" minLength:"1"`
		FromMS int64  `json:"from_ms" doc:"Event time, epoch milliseconds."`
		ToMS   int64  `json:"to_ms" doc:"Event time, epoch milliseconds, exclusive."`
		Reason string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

func addExclusion(ctx context.Context, s *server, in *addExclusionInput) (Exclusion, error) {
	b := &in.Body
	row, err := s.Store.AddExclusion(ctx, store.Exclusion{Model: b.Model, FromMS: b.FromMS, ToMS: b.ToMS, Reason: b.Reason, Author: store.Actor(ctx)}, s.NowMS())
	return exclusionOf(row), err
}

// ExclusionPath names an exclusion in a path.
type ExclusionPath struct {
	ID string `path:"id" doc:"Id of the exclusion."`
}

type expireExclusionInput struct {
	ExclusionPath
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1000"`
	}
}

func expireExclusion(ctx context.Context, s *server, in *expireExclusionInput) (Exclusion, error) {
	row, err := s.Store.ExpireExclusion(ctx, in.ID, store.Actor(ctx), in.Body.Reason, s.NowMS())
	return exclusionOf(row), err
}
