// go_pattern.go: the bytes of the contract, made and checked.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
)

// pattern gives its bytes from `at` on: 64-bit counters, little-endian.
type pattern struct {
	at, size uint64
}

func (p *pattern) Read(b []byte) (int, error) {
	if p.at == p.size {
		return 0, io.EOF
	}
	n := uint64(len(b))
	if n > p.size-p.at {
		n = p.size - p.at
	}
	var word [8]byte
	for i := uint64(0); i < n; {
		at := p.at + i
		binary.LittleEndian.PutUint64(word[:], at/8)
		i += uint64(copy(b[i:n], word[at%8:]))
	}
	p.at += n
	return int(n), nil
}

// checker takes what came, and keeps where it first differs.
type checker struct {
	want    pattern
	hash    hash.Hash
	size    uint64
	differs bool
	buffer  []byte
}

func newChecker(size uint64) *checker {
	return &checker{want: pattern{size: size}, hash: sha256.New(),
		buffer: make([]byte, 1<<16)}
}

func (c *checker) Write(b []byte) (int, error) {
	c.hash.Write(b)
	for rest := b; len(rest) > 0 && !c.differs; {
		part := c.buffer
		if len(part) > len(rest) {
			part = part[:len(rest)]
		}
		n, err := c.want.Read(part)
		if err != nil || string(part[:n]) != string(rest[:n]) {
			c.differs = true
			break
		}
		c.size += uint64(n)
		rest = rest[n:]
	}
	return len(b), nil
}

func sum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }
