// Package chart lays out the drawings of the pages: lines over time with limits and
// marks, and a map of features over time. It gives numbers and words; templates make
// SVG of them, so that every text is escaped in one place.
//
// Coordinates are SVG user units on a width of 960. Colour is a class name, and
// never the only sign: limits carry labels, drifted cells a mark.
//
// Package chart knows no models and no clock.
package chart
