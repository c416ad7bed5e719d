package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestEveryRouteOfTheAPIAsksForCredentials(t *testing.T) {
	server := start(t, settings{}, "--api", "--api-auth", "me:one,you:two", "--gradio-auth", "page:three")
	routes := 0
	for _, route := range server.routes {
		if !strings.HasPrefix(route.path, "/sdapi/") {
			continue
		}
		routes++
		for authorization, detail := range map[string]string{
			"":                     "Not authenticated",
			"Bearer bWU6b25l":      "Not authenticated",
			"Basic !":              "Invalid authentication credentials",
			basic("me", "two"):     "Incorrect username or password",
			basic("page", "three"): "Incorrect username or password",
			basic("", ""):          "Incorrect username or password",
		} {
			answer := server.ask(route.method, route.path, "{}", "Authorization", authorization)
			if answer.Code != 401 || answer.Header().Get("WWW-Authenticate") != "Basic" || !strings.Contains(answer.Body.String(), `"detail":"`+detail+`"`) {
				t.Errorf("%s %s with %q: %d %s", route.method, route.path, authorization, answer.Code, answer.Body)
			}
		}
		for user, password := range map[string]string{"me": "one", "you": "two"} {
			if answer := server.ask(route.method, route.path, "{}", "Authorization", basic(user, password)); answer.Code != 200 {
				t.Errorf("%s %s as %s: %d %s", route.method, route.path, user, answer.Code, answer.Body)
			}
		}
	}
	if routes != 5 {
		t.Errorf("%d routes were tried", routes)
	}
}

func TestCredentialsOfThePageDoNotGuardTheAPI(t *testing.T) {
	server := start(t, settings{}, "--api", "--gradio-auth", "a:b")
	if answer := server.ask("GET", "/sdapi/v1/options", ""); answer.Code != 200 {
		t.Errorf("/sdapi/v1/options: %d", answer.Code)
	}
}

func TestPageAsksForALogin(t *testing.T) {
	server := start(t, settings{}, "--api", "--api-auth", "me:one", "--gradio-auth", "a:b")
	if answer := server.ask("GET", "/", ""); answer.Code != 200 || !strings.Contains(answer.Body.String(), `"auth_required":true`) {
		t.Errorf("/ without login: %d %s", answer.Code, answer.Body)
	}
	for _, path := range []string{"/config", "/login_check"} {
		if answer := server.ask("GET", path, ""); answer.Code != 401 || !strings.Contains(answer.Body.String(), "Not authenticated") {
			t.Errorf("%s without login: %d %s", path, answer.Code, answer.Body)
		}
	}
	const form = "application/x-www-form-urlencoded"
	for body, status := range map[string]int{
		"username=a&password=c": 400, "username=me&password=one": 400, "username=x&password=": 422, "username=+a+&password=b": 200,
	} {
		if answer := server.ask("POST", "/login", body, "Content-Type", form); answer.Code != status {
			t.Errorf("login with %s: %d, expected %d", body, answer.Code, status)
		}
	}
	answer := server.ask("POST", "/login", url.Values{"username": {"a"}, "password": {"b"}}.Encode(), "Content-Type", form)
	for _, cookie := range answer.Result().Cookies() {
		if !cookie.HttpOnly || cookie.Secure != (cookie.Name == sessionCookie) {
			t.Errorf("cookie %s", cookie)
		}
		session := cookie.Name + "=" + cookie.Value
		for _, path := range []string{"/config", "/login_check", "/"} {
			answer := server.ask("GET", path, "", "Cookie", session)
			if answer.Code != 200 || strings.Contains(answer.Body.String(), "auth_required") {
				t.Errorf("%s with %s: %d %s", path, cookie.Name, answer.Code, answer.Body)
			}
		}
	}
	if answer := server.ask("GET", "/config", "", "Cookie", sessionCookie+"=invented"); answer.Code != 401 {
		t.Errorf("/config with an invented session: %d", answer.Code)
	}
	if answer := server.ask("GET", "/token", ""); answer.Body.String() != `{"token":null,"user":null}` {
		t.Errorf("/token: %s", answer.Body)
	}
}

