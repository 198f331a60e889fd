package schemas

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Beyond the bound, ids that the registry does not know are forgotten, never a schema: a
// record that waits to be read by it would be taken for one of an unknown schema.
func TestRegistry_ForgetsNoSchema(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/schemas/ids/1") {
			fmt.Fprint(w, `{"schema":"{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"x\",\"type\":\"double\"}]}"}`)
			return
		}
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
	}))
	t.Cleanup(s.Close)
	r, err := New(Config{URL: s.URL, Pause: func(context.Context) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	r.most = 4
	if err := r.Prepare(t.Context(), 10, 11, 12); err != nil {
		t.Fatal(err)
	}
	for id := range uint32(20) {
		if err := r.Prepare(t.Context(), 200+id); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []uint32{10, 11, 12} {
		if s, ok := r.Schema(id); !ok || s == nil {
			t.Errorf("schema %d is forgotten", id)
		}
	}
	if err := r.Prepare(t.Context(), 13); err != nil {
		t.Fatal(err)
	}
	if err := r.Prepare(t.Context(), 14); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a schema beyond the bound: error %v, want %v, so that its records wait", err, ErrUnreachable)
	}
}
