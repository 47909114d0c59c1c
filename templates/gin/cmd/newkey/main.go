// Command newkey prints a new signing key, for `make setup`.
package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"log"
	"os"
)

const keyBits = 3072

func main() {
	if err := printKey(); err != nil {
		log.Fatal(err)
	}
}

func printKey() error {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return pem.Encode(os.Stdout, &pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
}
