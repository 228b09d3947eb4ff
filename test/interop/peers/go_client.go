// go_client.go: the client and its actions.
package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// ---- a client's channel -----------------------------------------------------

type run struct {
	ssh.Channel
	conn   ssh.Conn
	ended  chan struct{} // it is closed, by whomever
	status int           // -1: none came
	signal string
}

func open(conn ssh.Conn) *run {
	channel, requests, err := conn.OpenChannel("session", nil)
	if err != nil {
		failed(err)
	}
	r := &run{Channel: channel, conn: conn, ended: make(chan struct{}),
		status: -1}
	go func() {
		for request := range requests {
			r.take(request)
		}
		close(r.ended)
	}()
	return r
}

func (r *run) take(request *ssh.Request) {
	switch request.Type {
	case "exit-status":
		var m struct{ Status uint32 }
		if ssh.Unmarshal(request.Payload, &m) == nil {
			r.status = int(m.Status)
		}
	case "exit-signal":
		var m struct {
			Name       string
			Core       bool
			Text, Lang string
		}
		if ssh.Unmarshal(request.Payload, &m) == nil {
			r.signal = m.Name
		}
	}
	if request.WantReply {
		request.Reply(false, nil)
	}
}

func (r *run) ask(kind, text string) {
	var payload []byte
	if kind != "shell" {
		payload = ssh.Marshal(struct{ Text string }{text})
	}
	ok, err := r.SendRequest(kind, true, payload)
	if err == nil && !ok {
		err = fmt.Errorf("%s %s was refused", kind, text)
	}
	if err != nil {
		failed(err)
	}
}

// lost is why the connection has gone; nil: it is there.
func (r *run) lost() error {
	_, _, err := r.conn.SendRequest("keepalive@openssh.com", true, nil)
	if err != nil {
		return errors.New("the connection is lost")
	}
	return nil
}

// expect waits for the end; it must have come with this status.
func (r *run) expect(status int) {
	<-r.ended
	if r.status != status || r.signal != "" {
		if err := r.lost(); err != nil {
			failed(err)
		}
		wrong("exit status %d %s, not %d", r.status, r.signal, status)
	}
}

// attended is exec, shell and subsystem: with our own stdin and stdout.
func attended(conn ssh.Conn, kind, text string) int {
	r := open(conn)
	r.ask(kind, text)
	go func() {
		io.Copy(r, os.Stdin)
		r.CloseWrite()
	}()
	apart := make(chan struct{})
	go func() {
		io.Copy(os.Stderr, r.Stderr())
		close(apart)
	}()
	io.Copy(os.Stdout, r)
	<-apart
	<-r.ended
	if r.signal != "" {
		fmt.Fprintf(os.Stderr, "signal %s\n", r.signal)
		return exitSignal
	}
	if r.status >= 0 {
		return r.status & 255
	}
	if err := r.lost(); err != nil {
		failed(err)
	}
	if kind != "exec" {
		return 0
	}
	fmt.Fprintln(os.Stderr, "no status")
	return exitSignal
}

// ---- a client's transfers ---------------------------------------------------

func (r *run) send(size uint64) string {
	h := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(r, h), &pattern{size: size},
		make([]byte, 1<<16))
	if err == nil {
		err = r.CloseWrite()
	}
	if err != nil {
		failed(fmt.Errorf("after %d bytes: %v", n, err))
	}
	return sum(h)
}

func (r *run) receive(size uint64) string {
	c := newChecker(size)
	io.Copy(c, r)
	r.expect(0)
	if c.differs || c.size != size {
		wrong("what came differs at byte %d of %d", c.size, size)
	}
	return sum(c.hash)
}

func up(conn ssh.Conn, size uint64) {
	r := open(conn)
	r.ask("exec", "sink")
	sent := r.send(size)
	answer, _ := io.ReadAll(r)
	r.expect(0)
	if got := strings.TrimSpace(string(answer)); got != sent {
		wrong("the server got %.80q, not %s", got, sent)
	}
	fmt.Println(sent)
}

func down(conn ssh.Conn, size uint64) {
	r := open(conn)
	r.ask("exec", fmt.Sprintf("source %d", size))
	fmt.Println(r.receive(size))
}

func both(conn ssh.Conn, size uint64) {
	r := open(conn)
	r.ask("exec", "echo")
	go r.send(size)
	fmt.Println(r.receive(size))
}

// ---- a client's closing -----------------------------------------------------

func clientFirst(conn ssh.Conn, tcp *watched) {
	r := open(conn)
	r.ask("exec", "cat")
	hello := make([]byte, 5)
	if _, err := r.Write([]byte("hello")); err != nil {
		failed(err)
	}
	if _, err := io.ReadFull(r, hello); err != nil || string(hello) != "hello" {
		wrong("%q came back, %v", hello, err)
	}
	r.Close()
	<-r.ended
}

func serverFirst(conn ssh.Conn, tcp *watched) {
	r := open(conn)
	r.ask("exec", "exit 7")
	io.Copy(io.Discard, r)
	r.expect(7)
	r.Close()
}