func TestPageWithoutCredentialsIsOpen(t *testing.T) {
	server := start(t, settings{}, "--api-auth", "me:one")
	for path, status := range map[string]int{"/": 200, "/config": 200, "/nothing": 404, "/sdapi/v1/options": 404, "/sdapi/v1/txt2img": 404} {
		if answer := server.ask("GET", path, ""); answer.Code != status {
			t.Errorf("%s: %d, expected %d", path, answer.Code, status)
		}
	}
	if answer := server.ask("POST", "/login", "username=a&password=b", "Content-Type", "application/x-www-form-urlencoded"); answer.Code != 302 {
		t.Errorf("/login: %d", answer.Code)
	}
}

func TestWithoutWebUIThereIsOnlyTheAPI(t *testing.T) {
	server := start(t, settings{internalPing: true}, "--nowebui")
	for path, status := range map[string]int{"/": 404, "/config": 404, "/internal/ping": 404, "/sdapi/v1/options": 200} {
		if answer := server.ask("GET", path, ""); answer.Code != status {
			t.Errorf("%s: %d, expected %d", path, answer.Code, status)
		}
	}
}

func TestPingNeedsNoCredentialsAndCanBeOff(t *testing.T) {
	server := start(t, settings{internalPing: true}, "--api", "--api-auth", "a:b", "--gradio-auth", "a:b")
	if answer := server.ask("GET", "/internal/ping", ""); answer.Code != 200 || answer.Body.String() != "{}" {
		t.Errorf("on: %d %s", answer.Code, answer.Body)
	}
	if answer := server.ask("HEAD", "/internal/ping", ""); answer.Code != 405 || answer.Header().Get("Allow") != "GET" {
		t.Errorf("HEAD: %d", answer.Code)
	}
	server = start(t, settings{internalPing: false}, "--api")
	if answer := server.ask("GET", "/internal/ping", ""); answer.Code != 404 {
		t.Errorf("off: %d", answer.Code)
	}
}

func TestStartUpHasThePhasesOfTheRealOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, settings{apiMounted: 20 * time.Second, modelLoaded: 50 * time.Second, serviceFrom: time.Second, serviceTo: time.Second, internalPing: true}, "--api")
		expect := func(phase string, statuses map[string]int) {
			for path, status := range statuses {
				if answer := server.ask("GET", path, ""); answer.Code != status {
					t.Errorf("%s: %s is %d, expected %d", phase, path, answer.Code, status)
				}
			}
		}
		expect("port open", map[string]int{"/": 200, "/internal/ping": 404, "/sdapi/v1/options": 404, "/sdapi/v1/txt2img": 404, "/stand-in/statistics": 200})
		time.Sleep(20 * time.Second)
		expect("API mounted", map[string]int{"/": 200, "/internal/ping": 200, "/sdapi/v1/options": 200, "/sdapi/v1/txt2img": 405})
		server.draw(t, `{}`)
		if passed := time.Since(server.started); passed != 51*time.Second {
			t.Errorf("the first image was there after %s, expected 51 s", passed)
		}
	})
}

func TestOneRequestAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, settings{serviceFrom: 10 * time.Second, serviceTo: 10 * time.Second}, "--api")
		for range 3 {
			go server.draw(t, `{"width":64,"height":64}`)
		}
		for finished := range 3 {
			time.Sleep(5 * time.Second)
			counted := server.generator.counters()
			if counted["in_flight"] != 3-finished || counted["completed"] != finished || counted["max_in_flight"] != 3 || counted["total"] != 3 {
				t.Errorf("after %d s: %v", 10*finished+5, counted)
			}
			time.Sleep(5 * time.Second)
			synctest.Wait()
		}
		if counted := server.generator.counters(); counted["in_flight"] != 0 || counted["completed"] != 3 || counted["max_in_flight"] != 3 {
			t.Errorf("at the end: %v", counted)
		}
	})
}

