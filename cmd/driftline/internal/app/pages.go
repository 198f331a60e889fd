package app

import (
	"context"
	"errors"
	"net/http"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/web"
)

// handler serves everything that goes over HTTP.
func (r *Running) handler(ctx context.Context) (http.Handler, error) {
	pages, err := r.pages(ctx)
	if err != nil {
		return nil, err
	}
	return r.Handler(ctx, r.Build.Version, pages)
}

// pages are the native API and the pages.
func (r *Running) pages(ctx context.Context) (http.Handler, error) {
	cfg := web.Config{
		Store: r.Store, Version: r.Build.Version, Commit: r.Build.Commit, Namespace: r.Cfg.Namespace, NowMS: NowMS,
		Authorize: r.authorize(), AllowedHosts: r.Cfg.HTTP.AllowedHosts, Log: r.Log,
		ValidateSpec: func(model string, spec []byte) (web.Spec, error) {
			s, err := ValidateSpec(r.Cfg, model, spec)
			if err == nil {
				err = r.mayAdmit(ctx, model)
			}
			return s, err
		},
	}
	cfg.Describe = (&describer{store: r.Store}).describe
	for _, w := range r.Cfg.Stream.Windows {
		cfg.Windows = append(cfg.Windows, w.MS())
	}
	var err error
	cfg.Schemas = Schemas()
	if cfg.AsyncAPI, err = r.AsyncAPI(r.Build.Version); err != nil {
		return nil, err
	}
	if cfg.Ingest, err = r.newIngest(); err != nil {
		return nil, err
	}
	if r.Trainer != nil {
		cfg.Trigger = r.Trainer.Trigger
	}
	return web.New(cfg)
}

// mayAdmit returns why a model that nobody watches yet cannot be admitted; nil too where
// this process has no broker to ask.
func (p *Parts) mayAdmit(ctx context.Context, model string) error {
	if p.Kafka == nil {
		return nil
	}
	d, err := p.ReadControl(ctx)
	if err != nil || d.View.Known(model) {
		return err
	}
	return p.CheckAdmission(ctx, 1)
}

// ValidateSpec checks a model's settings and brings them into their stored form.
func ValidateSpec(base *config.Config, model string, spec []byte) (web.Spec, error) {
	m, err := config.ParseSpec(spec, base)
	if err != nil {
		return web.Spec{}, err
	}
	if m.Name != model {
		return web.Spec{}, errors.New("the name in the settings differs from the model that is changed")
	}
	row, err := WatchedRow(m)
	if err != nil {
		return web.Spec{}, err
	}
	return web.Spec{JSON: []byte(row.SpecJSON), Automation: row.Automation}, nil
}
