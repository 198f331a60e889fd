package infer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping"
	"github.com/driftline/driftline/stream/mapping/packed"
	"github.com/driftline/driftline/stream/mapping/tree"
)

// Proposal is a mapping with what a person should know about it.
type Proposal struct {
	Mapping mapping.Mapping
	Notes   []string
}

// note adds a line; names from outside cannot end it.
func (p *Proposal) note(format string, args ...any) {
	p.Notes = append(p.Notes, strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return '?'
		}
		return r
	}, fmt.Sprintf(format, args...)))
}

// ErrNothing says that the sample holds nothing that can be looked at.
var ErrNothing = errors.New("no records to look at")

// kinds counts what the records of a sample look like.
type kinds struct {
	native, kserve, cloud, v2, json, framedPacked, framed, packed, proto int
}

// Propose looks at the records of a topic.
func Propose(topic string, recs []event.Raw) (Proposal, error) {
	var k kinds
	decoder := event.NewDecoder(event.Limits{})
	bodies := 0
	for i := range recs {
		r := &recs[i]
		if len(r.Value) == 0 {
			continue
		}
		bodies++
		switch {
		case r.Value[0] == 0 && framedPacked(r.Value):
			k.framedPacked++
		case r.Value[0] == 0:
			k.framed++
		case looksJSON(r.Value):
			if _, err := decoder.Read(r); err == nil && !binaryEvent(r) {
				k.native++
				continue
			}
			k.jsonKind(r)
		case packedSize(r.Value) > 0:
			k.packed++
		default:
			k.proto++
		}
	}
	if bodies == 0 {
		return Proposal{}, ErrNothing
	}
	return k.propose(topic, recs)
}

// propose takes the kind that makes up most of the sample.
func (k *kinds) propose(topic string, recs []event.Raw) (Proposal, error) {
	p := Proposal{}
	total := k.native + k.kserve + k.cloud + k.v2 + k.json + k.framedPacked + k.framed + k.packed + k.proto
	most := func(n int) bool { return 2*n > total }
	switch seldon := seldonTopic.MatchString(topic); {
	case seldon && most(k.proto+k.packed+k.v2):
		p.Mapping.Format = mapping.Seldon2
		p.note("topic %s is named as Seldon Core 2 does: requests are feature events, responses predictions of the same id", topic)
		p.note("set features_from: feature for the model; if tensors hold several values per row, name them with feature_names")
	case most(k.native):
		p.Mapping.Format = mapping.Native
	case most(k.kserve):
		p.Mapping.Format = mapping.KServe
		p.note("requests are feature events, responses predictions of the same id: set features_from: feature for the model")
		p.unnamed(recs)
		p.answers(recs)
	case most(k.cloud):
		p.Mapping.Format = mapping.CloudEvents
	case most(k.v2):
		p.Mapping.Format = mapping.V2
		p.note("requests are feature events, responses predictions of the same id: set features_from: feature for the model")
		p.unnamed(recs)
		p.answers(recs)
	case most(k.framedPacked + k.packed):
		p.packed(recs)
	case most(k.framed):
		p.Mapping.Format = mapping.Avro
		p.note("the records have the framing of a schema registry: set schema_registry.url")
	case most(k.json + k.native):
		p.flat(topic, recs)
	default:
		return p, errors.New("the records are neither JSON nor framed, nor protobuf that is known; Avro without framing needs format: avro and mapping.schema_file, which nobody can tell from the bytes")
	}
	return p, nil
}

var seldonTopic = regexp.MustCompile(`^[^.]+\.[^.]+\.(model|pipeline)\.[^.]+\.(inputs|outputs)$`)

func looksJSON(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) > 0 && (b[0] == '{' || b[0] == '[')
}

// binaryEvent says whether a record carries the attributes of a CloudEvent in headers.
func binaryEvent(r *event.Raw) bool {
	for key := range r.Headers.All() {
		if name := strings.ToLower(string(key)); name == "ce_specversion" || name == "ce-specversion" {
			return true
		}
	}
	return false
}

// jsonKind tells envelopes and inference payloads from other JSON.
func (k *kinds) jsonKind(r *event.Raw) {
	var t tree.Tree
	if t.JSON(r.Value) != nil {
		k.json++
		return
	}
	root := t.Root()
	ceType, binary := "", binaryEvent(r)
	for key, value := range r.Headers.All() {
		if name := strings.ToLower(string(key)); name == "ce_type" || name == "ce-type" {
			ceType = string(value)
		}
	}
	body := root
	if at := t.Member(root, "specversion"); !binary && at != tree.None {
		binary = true
		if at := t.Member(root, "type"); at != tree.None {
			ceType = t.At(at).Text
		}
		body = t.Member(root, "data")
	}
	served := inference(&t, body)
	switch {
	case binary && (served || strings.Contains(ceType, "serving.inference") || strings.HasPrefix(ceType, "io.seldon.serving.")):
		k.kserve++
	case binary:
		k.cloud++
	case served:
		k.v2++
	default:
		k.json++
	}
}

// inference says whether a payload is a request or response of V1 or V2.
func inference(t *tree.Tree, at tree.Ref) bool {
	for _, name := range [...]string{"instances", "predictions"} {
		if c := t.Member(at, name); c != tree.None && t.At(c).Kind == tree.List {
			return true
		}
	}
	for _, name := range [...]string{"inputs", "outputs"} {
		if first := t.Item(t.Member(at, name), 0); first != tree.None {
			return t.Member(first, "shape") != tree.None && t.Member(first, "datatype") != tree.None
		}
	}
	return false
}

