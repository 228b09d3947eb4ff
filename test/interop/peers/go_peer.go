// go_peer.go: Go's x/crypto/ssh as a client and a server, by the contract of
// README.md in this folder.
//
// What it cannot: send DISCONNECT (Conn.Close only closes the connection),
// start one exchange on demand, choose among the signatures of an RSA host key
// as a server, tell which algorithms were agreed (a list of one name tells).
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

const (
	exitWrong   = 1
	exitUsage   = 2
	exitCannot  = 77
	exitTimeout = 124
	exitSignal  = 254
	exitFailed  = 255
	large       = 64 << 20
)

type options struct {
	host, user, password, key, hostKey, known, authorized string
	kex, hostkey, cipher, mac, compression                string
	port, patience                                        int
	rekeyBytes                                            uint64
	rekey                                                 bool
}

func leave(code int, what string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, what+"\n", args...)
	os.Exit(code)
}

func cannot(what string) { leave(exitCannot, "cannot: %s", what) }
func failed(err error)   { leave(exitFailed, "failed: %s", oneLine(err)) }

func wrong(what string, args ...interface{}) {
	leave(exitWrong, "failed: "+what, args...)
}

func oneLine(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", " ")
}

func parse() (options, string, []string) {
	o := options{}
	if len(os.Args) < 2 {
		leave(exitUsage, "usage: go-peer client|server|list ...")
	}
	f := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	f.StringVar(&o.host, "host", "127.0.0.1", "")
	f.IntVar(&o.port, "port", 0, "")
	f.StringVar(&o.user, "user", "", "")
	f.StringVar(&o.password, "password", "", "")
	f.StringVar(&o.key, "key", "", "")
	f.StringVar(&o.known, "known", "", "")
	f.StringVar(&o.hostKey, "host-key", "", "")
	f.StringVar(&o.authorized, "authorized", "", "")
	f.StringVar(&o.kex, "kex", "", "")
	f.StringVar(&o.hostkey, "hostkey", "", "")
	f.StringVar(&o.cipher, "cipher", "", "")
	f.StringVar(&o.mac, "mac", "", "")
	f.StringVar(&o.compression, "compression", "none", "")
	f.Uint64Var(&o.rekeyBytes, "rekey-bytes", 0, "")
	f.BoolVar(&o.rekey, "rekey", false, "")
	f.IntVar(&o.patience, "patience", 60, "")
	f.Parse(os.Args[2:])
	return o, os.Args[1], f.Args()
}

// ---- progress ---------------------------------------------------------------

// watched is a connection that notes when bytes last moved.
type watched struct {
	net.Conn
	last int64
}

func watch(c net.Conn) *watched {
	return &watched{Conn: c, last: time.Now().UnixNano()}
}

func (w *watched) note(n int) {
	if n > 0 {
		atomic.StoreInt64(&w.last, time.Now().UnixNano())
	}
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.note(n)
	return n, err
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	w.note(n)
	return n, err
}

// guard calls late() once nothing has moved for so long, unless done is closed.
func (w *watched) guard(patience int, done chan struct{}, late func()) {
	limit := int64(patience) * int64(time.Second)
	for {
		select {
		case <-done:
			return
		case <-time.After(200 * time.Millisecond):
		}
		if time.Now().UnixNano()-atomic.LoadInt64(&w.last) > limit {
			late()
			return
		}
	}
}

func main() {
	o, role, words := parse()
	switch {
	case role == "list":
		list()
	case role == "client":
		os.Exit(client(o, words))
	case role == "server" && len(words) == 0:
		server(o)
	default:
		leave(exitUsage, "usage: go-peer client|server|list, see README.md")
	}
}
