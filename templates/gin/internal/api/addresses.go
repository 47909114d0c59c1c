package api

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// networkBits is how much of an IPv6 address counts for limits: a client commands a whole /64.
const networkBits = 64

// Addresses tells where requests come from, in spite of proxies and of clients who forge their headers.
type Addresses struct {
	trusted []netip.Prefix
}

// NewAddresses trusts the headers of these proxies only.
func NewAddresses(trusted []netip.Prefix) *Addresses { return &Addresses{trusted} }

// Client returns the right-most address of X-Forwarded-For that is no trusted proxy, if the peer is one.
func (a *Addresses) Client(request *http.Request) string {
	address, ok := peer(request)
	if !ok {
		return "unknown"
	}
	forwarded := strings.Split(strings.Join(request.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0 && a.isTrusted(address); i-- {
		candidate, err := netip.ParseAddr(withoutPort(strings.TrimSpace(forwarded[i])))
		if err != nil {
			break // from here on the header says nothing, and the last trusted peer is what is known
		}
		address = canonical(candidate)
	}
	return address.String()
}

// CameByHTTPS reports whether a trusted proxy says so. TLS does not end in this process.
func (a *Addresses) CameByHTTPS(request *http.Request) bool {
	address, ok := peer(request)
	return ok && request.Header.Get("X-Forwarded-Proto") == "https" && a.isTrusted(address)
}

func (a *Addresses) isTrusted(address netip.Addr) bool {
	for _, network := range a.trusted {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

func peer(request *http.Request) (netip.Addr, bool) {
	address, err := netip.ParseAddrPort(request.RemoteAddr)
	return canonical(address.Addr()), err == nil
}

// canonical makes an IPv4 client of an IPv6 socket an IPv4 client.
func canonical(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }

// withoutPort reads what some gateways write: `203.0.113.5:4711` and `[2001:db8::1]:443`.
func withoutPort(forwarded string) string {
	if host, _, err := net.SplitHostPort(forwarded); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(forwarded, "["), "]")
}

// LimitKey says as whom an address is counted.
func LimitKey(address string) string {
	parsed, err := netip.ParseAddr(address)
	if err != nil || parsed.Is4() {
		return "a:" + address
	}
	network, _ := parsed.Prefix(networkBits) // an IPv6 address has that many bits
	return "a:" + network.String()
}
