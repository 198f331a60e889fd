package schemas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// errAbsent is the registry's own "not found".
var errAbsent = errors.New("not found")

// answer is a schema as the registry gives it.
type answer struct {
	Schema     string      `json:"schema"`
	Type       string      `json:"schemaType"` // absent: AVRO
	References []reference `json:"references"`
}

type reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// Codes of "not found": subject, version, schema.
const (
	codeNoSubject = 40401
	codeNoVersion = 40402
	codeNoSchema  = 40403
)

func (r *Registry) byID(ctx context.Context, id uint32) (answer, error) {
	return r.get(ctx, false, "schemas", "ids", strconv.FormatUint(uint64(id), 10))
}

func (r *Registry) byVersion(ctx context.Context, subject string, version int) (answer, error) {
	// Deleted ones too: what was written with them is still there.
	return r.get(ctx, true, "subjects", subject, "versions", strconv.Itoa(version))
}

// Ping asks for something that every registry answers.
func (r *Registry) Ping(ctx context.Context) error {
	_, err := r.get(ctx, false, "schemas", "ids", "1")
	if errors.Is(err, errAbsent) {
		return nil
	}
	return err
}

// get asks once.
func (r *Registry) get(ctx context.Context, deleted bool, path ...string) (out answer, err error) {
	u := r.base.JoinPath(escaped(path)...)
	if deleted {
		u.RawQuery = "deleted=true"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return out, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	request.Header.Set("Accept", "application/vnd.schemaregistry.v1+json, application/json")
	switch {
	case r.cfg.Token != "":
		request.Header.Set("Authorization", "Bearer "+r.cfg.Token)
	case r.cfg.Username != "":
		request.SetBasicAuth(r.cfg.Username, r.cfg.Password)
	}
	response, err := r.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		return out, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	defer func() { _ = response.Body.Close() }() // what was read of it counts
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return out, fmt.Errorf("%w: %w", ErrUnreachable, err)
	case len(body) > maxAnswer:
		return out, fmt.Errorf("%w: it answered with more than %d bytes", ErrUnreachable, maxAnswer)
	case response.StatusCode == http.StatusNotFound:
		var fault struct {
			Code int `json:"error_code"`
		}
		if json.Unmarshal(body, &fault) == nil && (fault.Code == codeNoSchema || fault.Code == codeNoSubject || fault.Code == codeNoVersion) {
			return out, errAbsent
		}
		return out, fmt.Errorf("%w: 404 without its error code; is schema_registry.url right?", ErrUnreachable)
	case response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden:
		return out, fmt.Errorf("%w: it refuses the login (%s)", ErrUnreachable, response.Status)
	case response.StatusCode != http.StatusOK:
		return out, fmt.Errorf("%w: it answered %s", ErrUnreachable, response.Status)
	}
	if err := json.Unmarshal(body, &out); err != nil || out.Schema == "" {
		return out, fmt.Errorf("%w: it answered with something that is no schema", ErrUnreachable)
	}
	return out, nil
}
