// SPDX-License-Identifier: Apache-2.0

// Prints, by the Go library itself, who owns which key: lines of replicas, number of peers, key in hex ("-" is the empty
// one), index of the owner. Peers are http://10.0.0.<n>:8008. Run with GO111MODULE=off GOPATH=/usr/share/gocode.
package main

import (
	"encoding/hex"
	"fmt"

	"github.com/golang/groupcache/consistenthash"
)

func main() {
	for _, replicas := range []int{1, 3, 50, 1000} {
		for _, count := range []int{1, 2, 3, 10, 250} {
			ring := consistenthash.New(replicas, nil)
			index := map[string]int{}
			for i := 0; i < count; i++ {
				peer := fmt.Sprintf("http://10.0.0.%d:8008", i)
				ring.Add(peer)
				index[peer] = i
			}
			keys := []string{"", "0http://10.0.0.0:8008", "a b", "a/b//c", "100%", "a+b", "\x00\xff"}
			for i := 0; i < 40; i++ {
				keys = append(keys, fmt.Sprintf("v2/image/png/%03d?w=850", i*7919))
			}
			for _, key := range keys {
				text := hex.EncodeToString([]byte(key))
				if text == "" {
					text = "-"
				}
				fmt.Println(replicas, count, text, index[ring.Get(key)])
			}
		}
	}
}
