package tree

import (
	"errors"
	"strconv"
	"strings"
)

// Kind is what a node is.
type Kind uint8

// Kinds of nodes.
const (
	Null Kind = iota
	Bool
	Number
	Text
	List
	Object
)

// String names the kind as JSON users know it.
func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// Node is one value.
type Node struct {
	Name  string // key, in an object
	Text  string // of a Text; of a Number read from text, its digits
	Num   float64
	Int   int64 // of a Number with Whole: the exact value
	Kind  Kind
	Whole bool // the format says that this is an integer
	Unit  Unit // what the format says that the number counts
	Len   int  // children

	first, last, next Ref
}

// Unit is what a number counts since the epoch, where the format itself says so.
type Unit uint8

// Units; the zero value is none.
const (
	Millis Unit = 1 + iota
	Micros
	Nanos
)

// Ref addresses a node; None where there is none.
type Ref int32

// None is no node.
const None Ref = -1

// Bounds of one tree.
const (
	MaxNodes = 300_000 // values in one record
	MaxDepth = 64      // objects and lists open at once
)

// ErrTooMuch says that a payload has more values than MaxNodes, ErrTooDeep that it is
// nested beyond MaxDepth.
var (
	ErrTooMuch = errors.New("more than 300,000 values in one record")
	ErrTooDeep = errors.New("objects and arrays nested more than 64 deep")
)

// Tree is what one payload says.
type Tree struct {
	nodes []Node
	open  []Ref
	fault error
	keys  map[string]struct{}
}

// Reset empties the tree and keeps its room.
func (t *Tree) Reset() {
	if cap(t.nodes) > 10_000 { // one huge record must not hold memory for good
		t.nodes = nil
	}
	clear(t.nodes)
	t.nodes, t.open, t.fault = t.nodes[:0], t.open[:0], nil
}

// Fault is the first bound that was met while the tree was built, or nil.
func (t *Tree) Fault() error { return t.fault }

// Size is how many nodes there are; the next one that is added gets it as its Ref.
func (t *Tree) Size() int { return len(t.nodes) }

// Root is the first node that was added.
func (t *Tree) Root() Ref {
	if len(t.nodes) == 0 {
		return None
	}
	return 0
}

// At returns a node; r must not be None.
func (t *Tree) At(r Ref) *Node { return &t.nodes[r] }

// Add adds a value to the object or list that is open.
func (t *Tree) Add(n Node) Ref {
	if t.fault != nil {
		return None
	}
	if len(t.nodes) == MaxNodes {
		t.fault = ErrTooMuch
		return None
	}
	n.first, n.last, n.next, n.Len = None, None, None, 0
	r := Ref(len(t.nodes))
	t.nodes = append(t.nodes, n)
	if len(t.open) > 0 {
		p := &t.nodes[t.open[len(t.open)-1]]
		if p.last == None {
			p.first = r
		} else {
			t.nodes[p.last].next = r
		}
		p.last = r
		p.Len++
	}
	return r
}

// Open adds an object or list; what is added until Close stands in it.
func (t *Tree) Open(k Kind, name string) Ref {
	if len(t.open) == MaxDepth && t.fault == nil {
		t.fault = ErrTooDeep
	}
	r := t.Add(Node{Kind: k, Name: name})
	if r != None {
		t.open = append(t.open, r)
	}
	return r
}

// Close ends the object or list opened last.
func (t *Tree) Close() {
	if t.fault == nil {
		t.open = t.open[:len(t.open)-1]
	}
}

// AddText adds a text.
func (t *Tree) AddText(name, text string) { t.Add(Node{Kind: Text, Name: name, Text: text}) }

// AddFloat adds a number that the format calls one with a fraction.
func (t *Tree) AddFloat(name string, x float64) { t.Add(Node{Kind: Number, Name: name, Num: x}) }

// AddInt adds an integer.
func (t *Tree) AddInt(name string, x int64) {
	t.Add(Node{Kind: Number, Name: name, Num: float64(x), Int: x, Whole: true})
}

// AddBool adds a truth value.
func (t *Tree) AddBool(name string, b bool) {
	n := Node{Kind: Bool, Name: name}
	if b {
		n.Num = 1
	}
	t.Add(n)
}

// Children walks the members or items of a node in order.
func (t *Tree) Children(r Ref) func(yield func(Ref, *Node) bool) {
	return func(yield func(Ref, *Node) bool) {
		if r == None {
			return
		}
		for c := t.nodes[r].first; c != None; c = t.nodes[c].next {
			if !yield(c, &t.nodes[c]) {
				return
			}
		}
	}
}

// Member finds a member of an object by its name.
func (t *Tree) Member(r Ref, name string) Ref {
	if r == None || t.nodes[r].Kind != Object {
		return None
	}
	for c := t.nodes[r].first; c != None; c = t.nodes[c].next {
		if t.nodes[c].Name == name {
			return c
		}
	}
	return None
}

// Item finds an item of a list by its place.
func (t *Tree) Item(r Ref, i int) Ref {
	if r == None || t.nodes[r].Kind != List || i < 0 || i >= t.nodes[r].Len {
		return None
	}
	c := t.nodes[r].first
	for range i {
		c = t.nodes[c].next
	}
	return c
}

// Find follows a path of names with dots from r on; numbers are places in lists. The
// path "" is r itself. A name that holds dots itself is found too, before nested ones.
func (t *Tree) Find(r Ref, path string) Ref {
	for {
		if path == "" || r == None {
			return r
		}
		switch t.nodes[r].Kind {
		case Object:
			if c := t.Member(r, path); c != None {
				return c
			}
			head, rest, found := strings.Cut(path, ".")
			if !found {
				return None
			}
			c := t.Member(r, head)
			for c == None { // a name with a dot, such as "customer.age" of "customer.age.years"
				more, after, found := strings.Cut(rest, ".")
				if !found {
					return None
				}
				head, rest = head+"."+more, after
				c = t.Member(r, head)
			}
			r, path = c, rest
		case List:
			head, rest, _ := strings.Cut(path, ".")
			i, err := strconv.Atoi(head)
			if err != nil {
				return None
			}
			r, path = t.Item(r, i), rest
		default:
			return None
		}
	}
}

// Digits returns a number as text of the JSON grammar, exactly; "" for what is no
// finite number.
func (n *Node) Digits() string {
	switch {
	case n.Kind != Number:
		return ""
	case n.Text != "":
		return n.Text
	case n.Whole:
		return strconv.FormatInt(n.Int, 10)
	case n.Num-n.Num != 0: // NaN or infinite
		return ""
	}
	return strconv.FormatFloat(n.Num, 'f', -1, 64)
}
