package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

// server answers requests. Its routes are those of the WebUI, each from the phase of the start-up on in
// which the WebUI has it.
type server struct {
	settings settings
	started  time.Time
	// Host name, which Kubernetes makes the name of the pod.
	pod       string
	apiLogins logins
	// The page, its users, and the sessions of those who logged in.
	pageLogins logins
	sessions   sync.Map
	routes     []route
	generator  *generator
}

type route struct {
	method, path string
	// Only there once the API is mounted.
	mounted bool
	handle  http.HandlerFunc
}

func newServer(arguments arguments, logins credentials, settings settings, started time.Time, pod string, stopsAbandoned bool) *server {
	server := &server{
		settings:   settings,
		started:    started,
		pod:        pod,
		apiLogins:  logins.api,
		pageLogins: logins.page,
		generator:  newGenerator(settings, started, stopsAbandoned),
	}
	server.routes = append(server.routes, route{"GET", "/stand-in/statistics", false, server.statistics})
	if !arguments.switches["nowebui"] {
		server.routes = append(server.routes,
			route{"GET", "/", false, server.page},
			route{"HEAD", "/", false, server.page},
			route{"GET", "/config", false, server.forUsers(server.config)},
			route{"GET", "/login_check", false, server.forUsers(answerNull)},
			route{"GET", "/token", false, server.token},
			route{"POST", "/login", false, server.login},
		)
		if settings.internalPing {
			server.routes = append(server.routes, route{"GET", "/internal/ping", true, answerEmpty})
		}
	}
	if arguments.switches["api"] || arguments.switches["nowebui"] {
		for _, api := range []route{
			{"POST", "/sdapi/v1/txt2img", true, server.txt2img},
			{"POST", "/sdapi/v1/interrupt", true, server.interrupt},
			{"GET", "/sdapi/v1/options", true, server.options},
			{"GET", "/sdapi/v1/progress", true, server.progress},
			{"GET", "/sdapi/v1/sd-models", true, server.models},
		} {
			api.handle = server.authenticated(api.handle)
			server.routes = append(server.routes, api)
		}
	}
	return server
}

func (server *server) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	mounted := time.Since(server.started) >= server.settings.apiMounted
	var allowed []string
	for _, route := range server.routes {
		if route.path != request.URL.Path || route.mounted && !mounted {
			continue
		}
		if route.method == request.Method {
			route.handle(response, request)
			return
		}
		allowed = append(allowed, route.method)
	}
	if allowed == nil {
		answer(response, http.StatusNotFound, map[string]any{"detail": "Not Found"})
		return
	}
	response.Header().Set("Allow", strings.Join(allowed, ", "))
	answer(response, http.StatusMethodNotAllowed, map[string]any{"detail": "Method Not Allowed"})
}

// authenticated guards a route of the API with HTTP Basic authentication if there are credentials.
func (server *server) authenticated(handle http.HandlerFunc) http.HandlerFunc {
	if server.apiLogins == nil {
		return handle
	}
	return func(response http.ResponseWriter, request *http.Request) {
		detail := "Incorrect username or password"
		scheme, encoded, _ := strings.Cut(request.Header.Get("Authorization"), " ")
		user, password, complete := request.BasicAuth()
		if !strings.EqualFold(scheme, "Basic") || encoded == "" {
			detail = "Not authenticated"
		} else if _, err := base64.StdEncoding.DecodeString(encoded); err != nil || !complete {
			detail = "Invalid authentication credentials"
		} else if expected, known := server.apiLogins[user]; known && sameText(password, expected) {
			handle(response, request)
			return
		}
		response.Header().Set("WWW-Authenticate", "Basic")
		refuse(response, http.StatusUnauthorized, detail)
	}
}

func sameText(given, expected string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(expected)) == 1
}

// The one checkpoint of the stand-in.
const modelName = "stand-in"

var modelHash = func() string {
	sum := sha256.Sum256([]byte(modelName))
	return hex.EncodeToString(sum[:])
}()

func modelTitle() string { return modelName + ".safetensors [" + modelHash[:10] + "]" }

func (server *server) options(response http.ResponseWriter, _ *http.Request) {
	answer(response, http.StatusOK, map[string]any{
		"samples_format":              "png",
		"sd_model_checkpoint":         modelTitle(),
		"sd_checkpoint_hash":          modelHash,
		"CLIP_stop_at_last_layers":    1,
		"show_progress_every_n_steps": 10,
	})
}

func (server *server) models(response http.ResponseWriter, _ *http.Request) {
	answer(response, http.StatusOK, []any{map[string]any{
		"title":      modelTitle(),
		"model_name": modelName,
		"hash":       modelHash[:10],
		"sha256":     modelHash,
		"filename":   "/stable-diffusion-webui/models/Stable-diffusion/" + modelName + ".safetensors",
		"config":     nil,
	}})
}

func (server *server) progress(response http.ResponseWriter, _ *http.Request) {
	answer(response, http.StatusOK, server.generator.progress())
}

func (server *server) interrupt(response http.ResponseWriter, _ *http.Request) {
	server.generator.interrupt()
	answer(response, http.StatusOK, map[string]any{})
}

// statistics is not part of the WebUI: what the rehearsal measures, without credentials and without secrets.
func (server *server) statistics(response http.ResponseWriter, _ *http.Request) {
	counters := server.generator.counters()
	counters["pod"] = server.pod
	counters["started_at"] = server.started.UTC().Format(time.RFC3339Nano)
	passed := time.Since(server.started)
	phases := map[string]any{}
	for name, end := range map[string]time.Duration{
		"port_open": server.settings.portOpen, "api_mounted": server.settings.apiMounted, "model_loaded": server.settings.modelLoaded,
	} {
		phases[name] = map[string]any{"after_seconds": end.Seconds(), "reached": passed >= end}
	}
	counters["phases"] = phases
	answer(response, http.StatusOK, counters)
}

func answerEmpty(response http.ResponseWriter, _ *http.Request) {
	answer(response, http.StatusOK, map[string]any{})
}

func answerNull(response http.ResponseWriter, _ *http.Request) {
	answer(response, http.StatusOK, nil)
}

// refuse answers an error in the shape that the WebUI's API gives to every HTTPException.
func refuse(response http.ResponseWriter, status int, detail string) {
	answer(response, status, map[string]any{"error": "HTTPException", "detail": detail, "body": "", "errors": ""})
}

func answer(response http.ResponseWriter, status int, content any) {
	body, err := json.Marshal(content)
	if err != nil {
		panic(err) // only for a value that this program itself made wrong
	}
	response.Header().Set("Content-Type", "application/json")
	response.WriteHeader(status)
	// The only error is a client that is gone.
	_, _ = response.Write(body)
}
