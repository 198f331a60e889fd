package gbdt

import (
	"sync"
	"sync/atomic"
)

// pool is a fixed set of goroutines that share numbered pieces of work. Which
// worker takes which piece is left to chance; results must not depend on it.
//
// run may be called by one goroutine at a time, and not from inside a piece.
type pool struct {
	workers int // counting the caller
	wake    chan int
	pending sync.WaitGroup // helpers still inside the current run
	ended   sync.WaitGroup

	// Written by run before the wake-up, read by helpers after it.
	piece func(worker, item int)
	items int64
	next  atomic.Int64
}

func newPool(workers int) *pool {
	p := &pool{workers: workers, wake: make(chan int)}
	for range workers - 1 {
		p.ended.Go(func() {
			for worker := range p.wake {
				p.take(worker)
				p.pending.Done()
			}
		})
	}
	return p
}

// close ends the helpers and waits for them.
func (p *pool) close() {
	close(p.wake)
	p.ended.Wait()
}

// run calls piece for items 0 … n−1 and returns when all are done.
func (p *pool) run(n int, piece func(worker, item int)) {
	helpers := min(p.workers, n) - 1
	if helpers < 1 {
		for i := range n {
			piece(0, i)
		}
		return
	}
	p.piece, p.items = piece, int64(n)
	p.next.Store(0)
	p.pending.Add(helpers)
	for h := range helpers {
		p.wake <- h + 1
	}
	p.take(0)
	p.pending.Wait()
}

func (p *pool) take(worker int) {
	for {
		i := p.next.Add(1) - 1
		if i >= p.items {
			return
		}
		p.piece(worker, int(i))
	}
}
