// Command callout is a worked example of a service that says who may connect: see docs/SECURITY.md. It lets those in
// whose password is in a list, each into the account that the list says, where they may use only subjects that begin with their
// name. A real one asks a directory of people.
//
//	callout -server nats://auth:secret@localhost:4222 -issuer issuer.nk
package main

import (
	"crypto/subtle"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// person is somebody who may connect.
type person struct{ password, account string }

var people = map[string]person{"alice": {"wonderland", "APP"}, "bob": {"builder", "APP"}}

func main() {
	server := flag.String("server", nats.DefaultURL, "where the service connects, and as whom")
	issuer := flag.String("issuer", "issuer.nk", "file with the key that signs who is let in")
	flag.Parse()
	if err := run(*server, *issuer); err != nil {
		fmt.Fprintln(os.Stderr, "callout:", err)
		os.Exit(1)
	}
}

func run(server, issuer string) error {
	seed, err := os.ReadFile(issuer)
	if err != nil {
		return err
	}
	key, err := nkeys.ParseDecoratedNKey(seed)
	if err != nil {
		return err
	}
	nc, err := nats.Connect(server, nats.Name("callout"), nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer nc.Close()
	// Any number of these services share the work.
	if _, err := nc.QueueSubscribe("$SYS.REQ.USER.AUTH", "callout", func(m *nats.Msg) { answer(m, key) }); err != nil {
		return err
	}
	fmt.Println("ready")
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt, syscall.SIGTERM)
	<-interrupt
	return nil
}

// answer answers one request. Who asks that is not a server gets nothing.
func answer(m *nats.Msg, key nkeys.KeyPair) {
	request, err := jwt.DecodeAuthorizationRequestClaims(string(m.Data))
	if err != nil {
		return
	}
	response := jwt.NewAuthorizationResponseClaims(request.UserNkey)
	response.Audience = request.Server.ID
	if response.Jwt, err = admit(request, key); err != nil {
		response.Jwt, response.Error = "", err.Error()
	}
	token, err := response.Encode(key)
	if err == nil {
		err = m.Respond([]byte(token))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "callout:", err)
	}
}

// admit returns the claims of somebody who is let in.
func admit(request *jwt.AuthorizationRequestClaims, key nkeys.KeyPair) (string, error) {
	says := &request.ConnectOptions
	who, known := people[says.Username]
	if subtle.ConstantTimeCompare([]byte(who.password), []byte(says.Password)) != 1 || !known {
		return "", errors.New("unknown name or wrong password")
	}
	user := jwt.NewUserClaims(request.UserNkey)
	user.Name, user.Audience = says.Username, who.account
	user.Expires = time.Now().Add(time.Hour).Unix() // then it has to ask again
	user.Pub.Allow.Add(says.Username+".>", "_INBOX.>")
	user.Sub.Allow.Add(says.Username+".>", "_INBOX.>")
	return user.Encode(key)
}