// payload finds the inference payload of a record, in an envelope or not.
func payload(t *tree.Tree, r *event.Raw) tree.Ref {
	if t.JSON(r.Value) != nil {
		return tree.None
	}
	body := t.Root()
	if c := t.Member(body, "data"); c != tree.None && t.Member(body, "specversion") != tree.None {
		return c
	}
	return body
}

// answers finds score and class among the members of answers that have several, and the
// second column of probabilities.
func (p *Proposal) answers(recs []event.Raw) {
	s := sample{index: map[string]*column{}, objects: map[string]int{}}
	for i := range recs {
		var t tree.Tree
		body := payload(&t, &recs[i])
		for c, n := range t.Children(t.Member(body, "predictions")) {
			switch {
			case n.Kind == tree.Object:
				s.add(&t, c, "")
			case n.Kind == tree.List && n.Len == 2:
				p.Mapping.Score = "1"
			}
		}
		for c := range t.Children(t.Member(body, "outputs")) {
			name, shape := t.Member(c, "name"), t.Member(c, "shape")
			if name == tree.None || shape == tree.None {
				continue
			}
			if second := t.Item(shape, 1); second != tree.None && t.At(second).Num == 2 {
				p.Mapping.Score = t.At(name).Text + ".1"
			} else if names["prediction"].MatchString((&column{path: t.At(name).Text}).last()) || t.At(name).Text == "predict" {
				p.Mapping.Prediction = t.At(name).Text
			}
		}
	}
	if x := s.pick("score", func(x *column) bool { return x.numbers > 0 }); x != nil {
		p.Mapping.Score = x.path
	}
	if x := s.pick("prediction", func(x *column) bool { return x.rest == 0 }); x != nil {
		p.Mapping.Prediction = x.path
	}
	switch m := &p.Mapping; {
	case m.Score == "" && m.Prediction != "" && len(s.columns) == 0:
		m.Prediction = "" // a class alone is found without being named
	case m.Score != "":
		p.note("the score is taken from %s of an answer, the class from %q", m.Score, m.Prediction)
	}
}

// unnamed notes arrays whose items have no names.
func (p *Proposal) unnamed(recs []event.Raw) {
	for i := range recs {
		var t tree.Tree
		body := payload(&t, &recs[i])
		n := 0
		if row := t.Item(t.Member(body, "instances"), 0); row != tree.None && t.At(row).Kind == tree.List {
			n = t.At(row).Len
		}
		if first := t.Item(t.Member(body, "inputs"), 0); first != tree.None {
			if shape := t.Member(first, "shape"); shape != tree.None && t.At(shape).Len == 2 {
				n = int(t.At(t.Item(shape, 1)).Num)
			}
			if n == 1 {
				n = 0
			}
		}
		if n > 0 && n <= 2000 {
			p.name(n)
			return
		}
	}
}

// name puts numbered names in the place of those that nobody told.
func (p *Proposal) name(n int) {
	for i := range n {
		p.Mapping.FeatureNames = append(p.Mapping.FeatureNames, fmt.Sprintf("f%d", i))
	}
	p.note("features come without names: put the %d names of the model's inputs, in their order, in the place of f0 to f%d", n, n-1)
}

// framedPacked says whether a framed record is a packed event.
func framedPacked(b []byte) bool {
	at, bad := packed.Unframe(b)
	return bad == nil && packedSize(b[at:]) > 0
}

// packedSize returns how many features a packed event holds, 1 for one without, and 0
// for what is no packed event.
func packedSize(b []byte) int {
	doubles, known := 0, false
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0
		}
		b = b[n:]
		size := protowire.ConsumeFieldValue(num, typ, b)
		if size < 0 {
			return 0
		}
		want, ours := wireTypes[num]
		if !ours || typ != want {
			return 0
		}
		if num == 6 {
			v, _ := protowire.ConsumeBytes(b)
			if len(v)%8 != 0 {
				return 0
			}
			doubles += len(v) / 8
			known = known || plausible(v)
		}
		known = known || num == 7
		b = b[size:]
	}
	if !known {
		return 0
	}
	return max(doubles, 1)
}

// plausible says whether bytes read as doubles that anyone would send.
func plausible(v []byte) bool {
	for ; len(v) >= 8; v = v[8:] {
		e := binary.LittleEndian.Uint64(v) >> 52 & 0x7ff
		if e != 0 && e != 0x7ff && (e < 1023-64 || e > 1023+64) {
			return false
		}
	}
	return true
}

// wireTypes are those of driftline.v1.Event.
var wireTypes = map[protowire.Number]protowire.Type{
	1: protowire.VarintType, 2: protowire.BytesType, 3: protowire.BytesType, 4: protowire.BytesType, 5: protowire.VarintType,
	6: protowire.BytesType, 7: protowire.Fixed64Type, 8: protowire.BytesType, 9: protowire.BytesType, 10: protowire.BytesType, 11: protowire.BytesType,
}

// packed proposes packed events with numbered names.
func (p *Proposal) packed(recs []event.Raw) {
	p.Mapping.Format = mapping.Packed
	n := 0
	for i := range recs {
		b := recs[i].Value
		if len(b) > 0 && b[0] == 0 {
			at, bad := packed.Unframe(b)
			if bad != nil {
				continue
			}
			b = b[at:]
		}
		n = max(n, packedSize(b))
	}
	p.name(n)
}
