package tests

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestAccountIsMadeReadAndChanged(t *testing.T) {
	t.Parallel()
	service := start(t)
	made := service.anybody(t).post("/v1/auth/register", `{"email":"Ada@Example.com","password":"correct horse battery","display_name":"Ada"}`)
	expect(t, made.status, http.StatusCreated)
	expect(t, made.header.Get("Location"), "/v1/me")
	expect(t, made.string("email"), "ada@example.com")
	again := service.anybody(t).post("/v1/auth/register", `{"email":"ada@example.com","password":"correct horse battery","display_name":"A"}`)
	expect(t, again.string("type"), "/problems/email-taken")

	user := service.login(t, "ADA@example.com", goodPassword)
	expect(t, user.get("/v1/me").string("display_name"), "Ada")
	changed := user.with("Content-Type", "application/merge-patch+json").patch("/v1/me", `{"display_name":"Lovelace"}`)
	expect(t, changed.string("display_name"), "Lovelace")
	same := user.patch("/v1/me", `{"display_name":"Lovelace"}`)
	expect(t, same.string("updated_at"), changed.string("updated_at"))
	expect(t, service.log.has(`"event":"user_updated"`), true)
}

func TestRegistrationNamesAllFaults(t *testing.T) {
	t.Parallel()
	service := start(t)
	for body, faults := range map[string]string{
		`{"email":"x","password":"short","extra":1}`:                                                "#/display_name required, #/email too_short, #/extra unknown_field, #/password too_short",
		`{"email":"a@b@c","password":"a good password it is","display_name":null}`:                  "#/display_name wrong_type, #/email invalid_format",
		`{"email":"someone@example.com","password":"Someone@example.com","display_name":"x\u0000"}`: "#/display_name invalid_format, #/password blocked_password",
		`{"email":"a@b.example","password":"PASSWORD1234","display_name":"\ud800"}`:                 "#/display_name invalid_format, #/password blocked_password",
		`[]`: "# wrong_type",
	} {
		got := service.anybody(t).post("/v1/auth/register", body)
		expect(t, got.status, http.StatusUnprocessableEntity)
		expect(t, got.faults(), faults)
	}
}

func TestLoginFailsAlike(t *testing.T) {
	t.Parallel()
	service := start(t)
	for _, email := range []string{adminEmail, "nobody@example.com"} {
		got := service.anybody(t).post("/v1/auth/login", map[string]any{"email": email, "password": "wrong"})
		expect(t, got.status, http.StatusUnauthorized)
		expect(t, got.string("type"), "/problems/invalid-credentials")
		expect(t, got.header.Get("WWW-Authenticate"), `Bearer realm="api"`)
	}
	expect(t, service.log.has(`"event":"authn_login_fail"`), true)
	expect(t, service.log.has("nobody@example.com"), false)
}

func TestRefreshTokenWorksOnce(t *testing.T) {
	t.Parallel()
	service := start(t)
	user := service.user(t)
	renewed := service.anybody(t).post("/v1/auth/refresh", map[string]any{"refresh_token": user.refresh})
	expect(t, renewed.status, http.StatusOK)
	fresh := service.anybody(t).with("Authorization", "Bearer "+renewed.string("access_token"))
	expect(t, fresh.get("/v1/me").status, http.StatusOK)

	reused := service.anybody(t).post("/v1/auth/refresh", map[string]any{"refresh_token": user.refresh})
	expect(t, reused.string("type"), "/problems/invalid-refresh-token")
	expect(t, fresh.get("/v1/me").string("type"), "/problems/invalid-token")
	dead := service.anybody(t).post("/v1/auth/refresh", map[string]any{"refresh_token": renewed.string("refresh_token")})
	expect(t, dead.status, http.StatusUnauthorized)
	unknown := service.anybody(t).post("/v1/auth/refresh", `{"refresh_token":"unknown"}`)
	expect(t, unknown.status, http.StatusUnauthorized)
}

func TestLogoutEndsOneSessionOrAll(t *testing.T) {
	t.Parallel()
	service := start(t)
	first, second, third := service.admin(t), service.admin(t), service.admin(t)
	expect(t, first.post("/v1/auth/logout", nil).status, http.StatusNoContent)
	expect(t, first.get("/v1/me").status, http.StatusUnauthorized)
	expect(t, second.get("/v1/me").status, http.StatusOK)
	expect(t, second.post("/v1/auth/logout", `{"all":true}`).status, http.StatusNoContent)
	expect(t, third.get("/v1/me").status, http.StatusUnauthorized)
	expect(t, service.admin(t).post("/v1/auth/logout", `{"all":1}`).faults(), "#/all wrong_type")
}

