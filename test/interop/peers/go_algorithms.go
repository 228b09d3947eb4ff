// go_algorithms.go: which algorithms the library knows, and which are used.
package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
)

var kexes = []string{
	"curve25519-sha256", "curve25519-sha256@libssh.org",
	"mlkem768x25519-sha256", "sntrup761x25519-sha512@openssh.com",
	"ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
	"diffie-hellman-group-exchange-sha256", "diffie-hellman-group14-sha256",
	"diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
	"diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1",
}

var ciphers = []string{
	"chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com",
	"aes128-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr",
	"aes256-cbc", "aes192-cbc", "aes128-cbc", "3des-cbc",
}

var hostkeys = []string{
	"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
	"ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa",
}

// makeKey makes a host key that can sign with the algorithm.
func makeKey(algorithm string) (ssh.Signer, error) {
	curves := map[string]elliptic.Curve{
		"ecdsa-sha2-nistp256": elliptic.P256(),
		"ecdsa-sha2-nistp384": elliptic.P384(),
		"ecdsa-sha2-nistp521": elliptic.P521(),
	}
	var key interface{}
	var err error
	if curve := curves[algorithm]; curve != nil {
		key, err = ecdsa.GenerateKey(curve, rand.Reader)
	} else if algorithm == "ssh-ed25519" {
		_, key, err = ed25519.GenerateKey(rand.Reader)
	} else {
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		return nil, err
	}
	return ssh.NewSignerFromKey(key)
}

// works says whether the library shakes hands with itself like this: what it
// knows beyond its defaults, it tells in no other way.
func works(config ssh.Config, hostkey string, key ssh.Signer) bool {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		failed(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		server := &ssh.ServerConfig{Config: config, NoClientAuth: true}
		server.AddHostKey(key)
		if conn, _, _, err := ssh.NewServerConn(c, server); err == nil {
			conn.Wait()
		}
		c.Close()
	}()
	c, err := ssh.Dial("tcp", l.Addr().String(), &ssh.ClientConfig{
		Config: config, User: "probe",
		HostKeyAlgorithms: []string{hostkey},
		HostKeyCallback:   ssh.InsecureIgnoreHostKey()})
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func knows(kind, name string) bool {
	probe, config := ssh.Config{}, ssh.Config{}
	if kind == "cipher" {
		probe.Ciphers = []string{name}
		probe.SetDefaults() // drops what it does not know
		return len(probe.Ciphers) == 1
	}
	if kind == "compression" {
		return name == "none" // it has no other
	}
	if kind == "mac" {
		probe.SetDefaults() // an unknown one would end the program
		return has(probe.MACs, name)
	}
	hostkey := "ssh-ed25519"
	if kind == "hostkey" {
		hostkey = name
		if !has(hostkeys, name) {
			return false
		}
	} else {
		config.KeyExchanges = []string{name}
	}
	key, err := makeKey(hostkey)
	return err == nil && works(config, hostkey, key)
}

func has(list []string, name string) bool {
	for _, one := range list {
		if one == name {
			return true
		}
	}
	return false
}

func list() {
	probe := ssh.Config{}
	probe.SetDefaults()
	for _, row := range []struct {
		kind  string
		names []string
	}{{"kex", kexes}, {"hostkey", hostkeys}, {"cipher", ciphers},
		{"mac", probe.MACs}, {"compression", []string{"none"}}} {
		known := []string{}
		for _, name := range row.names {
			if knows(row.kind, name) {
				known = append(known, name)
			}
		}
		fmt.Println(row.kind, strings.Join(known, ","))
	}
}

// names are the names of an option, each of which the library must know.
func names(kind, option string) []string {
	if option == "" {
		return nil
	}
	all := strings.Split(option, ",")
	for _, name := range all {
		if !knows(kind, name) {
			cannot(kind + " " + name)
		}
	}
	return all
}

func configure(o options) ssh.Config {
	names("compression", o.compression)
	return ssh.Config{
		KeyExchanges: names("kex", o.kex), Ciphers: names("cipher", o.cipher),
		MACs: names("mac", o.mac), RekeyThreshold: o.rekeyBytes}
}

// negotiated tells what must have been agreed, as only one name was allowed.
func negotiated(o options, hostkey string) {
	one := func(option string) string {
		if option == "" || strings.Contains(option, ",") {
			return "-"
		}
		return option
	}
	mac := one(o.mac)
	if strings.Contains(o.cipher, "gcm") ||
		strings.Contains(o.cipher, "poly1305") {
		mac = "-"
	}
	fmt.Fprintf(os.Stderr, "negotiated kex=%s hostkey=%s cipher=%s mac=%s\n",
		one(o.kex), hostkey, one(o.cipher), mac)
}
