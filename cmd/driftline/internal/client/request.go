package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer bounds one answer; lists come in pages far below it.
const maxAnswer = 64 << 20

// Error is an answer other than 2xx.
type Error struct {
	Status int
	Code   string // of the answer, where it has one
	Text   string
	asked  string
}

func (e *Error) Error() string {
	text := e.Text
	if text == "" {
		text = http.StatusText(e.Status)
	}
	return fmt.Sprintf("%s: %s (HTTP %d)", e.asked, text, e.Status)
}

// Get asks for a path below /api/v1 and decodes the answer into out.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.Do(ctx, http.MethodGet, path, nil, out)
}

// Post sends in as JSON to a path below /api/v1 and decodes the answer into out.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	return c.Do(ctx, http.MethodPost, path, in, out)
}

// Do sends one request to a path below /api/v1, escaped by the caller where parts
// come from outside (url.PathEscape). in nil sends no body; out nil drops the answer.
//
// Errors: *Error for an answer other than 2xx; otherwise what kept the request from
// being answered, with method, path and instance.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	asked := method + " /api/v1" + path + " at " + c.name
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s: %w", asked, err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base.String()+"/api/v1"+path, body)
	if err != nil {
		return fmt.Errorf("%s: the path cannot be sent", asked)
	}
	c.dress(req, in != nil)
	res, err := c.http.Do(req)
	if err != nil {
		var urlErr *url.Error
		if errors.As(err, &urlErr) {
			err = urlErr.Err // its text repeats the URL
		}
		return fmt.Errorf("%s: %w; is the instance up?", asked, err)
	}
	defer func() { _ = res.Body.Close() }() // read to its end below
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s: read the answer: %w", asked, err)
	case len(text) > maxAnswer:
		return fmt.Errorf("%s: the answer is larger than %d bytes", asked, maxAnswer)
	case res.StatusCode < 200 || res.StatusCode > 299:
		return answerError(asked, res, text)
	case out == nil || res.StatusCode == http.StatusNoContent:
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s: the answer is not the JSON expected (is this a Driftline server?): %w", asked, err)
	}
	return nil
}

// dress sets headers and login.
func (c *Client) dress(req *http.Request, hasBody bool) {
	req.Header.Set("Accept", "application/json")
	if hasBody {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.opts.UserAgent != "" {
		req.Header.Set("User-Agent", c.opts.UserAgent)
	}
	switch {
	case c.opts.Token != "":
		req.Header.Set("Authorization", "Bearer "+c.opts.Token)
	case c.opts.Username != "" || c.opts.Password != "":
		req.SetBasicAuth(c.opts.Username, c.opts.Password)
	}
}

// answerError reads the error shapes of the native API (RFC 9457) and of the MLflow
// one; anything else is shown by its status alone.
func answerError(asked string, res *http.Response, text []byte) error {
	e := &Error{Status: res.StatusCode, asked: asked}
	var shape struct {
		Title, Detail, Message string
		Code                   string
		ErrorCode              string `json:"error_code"`
		Errors                 []struct{ Message, Location string }
	}
	if err := json.Unmarshal(text, &shape); err == nil {
		e.Text = firstOf(shape.Detail, shape.Message, shape.Title)
		e.Code = firstOf(shape.Code, shape.ErrorCode)
		for _, more := range shape.Errors {
			e.Text += "; " + strings.TrimSpace(more.Location+" "+more.Message)
		}
	}
	if res.StatusCode == http.StatusUnauthorized && e.Text == "" {
		e.Text = "a login is needed; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
	}
	return e
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
