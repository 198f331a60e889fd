package mapping

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/tree"
)

// source says where a field comes from: alternatives, the first that is there counts.
type source []from

type from struct {
	kind fromKind
	text string
}

type fromKind uint8

const (
	fromPath fromKind = iota
	fromConstant
	fromKey
	fromHeader
	fromCE
)

// compile reads a source as the configuration writes it.
func compile(text string) (source, error) {
	if text == "" {
		return nil, nil
	}
	if c := constant(text); c != "" {
		return source{{fromConstant, c}}, nil
	}
	var out source
	for _, one := range strings.Split(text, "|") {
		one = strings.TrimSpace(one)
		name, header := strings.CutPrefix(one, "@header.")
		attribute, ce := strings.CutPrefix(one, "@ce.")
		switch {
		case one == "" || one == "=":
			return nil, fmt.Errorf("%q has an empty part; want a path, =constant, @key, @header.NAME or @ce.ATTRIBUTE", text)
		case strings.HasPrefix(one, "="):
			out = append(out, from{fromConstant, one[1:]})
		case one == "@key":
			out = append(out, from{fromKey, ""})
		case header && name != "":
			out = append(out, from{fromHeader, name})
		case ce && attribute != "":
			out = append(out, from{fromCE, attribute})
		case strings.HasPrefix(one, "@"):
			return nil, fmt.Errorf("%q; want @key, @header.NAME or @ce.ATTRIBUTE", one)
		default:
			out = append(out, from{fromPath, one})
		}
	}
	return out, nil
}

// constant returns the text of a source that is one constant, else "".
func constant(text string) string {
	if strings.HasPrefix(text, "=") && !strings.Contains(text, "|") {
		return text[1:]
	}
	return ""
}

// paths returns the paths of a source.
func (s source) paths() (out []string) {
	for _, f := range s {
		if f.kind == fromPath {
			out = append(out, f.text)
		}
	}
	return out
}

// record is the record under way.
type record struct {
	raw   *event.Raw
	attrs []attribute // of a CloudEvent
	tree  tree.Tree
	root  tree.Ref // the payload
	aside tree.Tree

	payloadFirst bool // look in the payload before the row
}

// attribute is one of a CloudEvent, its name in lower case.
type attribute struct{ name, value string }

func (r *record) attribute(name string) (string, bool) {
	for _, a := range r.attrs {
		if a.name == name {
			return a.value, a.value != "" && a.value != "NOTIMPLEMENTED" // as MLServer writes what it does not know
		}
	}
	return "", false
}

// get finds the value of a source: in the row first, then in the payload, or the other
// way round. null counts as absent.
func (r *record) get(s source, row tree.Ref) (n tree.Node, inRow, ok bool) {
	for _, f := range s {
		text, found := "", false
		switch f.kind {
		case fromPath:
			places := [2]tree.Ref{row, r.root}
			if r.payloadFirst {
				places = [2]tree.Ref{r.root, row}
			}
			for _, place := range places {
				if at := find(&r.tree, place, f.text); at != tree.None && r.tree.At(at).Kind != tree.Null {
					return *r.tree.At(at), place != r.root, true
				}
			}
			continue
		case fromConstant:
			text, found = f.text, true
		case fromKey:
			text, found = string(r.raw.Key), len(r.raw.Key) > 0
		case fromHeader:
			text, found = header(r.raw.Headers, f.text)
		case fromCE:
			if text, found = r.attribute(strings.ToLower(f.text)); !found {
				if n, ok := r.inside(f.text); ok {
					return n, false, true
				}
			}
		}
		if found && text != "" {
			return tree.Node{Kind: tree.Text, Text: text}, false, true
		}
	}
	return tree.Node{}, false, false
}

// find follows a path; "." is the node itself.
func find(t *tree.Tree, r tree.Ref, path string) tree.Ref {
	if path == "." {
		return r
	}
	return t.Find(r, path)
}

// inside looks into an attribute that is itself a JSON object, such as the metadata and
// annotations of KServe: "metadata.version".
func (r *record) inside(path string) (tree.Node, bool) {
	name, rest, nested := strings.Cut(path, ".")
	text, found := r.attribute(strings.ToLower(name))
	if !nested || !found || !strings.HasPrefix(text, "{") {
		return tree.Node{}, false
	}
	r.aside.Reset()
	if bad := r.aside.JSON([]byte(text)); bad != nil {
		return tree.Node{}, false
	}
	at := r.aside.Find(r.aside.Root(), rest)
	if at == tree.None {
		return tree.Node{}, false
	}
	if n := r.aside.At(at); n.Kind == tree.List && n.Len > 0 { // header values are lists of texts
		at = r.aside.Item(at, 0)
	}
	n := *r.aside.At(at)
	return n, n.Kind == tree.Text || n.Kind == tree.Number
}

// header finds a header, whatever the case of its name: HTTP bridges change it.
func header(h event.Headers, name string) (string, bool) {
	for key, value := range h.All() {
		if bytes.EqualFold(key, []byte(name)) {
			return string(value), true
		}
	}
	return "", false
}
