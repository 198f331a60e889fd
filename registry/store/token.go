package store

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// pageToken says where the next page starts and of which query it is: behind the
// row (TimeMS, ID) in the natural order of runs, else after Offset rows.
type pageToken struct {
	Offset int64  `json:"offset,omitempty"`
	TimeMS int64  `json:"time_ms,omitempty"`
	ID     string `json:"id,omitempty"`
	Query  string `json:"query"`
}

// maxOffset bounds what a token may ask for.
const maxOffset = 1 << 40

// tokenBinding is a short digest of everything that makes one query another, so
// that a token cannot be used with a different filter or order.
func tokenBinding(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

func (p pageToken) String() string {
	raw, err := json.Marshal(p)
	if err != nil {
		panic("store: a page token is always JSON: " + err.Error())
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// readToken gives the offset a token stands for; "" is the first page.
func readToken(token, bound string) (int64, error) {
	p, err := parseToken(token, bound)
	return p.Offset, err
}

func parseToken(token, bound string) (pageToken, error) {
	if token == "" {
		return pageToken{}, nil
	}
	bad := fault(ErrInvalid, "Invalid page token: it is not one of this query's. Start again without a page_token.")
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(raw) > 200 {
		return pageToken{}, bad
	}
	var p pageToken
	if err := json.Unmarshal(raw, &p); err != nil || p.Offset < 0 || p.Offset > maxOffset || p.Query != bound || checkText(p.ID) != nil {
		return pageToken{}, bad
	}
	return p, nil
}

// page cuts rows that were read one too many and gives the next page's token.
func page[T any](rows []T, limit int, offset int64, bound string) ([]T, string) {
	if len(rows) <= limit {
		return rows, ""
	}
	return rows[:limit], pageToken{Offset: offset + int64(limit), Query: bound}.String()
}
