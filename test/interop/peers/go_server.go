// go_server.go: the server and its commands.
package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

func exit(c ssh.Channel, status int) {
	c.SendRequest("exit-status", false,
		ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
	c.CloseWrite()
	c.Close()
}

func serveSignal(c ssh.Channel, name string) {
	c.SendRequest("exit-signal", false, ssh.Marshal(struct {
		Name       string
		Core       bool
		Text, Lang string
	}{name, false, "", ""}))
	c.CloseWrite()
	c.Close()
}

func serveStderr(c ssh.Channel, _ string) {
	io.WriteString(c, "out\n")
	io.WriteString(c.Stderr(), "err\n")
	exit(c, 3)
}

func serveSink(c ssh.Channel, _ string) {
	h := sha256.New()
	if _, err := io.CopyBuffer(h, c, make([]byte, 1<<16)); err == nil {
		fmt.Fprintf(c, "%s\n", sum(h))
		exit(c, 0)
	}
}

func serveSource(c ssh.Channel, arg string) {
	size, _ := strconv.ParseUint(arg, 10, 63)
	_, err := io.CopyBuffer(c, &pattern{size: size}, make([]byte, 1<<16))
	if err == nil {
		exit(c, 0)
	}
}

func serveEcho(c ssh.Channel, _ string) {
	if _, err := io.CopyBuffer(c, c, make([]byte, 1<<16)); err == nil {
		exit(c, 0)
	}
}

func serveShell(c ssh.Channel, _ string) {
	line, one := []byte{}, make([]byte, 1)
	io.WriteString(c, "shell\n")
	for {
		if n, err := c.Read(one); n == 0 || err != nil {
			break
		}
		if one[0] != '\n' && one[0] != '\r' {
			line = append(line, one[0])
			continue
		}
		if string(line) == "exit" {
			break
		}
		c.Write(append(line, '\n'))
		line = line[:0]
	}
	exit(c, 0)
}

var commands = map[string]func(ssh.Channel, string){
	"noop": func(c ssh.Channel, _ string) { exit(c, 0) },
	"exit": func(c ssh.Channel, arg string) {
		status, _ := strconv.Atoi(arg)
		exit(c, status)
	},
	"signal": serveSignal, "stderr": serveStderr, "sink": serveSink,
	"source": serveSource, "echo": serveEcho, "cat": serveEcho,
}

// find is the function for a request; nil: it is refused.
func find(request *ssh.Request) (func(ssh.Channel, string), string) {
	var m struct{ Text string }
	if request.Type == "shell" {
		return serveShell, ""
	}
	if ssh.Unmarshal(request.Payload, &m) != nil {
		return nil, ""
	}
	if request.Type == "subsystem" && m.Text == "echo" {
		return serveEcho, ""
	}
	if request.Type != "exec" {
		return nil, ""
	}
	words := strings.SplitN(m.Text, " ", 2)
	return commands[words[0]], strings.Join(words[1:], "")
}

func serveChannel(offer ssh.NewChannel) {
	channel, requests, err := offer.Accept()
	if err != nil {
		return
	}
	started := false
	for request := range requests {
		function, arg := find(request)
		ok := function != nil && !started
		if request.WantReply {
			request.Reply(ok, nil)
		}
		if ok {
			started = true
			go function(channel, arg)
		}
	}
}

func serve(o options, config *ssh.ServerConfig, tcp *watched, hostkey string) {
	done := make(chan struct{})
	defer close(done)
	go tcp.guard(o.patience, done, func() {
		fmt.Fprintln(os.Stderr, "timeout: a connection")
		tcp.Close()
	})
	defer tcp.Close()
	conn, channels, requests, err := ssh.NewServerConn(tcp, config)
	if err != nil {
		fmt.Fprintln(os.Stderr, "failed:", oneLine(err))
		return
	}
	fmt.Fprintf(os.Stderr, "login %s %s\n", conn.User(),
		conn.Permissions.Extensions["method"])
	negotiated(o, hostkey)
	go ssh.DiscardRequests(requests)
	for offer := range channels {
		if offer.ChannelType() != "session" {
			offer.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		go serveChannel(offer)
	}
}

// logins sets which methods there are, and what they take.
func logins(o options, config *ssh.ServerConfig) {
	by := func(method string) *ssh.Permissions {
		return &ssh.Permissions{
			Extensions: map[string]string{"method": method}}
	}
	if o.password != "" {
		config.PasswordCallback = func(_ ssh.ConnMetadata,
			password []byte) (*ssh.Permissions, error) {
			if string(password) == o.password {
				return by("password"), nil
			}
			return nil, errors.New("wrong password")
		}
	}
	if o.authorized == "" {
		return
	}
	text, err := os.ReadFile(o.authorized)
	if err != nil {
		failed(err)
	}
	want, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		failed(err)
	}
	config.PublicKeyCallback = func(_ ssh.ConnMetadata,
		key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) == string(want.Marshal()) {
			return by("publickey"), nil
		}
		return nil, errors.New("another key")
	}
}

// hostkeyOf is the algorithm that the server's key signs with, as far as told.
func hostkeyOf(o options, key ssh.Signer) string {
	kind := key.PublicKey().Type()
	if o.hostkey != "" && (o.hostkey != kind || kind == "ssh-rsa") {
		cannot("choose hostkey " + o.hostkey + " with this key")
	}
	if kind == "ssh-rsa" {
		return "-"
	}
	return kind
}

func server(o options) {
	config := &ssh.ServerConfig{Config: configure(o)}
	key := loadKey(o.hostKey)
	hostkey := hostkeyOf(o, key)
	config.AddHostKey(key)
	logins(o, config)
	l, err := net.Listen("tcp", net.JoinHostPort(o.host, strconv.Itoa(o.port)))
	if err != nil {
		failed(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		os.Exit(0)
	}()
	fmt.Println("listening", l.Addr().(*net.TCPAddr).Port)
	for {
		idle := time.Duration(10*o.patience) * time.Second
		l.(*net.TCPListener).SetDeadline(time.Now().Add(idle))
		c, err := l.Accept()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			leave(exitTimeout, "timeout: nobody connects")
		}
		if err != nil {
			failed(err)
		}
		go serve(o, config, watch(c), hostkey)
	}
}
