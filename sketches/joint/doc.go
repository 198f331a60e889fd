// Package joint holds the mergeable state of a model's features taken together: what
// counts per feature cannot show, such as two features that cease to move together.
//
// Words. An embedding is frozen from a reference: it turns the cells of a row into a
// point of d coordinates and the point into D random Fourier features. A coordinate is
// a table of integers over the codes of one feature (see sketches.Codes): the normal
// score of a numeric feature, an indicator of missing values, or one of the sign-hashed
// coordinates of a category. Sums are what is added up over rows:
//
//	first  Σ Z_j                    d          Z = round(2²⁰·z)
//	gram   Σ Z'_j·Z'_l, j ≤ l       d(d+1)/2   Z' = round(2¹⁶·z)
//	wave   Σ cos a_k, Σ sin a_k     D          scale 2³⁰, a_k the angle of frequency k
//	norm   Σ Σ_k cos²a_k + sin²a_k  1          scale 2³⁰; D/2 a row but for rounding
//
// Scores are ranks, so that the layer is bounded and blind to monotone rescaling of a
// feature. Angles are 32 bits wide and wrap: a turn is 2³². Two of them share one
// 64-bit multiplication; the carry of the lower one, a few units of 2⁻³² turns, stays
// in the upper one. No float enters between the code of a value and the sums.
//
// Invariants (numbers that tests point at):
//
//	J1  sums of one embedding form a commutative group: any partition, order or tree
//	    of merges gives identical bytes, and subtract undoes merge
//	J2  sums of two embeddings never mix (ErrGridMismatch), rows never go below zero
//	    (ErrNegative) or wrap (ErrOverflow); after an error nothing changed
//	J3  equal values have equal bytes, and a decoder accepts only those bytes
//	J4  adding rows never allocates and never fails
//	J5  the mean embedding of sums is within √D·3e-7 of that of real cosines at the
//	    same angles
//
// A pane is a Tally, which adds rows quickly in 64 bits; what is merged is Sums, in 128.
//
// Sources: statistics of this layer follow A. Gretton and others 2012† (kernel
// two-sample test) and A. Rahimi, B. Recht 2007† (random Fourier features); the
// integer form is [D], covered by property tests.
//
// What it does not do: compare two sums. That is package drift/multivariate.
package joint
