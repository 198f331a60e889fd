package tree

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/driftline/driftline/stream/event"
)

// JSON reads one JSON value into the tree, in the object or list that is open. The
// memory of b is shared.
func (t *Tree) JSON(b []byte) *event.Reason {
	if !utf8.Valid(b) {
		at := 0
		for at < len(b) {
			r, size := utf8.DecodeRune(b[at:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			at += size
		}
		return event.Dead(event.CodeBadUTF8, at, "byte 0x%02x is not UTF-8; this is not JSON", b[at])
	}
	if bad := Shallow(b); bad != nil {
		return bad
	}
	if !json.Valid(b) {
		return invalid(b)
	}
	p := parser{tree: t, s: unsafe.String(unsafe.SliceData(b), len(b))}
	return p.value()
}

// Shallow refuses what is nested beyond MaxDepth before anything recurses over it.
func Shallow(b []byte) *event.Reason {
	depth, inText := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inText:
			if c == '\\' {
				i++
			} else if c == '"' {
				inText = false
			}
		case c == '"':
			inText = true
		case c == '{' || c == '[':
			if depth++; depth > MaxDepth {
				return event.Dead(event.CodeTooDeep, i, "%v", ErrTooDeep)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// invalid says where the grammar breaks.
func invalid(b []byte) *event.Reason {
	var into json.RawMessage
	err := json.Unmarshal(b, &into)
	at := 0
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = int(min(syntax.Offset, int64(len(b))))
	}
	if strings.TrimSpace(string(b)) == "" {
		return event.Dead(event.CodeEmpty, 0, "nothing in the record")
	}
	return event.Dead(event.CodeNotJSON, at, "%v", err)
}

// parser builds a tree of text that is known to be valid JSON.
type parser struct {
	tree *Tree
	s    string
	at   int
}

func (p *parser) space() {
	for p.at < len(p.s) {
		switch p.s[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// value reads a whole value without recursion: the tree's open nodes are the stack.
func (p *parser) value() *event.Reason {
	base := len(p.tree.open)
	name := ""
	for {
		p.space()
		switch c := p.s[p.at]; c {
		case '{', '[':
			kind := Object
			if c == '[' {
				kind = List
			}
			p.at++
			p.tree.Open(kind, name)
		case '}', ']':
			p.at++
			if c == '}' {
				if bad := p.unique(); bad != nil {
					return bad
				}
			}
			p.tree.Close()
		default:
			p.scalar(name, c)
		}
		if p.tree.fault != nil {
			return p.bound()
		}
		name = ""
		if len(p.tree.open) == base {
			return nil
		}
		p.space()
		if p.s[p.at] == ',' {
			p.at++
			p.space()
		}
		if c := p.s[p.at]; c != '}' && c != ']' && p.tree.nodes[p.tree.open[len(p.tree.open)-1]].Kind == Object {
			name = p.text()
			p.space()
			p.at++ // the colon
		}
	}
}

func (p *parser) bound() *event.Reason {
	code := event.CodeBadNumber
	switch {
	case errors.Is(p.tree.fault, ErrTooMuch):
		code = event.CodeTooLarge
	case errors.Is(p.tree.fault, ErrTooDeep):
		code = event.CodeTooDeep
	}
	return event.Dead(code, p.at, "%v", p.tree.fault)
}

func (p *parser) scalar(name string, c byte) {
	switch c {
	case '"':
		p.tree.Add(Node{Kind: Text, Name: name, Text: p.text()})
	case 't':
		p.at += len("true")
		p.tree.Add(Node{Kind: Bool, Name: name, Num: 1})
	case 'f':
		p.at += len("false")
		p.tree.Add(Node{Kind: Bool, Name: name})
	case 'n':
		p.at += len("null")
		p.tree.Add(Node{Kind: Null, Name: name})
	default:
		start := p.at
		for p.at < len(p.s) && strings.IndexByte("+-.eE0123456789", p.s[p.at]) >= 0 {
			p.at++
		}
		text := p.s[start:p.at]
		x, err := strconv.ParseFloat(text, 64)
		if err != nil && p.tree.fault == nil { // the grammar holds, so only the range is left
			p.tree.fault = fmt.Errorf("%s is beyond the range of a float64", event.Quote(text))
		}
		p.tree.Add(Node{Kind: Number, Name: name, Num: x, Text: text})
	}
}

// text reads a string; without escapes it shares the memory of the record.
func (p *parser) text() string {
	start := p.at
	p.at++
	escaped := false
	for p.s[p.at] != '"' {
		if p.s[p.at] == '\\' {
			escaped = true
			p.at++
		}
		p.at++
	}
	p.at++
	if !escaped {
		return p.s[start+1 : p.at-1]
	}
	var out string
	if err := json.Unmarshal([]byte(p.s[start:p.at]), &out); err != nil {
		return "" // unreachable: the whole text is valid JSON
	}
	return out
}

// unique refuses a key that stands twice in the object that ends here.
func (p *parser) unique() *event.Reason {
	t := p.tree
	r := t.open[len(t.open)-1]
	few := t.nodes[r].Len <= 8
	if !few {
		if t.keys == nil {
			t.keys = map[string]struct{}{}
		}
		clear(t.keys)
	}
	for c := t.nodes[r].first; c != None; c = t.nodes[c].next {
		name := t.nodes[c].Name
		twice := false
		if few {
			for d := t.nodes[r].first; d != c && !twice; d = t.nodes[d].next {
				twice = t.nodes[d].Name == name
			}
		} else {
			_, twice = t.keys[name]
			t.keys[name] = struct{}{}
		}
		if twice {
			return event.Dead(event.CodeDuplicateKey, p.at-1, "%s stands twice in one object", event.Quote(name))
		}
	}
	if len(t.keys) > 10_000 {
		t.keys = nil
	}
	return nil
}
