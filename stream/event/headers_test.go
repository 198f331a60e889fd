package event

import (
	"bytes"
	"testing"
)

func TestHeaders_RoundTrip(t *testing.T) {
	t.Parallel()
	var h Headers
	if _, ok := h.Get("a"); ok {
		t.Fatal("a header in none")
	}
	h = AppendHeader(h, "a", []byte("1"))
	h = AppendHeader(h, "b", nil)
	h = AppendHeader(h, "a", []byte("2"))
	h = AppendHeader(h, "", []byte{})
	var got []string
	for k, v := range h.All() {
		got = append(got, string(k)+"="+string(v))
	}
	if want := []string{"a=1", "b=", "a=2", "="}; !equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	if v, ok := h.Get("a"); !ok || !bytes.Equal(v, []byte("1")) {
		t.Fatalf("Get(a) = %q, %v; want the first", v, ok)
	}
	if v, ok := h.Get("b"); !ok || v != nil {
		t.Fatalf("Get(b) = %q, %v; want null", v, ok)
	}
}

func TestHeaders_BrokenBytesEndTheSearch(t *testing.T) {
	t.Parallel()
	h := AppendHeader(AppendHeader(nil, "a", []byte("1")), "b", []byte("2"))
	for n := range len(h) {
		count := 0
		for range h[:n].All() {
			count++
		}
		if count > 1 {
			t.Errorf("%d of %d bytes give %d headers", n, len(h), count)
		}
	}
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
