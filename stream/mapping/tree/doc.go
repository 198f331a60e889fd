// Package tree holds what a foreign payload says: values in objects and lists, whatever
// format they came in. Mappings look up their fields in it.
//
// What it promises:
//
//   - A tree is one slice of nodes that is used again for the next record; a node knows
//     its first child and its next sibling. Nothing recurses, so nesting cannot exhaust
//     the stack, and depth and size are bounded.
//   - JSON is read strictly (RFC 8259); a key that stands twice in an object is refused,
//     as native events refuse it.
//   - Text shares the memory of the record where it can.
//
// Ownership: a Tree belongs to one goroutine; nodes are valid until the next Reset.
package tree