func TestAnswerTellsItsPodAndHowItFared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, settings{serviceFrom: 10 * time.Second, serviceTo: 10 * time.Second}, "--api")
		answers := make(chan http.Header, 2)
		ask := func() { answers <- server.ask("POST", "/sdapi/v1/txt2img", `{"width":64,"height":64}`).Header() }
		go ask()
		time.Sleep(4 * time.Second)
		go ask()
		for _, expected := range []map[string]string{
			{"Pod": "pod-1", "In-Flight": "1", "Waited-Seconds": "0", "Drew-Seconds": "10"},
			{"Pod": "pod-1", "In-Flight": "2", "Waited-Seconds": "6", "Drew-Seconds": "10"},
		} {
			header := <-answers
			for name, value := range expected {
				if told := header.Get("Stand-In-" + name); told != value {
					t.Errorf("%s is %q, expected %q", name, told, value)
				}
			}
		}
		if refused := server.ask("POST", "/sdapi/v1/txt2img", `{"steps":0}`); refused.Header().Get("Stand-In-Pod") != "" {
			t.Error("a refused request has no figures")
		}
	})
}

func TestServiceTimeIsPerImageAndWithinItsRange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, settings{serviceFrom: 9 * time.Second, serviceTo: 11 * time.Second}, "--api")
		seen := map[time.Duration]bool{}
		for range 5 {
			began := time.Now()
			server.draw(t, `{"width":64,"height":64,"n_iter":2,"batch_size":2}`)
			took := time.Since(began)
			if took < 36*time.Second || took > 44*time.Second {
				t.Errorf("4 images took %s", took)
			}
			seen[took] = true
		}
		if len(seen) < 2 {
			t.Error("the service time does not vary")
		}
	})
}

const small = `{"width":64,"height":64,"steps":5}`

// abandon asks for an image and goes away after this time, which does not end the work by itself.
func (server *server) abandon(t *testing.T, after time.Duration, body string) {
	client, leave := context.WithTimeout(t.Context(), after)
	defer leave()
	request := httptest.NewRequestWithContext(client, "POST", "/sdapi/v1/txt2img", strings.NewReader(body))
	server.ServeHTTP(httptest.NewRecorder(), request)
}

func (server *server) expect(t *testing.T, expected map[string]any) {
	t.Helper()
	counted := server.generator.counters()
	for name, value := range expected {
		if counted[name] != value {
			t.Errorf("%s is %v, expected %v", name, counted[name], value)
		}
	}
}

func TestClientThatGoesAwayDoesNotStopTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, settings{serviceFrom: 10 * time.Second, serviceTo: 10 * time.Second}, "--api")
		began := time.Now()
		go server.abandon(t, 4*time.Second, small)
		synctest.Wait()
		go server.abandon(t, 1*time.Second, small)
		synctest.Wait()
		server.draw(t, small)
		if passed := time.Since(began); passed != 30*time.Second {
			t.Errorf("the third image was there after %s", passed)
		}
		server.expect(t, map[string]any{
			"cancelled": 2, "completed": 1, "in_flight": 0, "interrupted": 0, "not_drawn": 0,
			"drawn_seconds": 30.0, "abandoned_seconds": 6.0 + 10.0, "saved_seconds": 0.0, "stops_abandoned": false,
		})
	})
}

func TestRequestWhoseClientHasGoneIsNotInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, settings{serviceFrom: 10 * time.Second, serviceTo: 10 * time.Second}, "--api")
		go server.abandon(t, 4*time.Second, small)
		time.Sleep(5 * time.Second)
		server.expect(t, map[string]any{"in_flight": 0, "max_in_flight": 1, "cancelled": 0})
		server.draw(t, small)
		server.expect(t, map[string]any{"in_flight": 0, "max_in_flight": 1, "cancelled": 1, "completed": 1})
	})
}

func TestWithTheExtensionAbandonedWorkStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, settings{serviceFrom: 10 * time.Second, serviceTo: 10 * time.Second}, "--api")
		server.generator.stopsAbandoned = true
		began := time.Now()
		go server.abandon(t, 5*time.Second, `{"width":64,"height":64,"steps":5,"n_iter":3}`)
		synctest.Wait()
		go server.abandon(t, 1*time.Second, small)
		synctest.Wait()
		server.draw(t, small)
		// The step that was under way ends at 6 s.
		if passed := time.Since(began); passed != 16*time.Second {
			t.Errorf("the image was there after %s", passed)
		}
		server.expect(t, map[string]any{
			"cancelled": 2, "completed": 1, "in_flight": 0, "interrupted": 1, "not_drawn": 1,
			"drawn_seconds": 16.0, "abandoned_seconds": 1.0, "saved_seconds": 24.0 + 10.0, "stops_abandoned": true,
		})
	})
}