func bothClose(conn ssh.Conn, tcp *watched) {
	r := open(conn)
	_, err := r.SendRequest("exec", false,
		ssh.Marshal(struct{ Text string }{"noop"}))
	if err != nil {
		failed(err)
	}
	r.Close()
	<-r.ended
}

func eofFirst(conn ssh.Conn, tcp *watched) {
	r := open(conn)
	r.ask("exec", "sink")
	r.CloseWrite()
	answer, _ := io.ReadAll(r)
	r.expect(0)
	if got := strings.TrimSpace(string(answer)); got != sum(sha256.New()) {
		wrong("the server got %.80q, not nothing", got)
	}
	r.Close()
}

func abort(conn ssh.Conn, tcp *watched) {
	r := open(conn)
	r.ask("exec", fmt.Sprintf("source %d", large))
	if _, err := r.Read(make([]byte, 1000)); err != nil {
		failed(err)
	}
	tcp.Conn.(*net.TCPConn).SetLinger(0)
	tcp.Close()
}

func closing(conn ssh.Conn, how string, tcp *watched) {
	orders := map[string]func(ssh.Conn, *watched){
		"client-first": clientFirst, "server-first": serverFirst,
		"both": bothClose, "eof-first": eofFirst, "abort": abort}
	orders[how](conn, tcp)
	if how != "abort" {
		r := open(conn)
		r.ask("exec", "noop")
		r.expect(0)
	}
	fmt.Println("closed", how)
}

// ---- the client -------------------------------------------------------------

// check says whether the action is one, before anything is connected.
func check(o options, words []string) {
	forms := map[string]int{"exec": 2, "shell": 1, "subsystem": 2, "up": 2,
		"down": 2, "both": 2, "close": 2}
	if len(words) == 0 || forms[words[0]] != len(words) {
		leave(exitUsage, "usage: go-peer client ... ACTION, see README.md")
	}
	if o.rekey {
		cannot("start an exchange on demand")
	}
	switch words[0] {
	case "up", "down", "both":
		if _, err := strconv.ParseUint(words[1], 10, 63); err != nil {
			leave(exitUsage, "%s wants a number", words[0])
		}
	case "close":
		if words[1] == "disconnect" {
			cannot("send DISCONNECT")
		}
		if !has([]string{"client-first", "server-first", "both", "eof-first",
			"abort"}, words[1]) {
			leave(exitUsage, "close %s is not known", words[1])
		}
	}
}

func loginMethod(o options) ssh.AuthMethod {
	if o.key == "" {
		return ssh.Password(o.password)
	}
	return ssh.PublicKeys(loadKey(o.key))
}

func loadKey(path string) ssh.Signer {
	text, err := os.ReadFile(path)
	if err != nil {
		failed(err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		failed(err)
	}
	return key
}

func perform(conn ssh.Conn, tcp *watched, words []string) int {
	action, text := words[0], ""
	if len(words) > 1 {
		text = words[1]
	}
	size, _ := strconv.ParseUint(text, 10, 63)
	switch action {
	case "up":
		up(conn, size)
	case "down":
		down(conn, size)
	case "both":
		both(conn, size)
	case "close":
		closing(conn, text, tcp)
	default:
		return attended(conn, action, text)
	}
	return 0
}

func client(o options, words []string) int {
	check(o, words)
	exchanges, keyType := int32(-1), "-"
	config := &ssh.ClientConfig{
		Config: configure(o), User: o.user,
		HostKeyAlgorithms: names("hostkey", o.hostkey),
		Auth:              []ssh.AuthMethod{loginMethod(o)},
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			got := ssh.FingerprintSHA256(key)
			if got != o.known {
				return fmt.Errorf("the host key is %s", got)
			}
			if atomic.AddInt32(&exchanges, 1) == 0 {
				keyType = key.Type()
			}
			return nil
		}}
	address := net.JoinHostPort(o.host, strconv.Itoa(o.port))
	plain, err := net.DialTimeout("tcp", address,
		time.Duration(o.patience)*time.Second)
	if err != nil {
		failed(err)
	}
	tcp := watch(plain)
	go tcp.guard(o.patience, nil, func() {
		leave(exitTimeout, "timeout: %s", strings.Join(words, " "))
	})
	conn, channels, requests, err := ssh.NewClientConn(tcp, address, config)
	if err != nil {
		failed(err)
	}
	go ssh.DiscardRequests(requests)
	go refuse(channels)
	if o.hostkey != "" && !strings.Contains(o.hostkey, ",") {
		keyType = o.hostkey // the signature's name, as for RSA keys
	}
	negotiated(o, keyType)
	code := perform(conn, tcp, words)
	fmt.Fprintf(os.Stderr, "exchanges %d\n", atomic.LoadInt32(&exchanges))
	conn.Close()
	return code
}

func refuse(channels <-chan ssh.NewChannel) {
	for channel := range channels {
		channel.Reject(ssh.UnknownChannelType, "none are served")
	}
}
