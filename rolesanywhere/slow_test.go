package rolesanywhere

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// piped is a client whose connections are pipes, for bubbles of synctest: its waits are exact.
func piped(t *testing.T, endpoint Endpoint, serve func(net.Conn)) *Client {
	transport := NewTransport(TransportConfig{Proxy: direct})
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			serve(theirs)
		}()
		return ours, nil
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &Client{Region: "eu-west-1", Endpoint: endpoint, Transport: transport}
}

func TestSlowServers(t *testing.T) {
	id := newIdentity(t)
	const head = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n"
	// drip reads a request and writes a byte a second.
	drip := func(beginning, rest string) func(net.Conn) {
		return func(conn net.Conn) {
			r, err := http.ReadRequest(bufio.NewReader(conn))
			if err != nil {
				return
			}
			io.Copy(io.Discard, r.Body)
			_, err = io.WriteString(conn, beginning)
			for i := 0; err == nil; i++ {
				time.Sleep(time.Second)
				_, err = conn.Write([]byte{rest[i%len(rest)]})
			}
		}
	}
	loopback := Endpoint{URL: "http://127.0.0.1:9920"}
	for _, c := range []struct {
		name     string
		endpoint Endpoint
		serve    func(net.Conn)
		least    time.Duration
		most     time.Duration
	}{
		{"a body of a byte a second", loopback, drip(head, goodAnswer), 10 * time.Second, 10 * time.Second},
		{"headers of a byte a second", loopback, drip("", head), 10 * time.Second, 10 * time.Second},
		{"silence", loopback, func(conn net.Conn) { io.Copy(io.Discard, conn) }, 10 * time.Second, 10 * time.Second},
		{"not even reading", loopback, func(net.Conn) { time.Sleep(time.Minute) }, 10 * time.Second, 10 * time.Second},
		// Three handshakes of 3 s, and at most 600 ms between them.
		{"silence in the TLS handshake", Endpoint{}, func(conn net.Conn) { io.Copy(io.Discard, conn) }, 9 * time.Second, 9600 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := piped(t, c.endpoint, c.serve)
				start := time.Now()
				_, err := client.CreateSession(t.Context(), id, testRequest)
				if took := time.Since(start); took < c.least || took > c.most {
					t.Errorf("the call ended after %s, want %s to %s", took, c.least, c.most)
				}
				failed := new(ConnectionError)
				if !errors.As(err, &failed) || failed.Problem != "no answer in time" {
					t.Errorf("got %v, want no answer in time", err)
				}
				if want := "check the network, the firewall and HTTPS_PROXY"; failed.Hint() != want {
					t.Errorf("got hint %s, want %s", failed.Hint(), want)
				}
				time.Sleep(time.Minute) // until the servers are done
			})
		})
	}
}

// A connection on which nothing comes back any more is not used again, nor are others that idle beside it.
func TestIdleConnectionsAreClosedAfterATimeout(t *testing.T) {
	id := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		connections, open, silent := 0, 0, false
		client := piped(t, Endpoint{URL: "http://127.0.0.1:9920"}, func(conn net.Conn) {
			mu.Lock()
			connections++
			open++
			mu.Unlock()
			defer func() {
				mu.Lock()
				open--
				mu.Unlock()
			}()
			in := bufio.NewReader(conn)
			for {
				r, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				io.Copy(io.Discard, r.Body)
				time.Sleep(time.Second) // so that calls at the same time need connections of their own
				mu.Lock()
				hang := silent
				mu.Unlock()
				if hang {
					continue
				}
				body := goodNow()
				fmt.Fprintf(conn, "HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			}
		})
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				if _, err := client.CreateSession(t.Context(), id, testRequest); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		synctest.Wait()
		if connections != 2 || open != 2 {
			t.Fatalf("got %d connections, %d open, want 2 that idle", connections, open)
		}
		silent = true
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := client.CreateSession(ctx, id, testRequest); err == nil {
			t.Error("got no error")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if connections != 2 || open != 0 {
			t.Errorf("got %d connections, %d open, want both closed", connections, open)
		}
	})
}