func TestWithTheExtensionWhoLeavesWhileTheModelIsLoadedIsInterruptedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, settings{modelLoaded: 20 * time.Second, serviceFrom: 10 * time.Second, serviceTo: 10 * time.Second}, "--api")
		server.generator.stopsAbandoned = true
		began := time.Now()
		server.abandon(t, 5*time.Second, small)
		if passed := time.Since(began); passed != 20*time.Second {
			t.Errorf("it took %s", passed)
		}
		server.expect(t, map[string]any{"interrupted": 1, "drawn_seconds": 0.0, "saved_seconds": 10.0})
	})
}

func TestWithTheExtensionWhoLeavesAfterTheAnswerStopsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, settings{serviceFrom: 10 * time.Second, serviceTo: 10 * time.Second}, "--api")
		server.generator.stopsAbandoned = true
		client, leave := context.WithCancel(t.Context())
		request := httptest.NewRequestWithContext(client, "POST", "/sdapi/v1/txt2img", strings.NewReader(small))
		server.ServeHTTP(httptest.NewRecorder(), request)
		go server.draw(t, small)
		time.Sleep(5 * time.Second)
		leave()
		synctest.Wait()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		server.expect(t, map[string]any{"completed": 2, "interrupted": 0, "cancelled": 0})
	})
}

func TestInterruptStopsTheCurrentJobOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, settings{serviceFrom: 10 * time.Second, serviceTo: 10 * time.Second}, "--api")
		interrupt := func() {
			if answer := server.ask("POST", "/sdapi/v1/interrupt", ""); answer.Code != 200 || answer.Body.String() != "{}" {
				t.Errorf("interrupt: %d %s", answer.Code, answer.Body)
			}
		}
		interrupt() // of nothing; the next job resets it
		answers := make(chan drawn, 2)
		began := time.Now()
		go func() { answers <- server.draw(t, `{"width":64,"height":64,"steps":5,"n_iter":3}`) }()
		synctest.Wait()
		go func() { answers <- server.draw(t, small) }()
		time.Sleep(13 * time.Second)
		interrupt()
		interrupt()
		if first := <-answers; len(first.Images) != 2 || time.Since(began) != 14*time.Second {
			t.Errorf("%d images of the interrupted job after %s", len(first.Images), time.Since(began))
		}
		if second := <-answers; len(second.Images) != 1 || time.Since(began) != 24*time.Second {
			t.Errorf("%d images of the next job after %s", len(second.Images), time.Since(began))
		}
		server.expect(t, map[string]any{"interrupted": 1, "completed": 2, "saved_seconds": 0.0})
	})
}

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, settings{serviceFrom: 10 * time.Second, serviceTo: 10 * time.Second}, "--api")
		type progress struct {
			Progress  float64
			Remaining float64 `json:"eta_relative"`
			State     struct {
				Job          string
				Count        int `json:"job_count"`
				Number       int `json:"job_no"`
				SamplingStep int `json:"sampling_step"`
			}
		}
		read := func() (read progress) {
			decode(t, server.ask("GET", "/sdapi/v1/progress", ""), &read)
			return read
		}
		if idle := read(); idle != (progress{}) {
			t.Errorf("idle: %+v", idle)
		}
		go server.draw(t, `{"width":64,"height":64,"n_iter":2,"steps":20}`)
		time.Sleep(15 * time.Second)
		if working := read(); working.Progress != 0.76 || working.State.Job != "scripts_txt2img" || working.State.Count != 2 ||
			working.State.Number != 1 || working.State.SamplingStep != 10 || working.Remaining < 4 || working.Remaining > 5 {
			t.Errorf("after 3 of 4 quarters: %+v", working)
		}
		time.Sleep(6 * time.Second)
		if idle := read(); idle.Progress != 0 || idle.State.Count != 0 || idle.State.Job != "" {
			t.Errorf("idle again: %+v", idle)
		}
	})
}

