package web

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/driftline/driftline/registry/store"
)

type retrainsView struct {
	Model string
	Rows  []retrainRow
}

type retrainRow struct {
	store.Retrain
	Sentence string
}

func (s *server) retrainsPage(ctx context.Context, r *http.Request) (page, error) {
	view := retrainsView{Model: r.URL.Query().Get("model")}
	rows, err := s.Store.Retrains(ctx, store.RetrainQuery{Model: view.Model, Limit: listed})
	for _, row := range rows {
		view.Rows = append(view.Rows, retrainRow{row, retrainSentence(row)})
	}
	return page{Title: "Retrains", Nav: "retrains", Data: view}, err
}

type retrainView struct {
	RetrainDetail
	Row                        store.Retrain
	Sentence                   string
	TriggerText, DatasetText   string
	WaitsForApproval, MayRetry bool
	MayCancel                  bool
}

func (s *server) retrainPage(ctx context.Context, r *http.Request) (page, error) {
	row, err := s.Store.Retrain(ctx, r.PathValue("id"))
	if err != nil {
		return page{}, err
	}
	detail, err := retrainDetail(row)
	if err != nil {
		return page{}, err
	}
	active := false
	for _, state := range store.ActiveRetrainStates {
		active = active || state == row.State
	}
	view := retrainView{
		RetrainDetail: detail, Row: row, Sentence: retrainSentence(row), TriggerText: indent(row.TriggerJSON), DatasetText: indent(row.DatasetJSON),
		WaitsForApproval: row.State == store.RetrainApproval, MayRetry: row.State == store.RetrainFailed, MayCancel: active,
	}
	return page{Title: "Retrain of " + row.Model, Nav: "retrains", Data: view}, nil
}

// indent sets JSON over several lines; other text stays as it is.
func indent(text string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return text
	}
	return b.String()
}
