package config

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const minimumKeyBits = 2048

var (
	digits  = regexp.MustCompile(`^[0-9]{1,18}$`)
	rates   = regexp.MustCompile(`^([1-9][0-9]{0,8})/([1-9][0-9]{0,8})$`)
	origins = regexp.MustCompile(`^https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$`)
)

// Rate is a number of events in a time.
type Rate struct {
	Count  int
	Window time.Duration
}

// reader reads variables one by one and collects what is wrong with them. No fault names a value.
type reader struct {
	variables map[string]string
	faults    []string
}

func newReader(environment []string) *reader {
	variables := make(map[string]string, len(environment))
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		variables[name] = value
	}
	return &reader{variables: variables}
}

func (r *reader) fault(name, reason string) {
	r.faults = append(r.faults, name+": "+reason)
}

// text returns a value. An empty variable counts as not set.
func (r *reader) text(name, fallback string) string {
	if value := r.variables[name]; value != "" {
		return value
	}
	return fallback
}

func (r *reader) required(name string) string {
	value := r.text(name, "")
	if value == "" {
		r.fault(name, "is required")
	}
	return value
}

// secret returns a value that may also stand in the file that NAME_FILE names.
func (r *reader) secret(name string) string {
	path := r.text(name+"_FILE", "")
	if path == "" {
		return r.text(name, "")
	}
	if r.text(name, "") != "" {
		r.fault(name, "is set, and "+name+"_FILE too")
		return ""
	}
	content, err := os.ReadFile(path)
	if err != nil || !utf8.Valid(content) {
		r.fault(name+"_FILE", "names no file that can be read")
		return ""
	}
	value := strings.TrimRight(string(content), "\r\n")
	if value == "" {
		r.fault(name+"_FILE", "names an empty file")
	}
	return value
}

func (r *reader) requiredSecret(name string) string {
	if r.text(name+"_FILE", "") != "" {
		return r.secret(name)
	}
	return r.required(name)
}

func (r *reader) integer(name string, fallback, minimum, maximum int) int {
	text := r.text(name, strconv.Itoa(fallback))
	if !digits.MatchString(text) {
		r.fault(name, "must be an unsigned decimal number")
		return fallback
	}
	value, err := strconv.Atoi(text)
	if err != nil || value < minimum || value > maximum {
		r.fault(name, fmt.Sprintf("must be between %d and %d", minimum, maximum))
		return fallback
	}
	return value
}

func (r *reader) milliseconds(name string, fallback, minimum, maximum int) time.Duration {
	return time.Duration(r.integer(name, fallback, minimum, maximum)) * time.Millisecond
}

func (r *reader) seconds(name string, fallback, minimum, maximum int) time.Duration {
	return time.Duration(r.integer(name, fallback, minimum, maximum)) * time.Second
}

func (r *reader) choice(name, fallback string, choices ...string) string {
	text := r.text(name, fallback)
	if !slices.Contains(choices, text) {
		r.fault(name, "must be '"+strings.Join(choices, "' or '")+"'")
		return fallback
	}
	return text
}

func (r *reader) boolean(name string, fallback bool) bool {
	return r.choice(name, strconv.FormatBool(fallback), "true", "false") == "true"
}

func (r *reader) rate(name string, count, seconds int) Rate {
	match := rates.FindStringSubmatch(r.text(name, fmt.Sprintf("%d/%d", count, seconds)))
	if match == nil {
		r.fault(name, "must be count/seconds, both above 0")
		return Rate{count, time.Duration(seconds) * time.Second}
	}
	// At most nine digits each.
	count, _ = strconv.Atoi(match[1])
	seconds, _ = strconv.Atoi(match[2])
	return Rate{count, time.Duration(seconds) * time.Second}
}

func (r *reader) list(name string) []string {
	var items []string
	for item := range strings.SplitSeq(r.text(name, ""), ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// url returns nil where the value is empty, or is not a URL of one of the schemes.
func (r *reader) url(name, value string, schemes ...string) *url.URL {
	if value == "" {
		return nil
	}
	parsed, err := url.Parse(value)
	if err != nil || !slices.Contains(schemes, parsed.Scheme) || !strings.Contains(value, "://") {
		r.fault(name, "must be a URL that begins with "+strings.Join(schemes, ":// or ")+"://")
		return nil
	}
	return parsed
}

func (r *reader) networks(name string) []netip.Prefix {
	var networks []netip.Prefix
	for _, item := range r.list(name) {
		network, err := parseNetwork(item)
		if err != nil {
			r.fault(name, "must be a list of addresses or networks, separated by commas")
			return nil
		}
		networks = append(networks, network)
	}
	return networks
}

func parseNetwork(item string) (netip.Prefix, error) {
	if strings.Contains(item, "/") {
		return netip.ParsePrefix(item)
	}
	address, err := netip.ParseAddr(item)
	if err != nil || address.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("not an address: %w", err)
	}
	return netip.PrefixFrom(address, address.BitLen()), nil
}

func (r *reader) origins(name string) []string {
	list := r.list(name)
	for _, origin := range list {
		if origin != "*" && !origins.MatchString(origin) {
			r.fault(name, "must be a list of origins, separated by commas")
			return nil
		}
	}
	return list
}

func (r *reader) privateKey(name string) *rsa.PrivateKey {
	text := r.requiredSecret(name)
	if text == "" {
		return nil
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		r.fault(name, "is no private key in PEM form")
		return nil
	}
	var parsed any
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	}
	if err != nil {
		r.fault(name, "is no private key in PEM form")
		return nil
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		r.fault(name, "must be an RSA key")
		return nil
	}
	if key.N.BitLen() < minimumKeyBits {
		r.fault(name, fmt.Sprintf("must have at least %d bits", minimumKeyBits))
		return nil
	}
	return key
}

func (r *reader) publicKeys(name string) []*rsa.PublicKey {
	var keys []*rsa.PublicKey
	rest := []byte(r.secret(name))
	for len(strings.TrimSpace(string(rest))) > 0 {
		block, remainder := pem.Decode(rest)
		var parsed any
		if block != nil {
			parsed, _ = x509.ParsePKIXPublicKey(block.Bytes)
		}
		key, ok := parsed.(*rsa.PublicKey)
		if !ok {
			r.fault(name, "must be RSA public keys in PEM form, one after the other")
			return nil
		}
		keys = append(keys, key)
		rest = remainder
	}
	return keys
}
