package avro

import "strings"

// Has says whether a value of the schema can hold something at a path of names with dots,
// whatever branch of a union it takes. Maps may hold anything.
func (s *Schema) Has(path string) bool {
	return s.bad == nil && s.root.has(path, 0)
}

func (x *typ) has(path string, depth int) bool {
	if path == "" {
		return true
	}
	if depth > maxLookup {
		return false
	}
	switch x.kind {
	case mapOf:
		return true
	case union:
		for _, branch := range x.of {
			if branch.has(path, depth+1) {
				return true
			}
		}
	case record:
		for i := range x.fields {
			if f := &x.fields[i]; f.name == path {
				return true
			} else if rest, found := strings.CutPrefix(path, f.name+"."); found && f.typ.has(rest, depth+1) {
				return true
			}
		}
	}
	return false
}

// maxLookup bounds how far a path is followed; schemas may be recursive.
const maxLookup = 128
