package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// The page at / and its login, as Gradio 3 has them: the page always answers 200, for those who are not
// logged in with a configuration that makes its script show the login form; everything else of the page
// answers them 401.

const sessionCookie, insecureSessionCookie = "access-token", "access-token-unsecure"

func (server *server) user(request *http.Request) (string, bool) {
	for _, name := range []string{sessionCookie, insecureSessionCookie} {
		if cookie, err := request.Cookie(name); err == nil && cookie.Value != "" {
			user, known := server.sessions.Load(cookie.Value)
			name, _ := user.(string)
			return name, known
		}
	}
	return "", false
}

func (server *server) mayUsePage(request *http.Request) bool {
	_, loggedIn := server.user(request)
	return server.pageLogins == nil || loggedIn
}

func (server *server) forUsers(handle http.HandlerFunc) http.HandlerFunc {
	return func(response http.ResponseWriter, request *http.Request) {
		if !server.mayUsePage(request) {
			refuse(response, http.StatusUnauthorized, "Not authenticated")
			return
		}
		handle(response, request)
	}
}

func (server *server) page(response http.ResponseWriter, request *http.Request) {
	config, content := any(pageConfig), "<p>This server draws patterns, to try out the deployment of the real one. Its API is at /sdapi/v1/txt2img.</p>"
	if !server.mayUsePage(request) {
		config, content = map[string]any{"auth_required": true, "auth_message": nil, "space_id": nil, "root": ""}, loginForm
	}
	inlined, err := json.Marshal(config)
	if err != nil {
		panic(err) // only for a value that this program itself made wrong
	}
	response.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(response, `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Stable Diffusion (stand-in)</title>
<script>window.gradio_config = %s;</script></head>
<body><h1>Stable Diffusion (stand-in)</h1>%s</body></html>
`, inlined, content)
}

var pageConfig = map[string]any{"title": "Stable Diffusion (stand-in)", "root": ""}

const loginForm = `<form onsubmit="event.preventDefault();fetch('login',{method:'POST',body:new FormData(this)}).then(r=>r.ok?location.reload():alert('Incorrect credentials.'))">
<input name="username" placeholder="user name"><input name="password" type="password" placeholder="password"><button>Log in</button></form>`

func (server *server) config(response http.ResponseWriter, _ *http.Request) {
	answer(response, http.StatusOK, pageConfig)
}

func (server *server) token(response http.ResponseWriter, request *http.Request) {
	var token, user any
	if cookie, err := request.Cookie(sessionCookie); err == nil {
		token = cookie.Value
		user, _ = server.sessions.Load(cookie.Value)
	}
	answer(response, http.StatusOK, map[string]any{"token": token, "user": user})
}

func (server *server) login(response http.ResponseWriter, request *http.Request) {
	request.Body = http.MaxBytesReader(response, request.Body, 1<<16)
	var missing []problem
	for _, name := range []string{"username", "password"} {
		if request.PostFormValue(name) == "" {
			missing = append(missing, problem{Location: []any{"body", name}, Message: "field required", Type: "value_error.missing"})
		}
	}
	if missing != nil {
		answer(response, http.StatusUnprocessableEntity, map[string]any{"detail": missing})
		return
	}
	if server.pageLogins == nil {
		http.Redirect(response, request, "/", http.StatusFound)
		return
	}
	user := strings.TrimSpace(request.PostFormValue("username"))
	expected, known := server.pageLogins[user]
	if !known || !sameText(request.PostFormValue("password"), expected) {
		refuse(response, http.StatusBadRequest, "Incorrect credentials.")
		return
	}
	token := rand.Text()
	server.sessions.Store(token, user)
	http.SetCookie(response, &http.Cookie{Name: sessionCookie, Value: token, Path: "/", HttpOnly: true, Secure: true, SameSite: http.SameSiteNoneMode})
	http.SetCookie(response, &http.Cookie{Name: insecureSessionCookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	answer(response, http.StatusOK, map[string]any{"success": true})
}
