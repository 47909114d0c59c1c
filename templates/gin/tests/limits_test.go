package tests

import (
	"net/http"
	"strings"
	"testing"
)

func TestDefaultLimit(t *testing.T) {
	t.Parallel()
	service := start(t, "RATE_LIMIT_DEFAULT=3/60")
	address := service.anybody(t).with("X-Forwarded-For", "2001:db8::1")
	for left := 2; left >= 0; left-- {
		got := address.get("/v1/me")
		expect(t, got.header.Get("RateLimit-Policy"), `"default";q=3;w=60`)
		expect(t, strings.HasPrefix(got.header.Get("RateLimit"), `"default";r=`+string(rune('0'+left))), true)
	}
	neighbour := service.anybody(t).with("X-Forwarded-For", "2001:db8::2").get("/v1/unknown")
	expect(t, neighbour.status, http.StatusTooManyRequests)
	expect(t, neighbour.header.Get("Retry-After") != "", true)
	expect(t, service.anybody(t).with("X-Forwarded-For", "2001:db8:1::1").get("/v1/me").status, http.StatusUnauthorized)
	expect(t, address.get("/livez").status, http.StatusOK)
	expect(t, service.log.has(`"event":"excess_rate_limit_exceeded"`), true)
	metrics := service.anybody(t).with("Authorization", "Bearer "+metricsToken).get("/metrics")
	expect(t, strings.Contains(metrics.text, `rate_limit_rejections_total{policy="default"} 1`), true)
}

func TestLimitCountsUsersApart(t *testing.T) {
	t.Parallel()
	service := start(t, "RATE_LIMIT_DEFAULT=8/60")
	user, admin := service.user(t), service.admin(t)
	for range 8 {
		user.get("/v1/me")
	}
	expect(t, user.get("/v1/me").status, http.StatusTooManyRequests)
	expect(t, admin.get("/v1/me").status, http.StatusOK)
}

func TestLoginLimit(t *testing.T) {
	t.Parallel()
	service := start(t, "RATE_LIMIT_LOGIN=2/60")
	guess := func(email, password string) int {
		return service.anybody(t).post("/v1/auth/login", map[string]any{"email": email, "password": password}).status
	}
	expect(t, guess(adminEmail, "wrong"), http.StatusUnauthorized)
	expect(t, guess(adminEmail, adminPassword), http.StatusOK) // clears the failures
	expect(t, guess(adminEmail, "wrong"), http.StatusUnauthorized)
	expect(t, guess(strings.ToUpper(adminEmail), "wrong"), http.StatusUnauthorized)
	expect(t, guess(adminEmail, adminPassword), http.StatusTooManyRequests)
	expect(t, service.log.has(`"event":"authn_login_fail_max"`), true)
	expect(t, guess("nobody@example.com", "wrong"), http.StatusUnauthorized)
}

func TestLoginLimitOfAnAddress(t *testing.T) {
	t.Parallel()
	service := start(t, "RATE_LIMIT_LOGIN=1/60")
	guess := func(email string) int {
		return service.anybody(t).post("/v1/auth/login", map[string]any{"email": email, "password": "wrong"}).status
	}
	for i := range 20 {
		expect(t, guess(string(rune('a'+i))+"@example.com"), http.StatusUnauthorized)
	}
	expect(t, guess("another@example.com"), http.StatusTooManyRequests)
}

func TestMetricsNeedTheirToken(t *testing.T) {
	t.Parallel()
	service := start(t)
	expect(t, service.anybody(t).get("/metrics").string("type"), "about:blank")
	expect(t, service.anybody(t).with("Authorization", "Bearer wrong").get("/metrics").string("type"), "/problems/invalid-token")
	got := service.anybody(t).with("Authorization", "Bearer "+metricsToken, "Accept", "application/openmetrics-text").get("/metrics")
	expect(t, strings.HasPrefix(got.header.Get("Content-Type"), "text/plain; version=0.0.4"), true)
	open := start(t, "METRICS_TOKEN=")
	expect(t, open.anybody(t).get("/metrics").status, http.StatusOK)
}