func TestPasswordIsChanged(t *testing.T) {
	t.Parallel()
	service := start(t)
	user, other := service.user(t), service.user(t)
	wrong := user.post("/v1/me/password", `{"current_password":"wrong","new_password":"another good password"}`)
	expect(t, wrong.faults(), "#/current_password incorrect")
	short := user.post("/v1/me/password", `{"current_password":"wrong","new_password":"short"}`)
	expect(t, short.faults(), "#/new_password too_short")
	email := user.get("/v1/me").string("email")
	own := user.post("/v1/me/password", map[string]any{"current_password": goodPassword, "new_password": email})
	expect(t, own.faults(), "#/new_password blocked_password")

	elsewhere := service.login(t, email, goodPassword)
	done := user.post("/v1/me/password", map[string]any{"current_password": goodPassword, "new_password": "another good password"})
	expect(t, done.status, http.StatusNoContent)
	expect(t, user.get("/v1/me").status, http.StatusOK)
	expect(t, elsewhere.get("/v1/me").status, http.StatusUnauthorized)
	expect(t, other.get("/v1/me").status, http.StatusOK)
	service.login(t, email, "another good password")
}

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	service := start(t)
	user, other := service.user(t), service.user(t)
	made := user.post("/v1/api-keys", `{"name":"script","scopes":["profile:read"],"expires_at":"2999-01-01T00:00:00Z"}`)
	expect(t, made.status, http.StatusCreated)
	expect(t, made.string("expires_at"), "2999-01-01T00:00:00.000Z")
	path := made.header.Get("Location")
	expect(t, strings.Contains(user.get(path).text, made.string("key")), false)
	expect(t, other.get(path).status, http.StatusNotFound)
	expect(t, other.delete(path).status, http.StatusNotFound)

	key := service.anybody(t).with("X-API-Key", made.string("key"))
	expect(t, key.get("/v1/me").status, http.StatusOK)
	expect(t, key.get("/v1/me").status, http.StatusOK)
	expect(t, key.patch("/v1/me", `{}`).header.Get("WWW-Authenticate"), `Bearer realm="api", error="insufficient_scope"`)
	expect(t, key.with("Authorization", "Bearer x").get("/v1/me").status, http.StatusBadRequest)
	for _, bad := range []string{"", "key_1", made.string("key")[:60] + "AAAAAAAAAAAAAAAAAAAA"} {
		expect(t, service.anybody(t).with("X-API-Key", bad).get("/v1/me").string("type"), "/problems/invalid-token")
	}
	expect(t, user.delete(path).status, http.StatusNoContent)
	expect(t, key.get("/v1/me").status, http.StatusUnauthorized)
	expect(t, user.get(path).status, http.StatusNotFound)
}

func TestAPIKeyFaults(t *testing.T) {
	t.Parallel()
	service := start(t)
	user := service.user(t)
	for body, faults := range map[string]string{
		`{"name":"","scopes":[]}`: "#/name too_short, #/scopes too_few",
		`{"name":"x","scopes":["profile:read","profile:read","nonsense",1]}`:         "#/scopes/1 duplicate, #/scopes/2 invalid_value, #/scopes/3 wrong_type",
		`{"name":"x","scopes":["profile:read"],"expires_at":"2000-01-01T00:00:00Z"}`: "#/expires_at in_past",
		`{"name":"x","scopes":["profile:read"],"expires_at":"2999-02-30T00:00:00Z"}`: "#/expires_at invalid_format",
		`{"name":"x","scopes":["profile:read"],"expires_at":"0000-02-29T00:00:00Z"}`: "#/expires_at in_past",
		`{"name":"x","scopes":"profile:read","expires_at":"2999-01-01T00:00:00.5Z"}`: "#/expires_at invalid_format, #/scopes wrong_type",
	} {
		expect(t, user.post("/v1/api-keys", body).faults(), faults)
	}
}

func TestListsPageThroughEverything(t *testing.T) {
	t.Parallel()
	service := start(t)
	user := service.user(t)
	var made []string
	for range 5 {
		made = append(made, user.post("/v1/api-keys", `{"name":"x","scopes":["profile:read"]}`).string("id"))
	}
	slices.Reverse(made)
	var seen []string
	for path := "/v1/api-keys?limit=2"; path != ""; {
		page := user.get(path)
		for _, item := range page.items() {
			entry, _ := item.(map[string]any)
			id, _ := entry["id"].(string)
			seen = append(seen, id)
		}
		next, _, _ := strings.Cut(strings.TrimPrefix(page.header.Get("Link"), "<"), ">")
		expect(t, page.body["next_cursor"] == nil, next == "")
		path = next
	}
	expect(t, strings.Join(seen, " "), strings.Join(made, " "))
	for query, faults := range map[string]string{
		"limit=0": "limit too_small", "limit=101": "limit too_large", "limit=x": "limit wrong_type", "limit=01": "limit wrong_type",
		"limit=1&limit=2": "limit duplicate", "cursor=": "cursor too_short", "cursor=abc": "cursor invalid_cursor",
		"cursor=W10": "cursor invalid_cursor", "limit=&cursor=%00": "cursor invalid_format, limit wrong_type",
	} {
		expect(t, user.get("/v1/api-keys?"+query).faults(), faults)
	}
	expect(t, user.get("/v1/api-keys?limit=%zz").status, http.StatusBadRequest)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	service := start(t)
	token := strings.TrimPrefix(service.user(t).headers[1], "Bearer ")
	for _, bad := range []string{"", "nonsense", token + "x", "eyJhbGciOiJub25lIn0.e30."} {
		got := service.anybody(t).with("Authorization", "Bearer "+bad).get("/v1/me")
		expect(t, got.string("type"), "/problems/invalid-token")
		expect(t, got.header.Get("WWW-Authenticate"), `Bearer realm="api", error="invalid_token"`)
	}
	expect(t, service.anybody(t).with("Authorization", "Basic eDp5").get("/v1/me").string("type"), "about:blank")
	expect(t, service.anybody(t).with("Authorization", "bearer "+token).get("/v1/me").status, http.StatusOK)
	keys := service.anybody(t).get("/.well-known/jwks.json")
	expect(t, keys.header.Get("Cache-Control"), "public, max-age=300")
	expect(t, strings.Contains(keys.text, `"kty":"RSA"`), true)
}