func TestAnswerOfTxt2img(t *testing.T) {
	server := start(t, settings{}, "--api")
	drawn := server.draw(t, `{"prompt":"pretty dog","negative_prompt":"cat","seed":123,"cfg_scale":7.5,"sampler_name":"DDIM","steps":"20","width":519,"height":64,"n_iter":2}`)
	const first = "pretty dog\nNegative prompt: cat\nSteps: 20, Sampler: DDIM, CFG scale: 7.5, Seed: 123, Size: 512x64, Model hash: d6051828bc, Model: stand-in"
	if len(drawn.Images) != 2 {
		t.Fatalf("%d images", len(drawn.Images))
	}
	for index, image := range drawn.Images {
		decoded, err := png.Decode(bytes.NewReader(image))
		if err != nil || decoded.Bounds().Dx() != 512 || decoded.Bounds().Dy() != 64 {
			t.Fatalf("image %d: %v, %v", index, decoded.Bounds(), err)
		}
		expected := strings.Replace(first, "123", []string{"123", "124"}[index], 1)
		if text := infotextOf(t, image, "tEXt"); text != expected || drawn.info.Texts[index] != expected {
			t.Errorf("image %d: %q in the file, %q in info", index, text, drawn.info.Texts[index])
		}
	}
	if drawn.info.Seed != 123 || len(drawn.info.Seeds) != 2 || drawn.info.Seeds[1] != 124 || drawn.info.Prompt != "pretty dog" {
		t.Errorf("info: %+v", drawn.info)
	}
	if drawn.Parameters["prompt"] != "pretty dog" || drawn.Parameters["seed"] != 123.0 || drawn.Parameters["width"] != 519.0 || drawn.Parameters["batch_size"] != 1.0 {
		t.Errorf("parameters: %v", drawn.Parameters)
	}
	if images := server.draw(t, `{"send_images":false,"width":64,"height":64}`).Images; len(images) != 0 {
		t.Errorf("%d images though none were asked for", len(images))
	}
}

func TestPixelsDependOnPromptSeedAndSize(t *testing.T) {
	server := start(t, settings{}, "--api")
	pixels := func(body string) string {
		picture, err := png.Decode(bytes.NewReader(server.draw(t, body).Images[0]))
		if err != nil {
			t.Fatal(err)
		}
		var pixels bytes.Buffer
		for y := range 64 {
			for x := range 64 {
				red, green, blue, _ := picture.At(x, y).RGBA()
				pixels.Write([]byte{byte(red), byte(green), byte(blue)})
			}
		}
		return pixels.String()
	}
	same := pixels(`{"prompt":"dog","seed":1,"width":64,"height":64}`)
	if again := pixels(`{"prompt":"dog","seed":1,"width":64,"height":64}`); again != same {
		t.Error("the same order gives other pixels")
	}
	for _, other := range []string{
		`{"prompt":"dog","seed":2,"width":64,"height":64}`,
		`{"prompt":"cat","seed":1,"width":64,"height":64}`,
		`{"prompt":"dog","seed":1,"width":128,"height":64}`,
		`{"prompt":"dog","seed":1,"width":64,"height":64,"negative_prompt":"cat"}`,
		`{"prompt":"dog","seed":-1,"width":64,"height":64}`,
	} {
		if pixels(other) == same {
			t.Errorf("%s gives the same pixels", other)
		}
	}
}

func TestRandomSeedIsToldAndReproduces(t *testing.T) {
	server := start(t, settings{}, "--api")
	for _, body := range []string{`{"prompt":"x","width":64,"height":64}`, `{"prompt":"x","seed":null,"width":64,"height":64}`} {
		drawn := server.draw(t, body)
		if drawn.info.Seed < 0 || drawn.info.Seed >= 4294967294 {
			t.Errorf("seed %d", drawn.info.Seed)
		}
		again := server.draw(t, `{"prompt":"x","width":64,"height":64,"seed":`+strings.TrimPrefix(jsonText(t, drawn.info.Seed), " ")+`}`)
		if !bytes.Equal(again.Images[0], drawn.Images[0]) {
			t.Error("the told seed gives another image")
		}
	}
}

