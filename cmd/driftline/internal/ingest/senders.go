package ingest

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// sender is a holder of a token.
type sender struct {
	name   string
	digest [sha256.Size]byte
	limit  *rate.Limiter
}

// newSenders makes the senders. burst lets a whole request through at once.
func newSenders(cfg *Config) []*sender {
	var all []*sender
	limit := rate.Inf
	if cfg.EventsPerSecond > 0 {
		limit = rate.Limit(cfg.EventsPerSecond)
	}
	burst := max(cfg.EventsPerSecond, cfg.MaxEvents)
	for name, token := range cfg.Tokens {
		all = append(all, &sender{name, sha256.Sum256([]byte(token)), rate.NewLimiter(limit, burst)})
	}
	return all
}

// authenticate finds the sender of a request. Digests have one length and every one is
// compared, so that time tells nothing about tokens.
func authenticate(senders []*sender, r *http.Request) *sender {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "bearer") || token == "" {
		return nil
	}
	digest := sha256.Sum256([]byte(strings.TrimSpace(token)))
	var found *sender
	for _, s := range senders {
		if subtle.ConstantTimeCompare(s.digest[:], digest[:]) == 1 {
			found = s
		}
	}
	return found
}

// allow takes n events from the sender's rate; wait > 0 says that they are too many now.
func (s *sender) allow(now time.Time, n int) (wait time.Duration) {
	r := s.limit.ReserveN(now, n)
	if !r.OK() {
		return time.Second // above the burst: not reached, a request has at most so many
	}
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return wait
}
