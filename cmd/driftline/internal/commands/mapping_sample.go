package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
)

// maxSampleBytes bounds a file of records.
const maxSampleBytes = 64 << 20

// withSample opens what is needed, gathers the records and hands them on.
func withSample(ctx context.Context, a *cli.App, cfg *config.Loaded, f mappingFlags, do func(*app.Parts, []log.Record) error) error {
	if f.file != "" {
		recs, err := fileSample(a, f)
		if err != nil {
			return err
		}
		p, err := app.Open(ctx, &cfg.Config, quiet(a, cfg), a.Build.Version, app.Want{})
		if err != nil {
			return err
		}
		return also(do(p, recs), p.Close)
	}
	p, _, err := app.Beside(ctx, &cfg.Config, quiet(a, cfg), a.Build.Version, app.Want{Broker: true})
	if err != nil {
		return err
	}
	recs, err := topicSample(ctx, p, f)
	if err == nil && len(recs) == 0 {
		err = cli.Usagef("topic %s holds no records", f.topic)
	}
	if err == nil {
		err = do(p, recs)
	}
	return also(err, p.Close)
}

// fileSample reads records from a file.
func fileSample(a *cli.App, f mappingFlags) ([]log.Record, error) {
	in := a.In
	if f.file != "-" {
		file, err := os.Open(f.file)
		if err != nil {
			return nil, &cli.Exit{Code: cli.Usage, Err: err}
		}
		defer func() { _ = file.Close() }() // it was only read
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, maxSampleBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", f.file, err)
	case len(text) > maxSampleBytes:
		return nil, cli.Usagef("%s has more than %d bytes", f.file, maxSampleBytes)
	case len(text) == 0:
		return nil, cli.Usagef("%s is empty", f.file)
	}
	return split(text, f.limit), nil
}

// split makes records of a file: one of bytes that are no text or of one JSON value, else
// one per line.
func split(text []byte, limit int) []log.Record {
	one := func(v []byte, n int) log.Record {
		return log.Record{Offset: int64(n), TimeMS: time.Now().UnixMilli(), Value: v}
	}
	if !utf8.Valid(text) || text[0] == 0 || json.Valid(text) && !wrappedRecord(text) {
		return []log.Record{one(text, 1)}
	}
	var out []log.Record
	n := 0
	for line := range bytes.Lines(text) {
		n++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if len(out) == limit {
			break
		}
		r := one(line, n)
		if wrappedRecord(line) {
			r = unwrap(line, r)
		}
		out = append(out, r)
	}
	return out
}

// wrapped is a record with all that belongs to it, as kafka tools and our samples write
// it.
type wrapped struct {
	Topic   string      `json:"topic"`
	MS      *int64      `json:"ms"`
	Key     string      `json:"key"`
	Headers [][2]string `json:"headers"`
	Value   []byte      `json:"value"`
}

func decodeWrapped(line []byte) (w wrapped, ok bool) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	err := d.Decode(&w)
	return w, err == nil && len(w.Value) > 0
}

// wrappedRecord says whether a line is a record in a wrapper, not a payload: its only
// members are a record's, and the value is base64.
func wrappedRecord(line []byte) bool {
	if bytes.IndexByte(bytes.TrimSpace(line), '\n') >= 0 {
		return false
	}
	_, ok := decodeWrapped(line)
	return ok
}

func unwrap(line []byte, r log.Record) log.Record {
	w, _ := decodeWrapped(line)
	r.Value = w.Value
	if w.Key != "" {
		r.Key = []byte(w.Key)
	}
	if w.MS != nil {
		r.TimeMS = *w.MS
	}
	var h event.Headers
	for _, x := range w.Headers {
		h = event.AppendHeader(h, x[0], []byte(x[1]))
	}
	r.Headers = h
	return r
}

// topicSample reads the newest records of all partitions.
func topicSample(ctx context.Context, p *app.Parts, f mappingFlags) ([]log.Record, error) {
	n, err := p.Kafka.Partitions(ctx, f.topic)
	if errors.Is(err, log.ErrNoTopic) {
		return nil, cli.Usagef("--topic: topic %s does not exist", f.topic)
	}
	if err != nil {
		return nil, err
	}
	var out []log.Record
	each := max(1, (f.limit+n-1)/n)
	for i := range n {
		part := log.Partition{Topic: f.topic, Index: int32(i)}
		lo, hi, err := p.Kafka.Bounds(ctx, part)
		if err != nil {
			return nil, err
		}
		for at := max(lo, hi-int64(each)); at < hi; {
			b, err := p.Kafka.Fetch(ctx, part, at, time.Second)
			if err != nil {
				return nil, err
			}
			for _, r := range b.Records {
				if r.Offset < hi {
					out = append(out, keep(r))
				}
			}
			if b.Next <= at {
				break
			}
			at = b.Next
		}
	}
	return out[:min(len(out), f.limit)], nil
}

// keep copies a record: a fetch may use its memory again.
func keep(r log.Record) log.Record {
	r.Key, r.Value, r.Headers = slices.Clone(r.Key), slices.Clone(r.Value), slices.Clone(r.Headers)
	return r
}