func TestPromptsBeyondLatin1AreInternationalText(t *testing.T) {
	server := start(t, settings{}, "--api")
	for prompt, kind := range map[string]string{"schöner Hund": "tEXt", "漂亮的狗 🐕": "iTXt", "": "tEXt"} {
		drawn := server.draw(t, `{"seed":5,"width":64,"height":64,"prompt":`+jsonText(t, prompt)+`}`)
		if text := infotextOf(t, drawn.Images[0], kind); !strings.HasPrefix(text, prompt+"\nSteps: 50, Sampler: Euler, CFG scale: 7.0, Seed: 5, ") {
			t.Errorf("%q: %q", prompt, text)
		}
	}
}

func TestInvalidOrders(t *testing.T) {
	server := start(t, settings{}, "--api")
	for body, expected := range map[string]string{
		`{"steps":"x"}`:            `{"loc":["body","steps"],"msg":"value is not a valid integer","type":"type_error.integer"}`,
		`{"seed":1e30}`:            `{"loc":["body","seed"],"msg":"value is not a valid integer","type":"type_error.integer"}`,
		`{"seed":[]}`:              `{"loc":["body","seed"],"msg":"value is not a valid integer","type":"type_error.integer"}`,
		`{"steps":0}`:              `{"loc":["body","steps"],"msg":"ensure this value is greater than or equal to 1","type":"value_error.number.not_ge","ctx":{"limit_value":1}}`,
		`{"steps":151}`:            `{"loc":["body","steps"],"msg":"ensure this value is less than or equal to 150","type":"value_error.number.not_le","ctx":{"limit_value":150}}`,
		`{"width":63}`:             `{"loc":["body","width"],"msg":"ensure this value is greater than or equal to 64","type":"value_error.number.not_ge","ctx":{"limit_value":64}}`,
		`{"height":2049}`:          `{"loc":["body","height"],"msg":"ensure this value is less than or equal to 2048","type":"value_error.number.not_le","ctx":{"limit_value":2048}}`,
		`{"n_iter":101}`:           `{"loc":["body","n_iter"],"msg":"ensure this value is less than or equal to 100","type":"value_error.number.not_le","ctx":{"limit_value":100}}`,
		`{"batch_size":9}`:         `{"loc":["body","batch_size"],"msg":"ensure this value is less than or equal to 8","type":"value_error.number.not_le","ctx":{"limit_value":8}}`,
		`{"cfg_scale":{}}`:         `{"loc":["body","cfg_scale"],"msg":"value is not a valid float","type":"type_error.float"}`,
		`{"prompt":["a"]}`:         `{"loc":["body","prompt"],"msg":"str type expected","type":"type_error.str"}`,
		`{"send_images":5}`:        `{"loc":["body","send_images"],"msg":"value could not be parsed to a boolean","type":"type_error.bool"}`,
		`[]`:                       `{"loc":["body"],"msg":"value is not a valid dict","type":"type_error.dict"}`,
		``:                         `{"loc":["body"],"msg":"field required","type":"value_error.missing"}`,
		`{`:                        `"type":"value_error.jsondecode"}`,
		`{} x`:                     `"type":"value_error.jsondecode"}`,
		`{"steps":"x","seed":"y"}`: `"type":"type_error.integer"},{"loc":["body","steps"]`,
	} {
		answer := server.ask("POST", "/sdapi/v1/txt2img", body)
		if answer.Code != 422 || !strings.HasPrefix(answer.Body.String(), `{"detail":[`) || !strings.Contains(answer.Body.String(), expected) {
			t.Errorf("%s: %d %s\nexpected %s", body, answer.Code, answer.Body, expected)
		}
	}
	for contentType, status := range map[string]int{
		"application/json; charset=utf-8": 200, "application/ld+json": 200, "application/x-www-form-urlencoded": 422, "text/json": 422,
	} {
		if answer := server.ask("POST", "/sdapi/v1/txt2img", "{}", "Content-Type", contentType); answer.Code != status {
			t.Errorf("%s: %d", contentType, answer.Code)
		}
	}
	if answer := server.ask("POST", "/sdapi/v1/txt2img", `{"sampler_name":"nice"}`); answer.Code != 404 || !strings.Contains(answer.Body.String(), `"detail":"Sampler not found"`) {
		t.Errorf("unknown sampler: %d %s", answer.Code, answer.Body)
	}
	if counted := server.generator.counters(); counted["total"] != 2 {
		t.Errorf("invalid orders were counted: %v", counted)
	}
}

