package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
)

// Log is where events go: what of log.Log is needed.
type Log interface {
	Partitions(ctx context.Context, topic string) (int, error)
	Append(ctx context.Context, recs []log.Record) error
}

// The formats that are told apart without being named.
const (
	Native      = "native"
	CloudEvents = "cloudevents"
	KServe      = "kserve" // CloudEvents of inference loggers
)

// Config of New.
type Config struct {
	Log        Log
	Tokens     map[string]string // name of the sender → token
	Topic      string            // of features and predictions
	LabelTopic string            // of labels; may be the same

	// Formats makes readers by the name of a format; each serves one request at a time.
	// New adds native and, where none is given, CloudEvents around native events.
	Formats map[string]func() event.Reader
	Limits  event.Limits // of one native event

	MaxBody         int64         // bytes of a body, after decompression
	MaxEvents       int           // of one request
	EventsPerSecond int           // of one sender; 0: no limit
	InFlight        int           // requests at one time
	Timeout         time.Duration // for reading, and then for writing
	ModelPartitions int           // that one model is spread over; 0: all

	Count  func(result string, events, bytes int) // told once a request; nil is allowed
	NowMS  func() int64                           // the clock of rate limits and of event times that are not given
	Logger zerolog.Logger
}

func (c *Config) validate() error {
	var errs []error
	if c.Log == nil || c.NowMS == nil {
		errs = append(errs, errors.New("no log or no clock"))
	}
	if len(c.Tokens) == 0 {
		errs = append(errs, errors.New("no tokens: nobody could send"))
	}
	if c.Topic == "" || c.LabelTopic == "" {
		errs = append(errs, errors.New("no topic"))
	}
	if c.MaxBody < 1 || c.MaxEvents < 1 || c.InFlight < 1 || c.EventsPerSecond < 0 || c.ModelPartitions < 0 {
		errs = append(errs, fmt.Errorf("limits: %d bytes, %d events, %d requests, %d events/s, %d partitions", c.MaxBody, c.MaxEvents, c.InFlight, c.EventsPerSecond, c.ModelPartitions))
	}
	if c.Timeout <= 0 {
		errs = append(errs, fmt.Errorf("timeout %s", c.Timeout))
	}
	return errors.Join(errs...)
}

// Results of a request, as counted.
const (
	ResultOK           = "ok"
	ResultUnauthorized = "unauthorized" // no token, or one that is not known
	ResultInvalid      = "invalid"      // an event or the request cannot be read
	ResultTooLarge     = "too_large"
	ResultUnsupported  = "unsupported" // a media type, encoding or format that is not read
	ResultLimited      = "limited"     // too many events or requests at one time
	ResultUnavailable  = "unavailable" // the brokers did not acknowledge
)

// Results lists them, so that counters can be made before the first request.
func Results() []string {
	return []string{ResultOK, ResultUnauthorized, ResultInvalid, ResultTooLarge, ResultUnsupported, ResultLimited, ResultUnavailable}
}

// resultOf is the result that a status stands for.
func resultOf(status int) string {
	switch status {
	case http.StatusOK, http.StatusAccepted:
		return ResultOK
	case http.StatusUnauthorized, http.StatusForbidden:
		return ResultUnauthorized
	case http.StatusRequestEntityTooLarge:
		return ResultTooLarge
	case http.StatusUnsupportedMediaType:
		return ResultUnsupported
	case http.StatusTooManyRequests:
		return ResultLimited
	case http.StatusServiceUnavailable:
		return ResultUnavailable
	}
	return ResultInvalid
}
