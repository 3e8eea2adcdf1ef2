// SPDX-License-Identifier: Apache-2.0

// An image service on Go's groupcache, as one would write it: GET /images/KEY answers with what the group has, one member of
// the pool loads a key from the origin, as ORIGIN/KEY, and members ask each other below /_groupcache/. The rival of a
// cluster of larderd with a group that has an origin.
//
// usage: groupcache_go -listen HOST:PORT -pool URL,... -origin URL [-cache-bytes N]
//
// The pool is that of all members, http://HOST:PORT of each, this one included.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/golang/groupcache"
)

const (
	front = "/images/"
	// Go keeps two idle connections to a host by default; with more requests than that in flight it would open a
	// connection for nearly each of them.
	idleConnections = 256
)

type options struct {
	listen     string
	pool       string
	origin     string
	cacheBytes int64
}

func readOptions() options {
	var o options
	flag.StringVar(&o.listen, "listen", "127.0.0.1:8080", "where to listen")
	flag.StringVar(&o.pool, "pool", "http://127.0.0.1:8080", "base URLs of all members, with commas")
	flag.StringVar(&o.origin, "origin", "http://127.0.0.1:8000", "where keys are loaded from")
	flag.Int64Var(&o.cacheBytes, "cache-bytes", 1<<30, "what the group may keep here")
	flag.Parse()
	if flag.NArg() > 0 {
		fail("the arguments make no sense; see -help")
	}
	return o
}

func fail(words ...interface{}) {
	fmt.Fprintln(os.Stderr, append([]interface{}{"groupcache_go:"}, words...)...)
	os.Exit(1)
}

func newTransport() *http.Transport {
	return &http.Transport{MaxIdleConns: 0, MaxIdleConnsPerHost: idleConnections}
}

// Loads keys from the origin.
func loader(origin string) groupcache.GetterFunc {
	client := &http.Client{Transport: newTransport()}
	return func(ctx context.Context, key string, dest groupcache.Sink) error {
		request, err := http.NewRequestWithContext(ctx, "GET", origin+"/"+key, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("the origin answered %v", response.Status)
		}
		return dest.SetBytes(body)
	}
}

func images(group *groupcache.Group) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var value groupcache.ByteView
		key := strings.TrimPrefix(r.URL.Path, front)
		if err := group.Get(r.Context(), key, groupcache.ByteViewSink(&value)); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "image/png")
		w.Header().Set("Content-Length", strconv.Itoa(value.Len()))
		value.WriteTo(w)
	}
}

func main() {
	o := readOptions()
	transport := newTransport()
	pool := groupcache.NewHTTPPoolOpts("http://"+o.listen, nil)
	pool.Transport = func(context.Context) http.RoundTripper { return transport }
	pool.Set(strings.Split(o.pool, ",")...)
	group := groupcache.NewGroup("images", o.cacheBytes, loader(o.origin))

	mux := http.NewServeMux()
	mux.Handle("/_groupcache/", pool)
	mux.Handle(front, images(group))
	mux.HandleFunc("/ready", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusOK) })
	fail(http.ListenAndServe(o.listen, mux))
}
