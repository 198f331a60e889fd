// Package webtest fills a store with a small world for tests of the pages and the API.
//
// Four models: one whose features drift week by week until an alarm asked for a retrain
// that was promoted; a quiet one; one that still learns; and one whose name is an attack
// on HTML, URLs and shells. Everything is deterministic: times stand around a fixed
// clock, NowMS, and random values come from a fixed seed.
//
// It knows the store and the shape of scores and events, not package web, so that
// web's own tests can use it.
package webtest
