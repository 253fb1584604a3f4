// h2client ADDRESS HOST TRUST_FILE PATH: a GET over HTTP/2 by Go's net/http; prints the protocol and the body's SHA-256.
package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	address, host, trust, path := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	pem, err := os.ReadFile(trust)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DialContext: dial, ForceAttemptHTTP2: true}
	response, err := (&http.Client{Transport: transport}).Get("https://" + host + path)
	if err != nil {
		log.Fatal(err)
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, response.Body); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %x\n", response.Proto, hash.Sum(nil))
}