func TestStatisticsNeedNoCredentialsAndShowNone(t *testing.T) {
	server := start(t, settings{modelLoaded: time.Hour}, "--api", "--api-auth", "me:one", "--gradio-auth", "you:two")
	answer := server.ask("GET", "/stand-in/statistics", "")
	var statistics struct {
		Pod       string
		StartedAt time.Time `json:"started_at"`
		Phases    map[string]struct {
			After   float64 `json:"after_seconds"`
			Reached bool
		}
	}
	decode(t, answer, &statistics)
	if statistics.Pod != "pod-1" || !statistics.StartedAt.Equal(server.started) || statistics.Phases["model_loaded"].Reached || statistics.Phases["model_loaded"].After != 3600 ||
		!statistics.Phases["port_open"].Reached || !statistics.Phases["api_mounted"].Reached {
		t.Errorf("%s", answer.Body)
	}
	for _, secret := range []string{"me", "one", "you", "two"} {
		if strings.Contains(answer.Body.String(), `"`+secret) {
			t.Errorf("%s is in %s", secret, answer.Body)
		}
	}
}

func TestModelIsTheSameEverywhere(t *testing.T) {
	server := start(t, settings{}, "--api")
	var options map[string]any
	var models []map[string]any
	decode(t, server.ask("GET", "/sdapi/v1/options", ""), &options)
	decode(t, server.ask("GET", "/sdapi/v1/sd-models", ""), &models)
	if len(models) != 1 || models[0]["title"] != options["sd_model_checkpoint"] || models[0]["title"] != "stand-in.safetensors [d6051828bc]" {
		t.Errorf("%v, %v", options, models)
	}
}

func start(t *testing.T, settings settings, words ...string) *server {
	t.Helper()
	arguments, err := parseArguments(words)
	if err != nil {
		t.Fatal(err)
	}
	logins, err := readLogins(arguments)
	if err != nil {
		t.Fatal(err)
	}
	return newServer(arguments, logins, settings, time.Now(), "pod-1", false)
}

func (server *server) ask(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	for index := 0; index < len(headers); index += 2 {
		request.Header.Set(headers[index], headers[index+1])
	}
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, request)
	return recorder
}

type drawn struct {
	Images     [][]byte
	Parameters map[string]any
	Info       string
	info       struct {
		Prompt string
		Seed   int64
		Seeds  []int64  `json:"all_seeds"`
		Texts  []string `json:"infotexts"`
	}
}

func (server *server) draw(t *testing.T, body string) (drawn drawn) {
	t.Helper()
	answer := server.ask("POST", "/sdapi/v1/txt2img", body)
	if answer.Code != http.StatusOK {
		t.Errorf("%s: %d %s", body, answer.Code, answer.Body)
		return drawn
	}
	decode(t, answer, &drawn)
	if err := json.Unmarshal([]byte(drawn.Info), &drawn.info); err != nil {
		t.Errorf("info: %v", err)
	}
	return drawn
}

func decode(t *testing.T, answer *httptest.ResponseRecorder, into any) {
	t.Helper()
	if err := json.Unmarshal(answer.Body.Bytes(), into); err != nil {
		t.Errorf("%s: %v", answer.Body, err)
	}
}

func jsonText(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// infotextOf reads the chunk `parameters` of a PNG file; png.Decode has checked the checksums.
func infotextOf(t *testing.T, file []byte, kind string) string {
	t.Helper()
	if _, err := png.Decode(bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	reader := bytes.NewReader(file[8:])
	for {
		header := make([]byte, 8)
		if _, err := io.ReadFull(reader, header); err != nil {
			t.Fatalf("no %s chunk", kind)
		}
		data := make([]byte, int(header[0])<<24|int(header[1])<<16|int(header[2])<<8|int(header[3])+4)
		if _, err := io.ReadFull(reader, data); err != nil {
			t.Fatal(err)
		}
		data = data[:len(data)-4]
		text, found := strings.CutPrefix(string(data), "parameters\x00")
		switch {
		case !found || string(header[4:]) != kind:
		case kind == "iTXt":
			return strings.TrimPrefix(text, "\x00\x00\x00\x00")
		default:
			characters := []rune{}
			for _, character := range []byte(text) {
				characters = append(characters, rune(character))
			}
			return string(characters)
		}
	}
}
