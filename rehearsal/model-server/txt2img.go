package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"math"
	"math/rand/v2"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// order is a valid request for images, with the WebUI's defaults filled in; its JSON is the `parameters`
// of the answer.
type order struct {
	Prompt         string  `json:"prompt"`
	NegativePrompt string  `json:"negative_prompt"`
	Seed           int64   `json:"seed"`
	Steps          int64   `json:"steps"`
	Width          int64   `json:"width"`
	Height         int64   `json:"height"`
	Iterations     int64   `json:"n_iter"`
	BatchSize      int64   `json:"batch_size"`
	GuidanceScale  float64 `json:"cfg_scale"`
	SamplerName    *string `json:"sampler_name"`
	SamplerIndex   string  `json:"sampler_index"`
	SendImages     bool    `json:"send_images"`
}

func (server *server) txt2img(response http.ResponseWriter, request *http.Request) {
	received := time.Now()
	order, problems := readOrder(response, request)
	if problems != nil {
		answer(response, http.StatusUnprocessableEntity, map[string]any{"detail": problems})
		return
	}
	sampler := order.SamplerIndex
	if order.SamplerName != nil && *order.SamplerName != "" {
		sampler = *order.SamplerName
	}
	if !slices.Contains(samplers, sampler) {
		refuse(response, http.StatusNotFound, "Sampler not found")
		return
	}
	job := newJob(order, sampler)
	images, err := server.generator.draw(request.Context(), job)
	if err != nil {
		log.Printf("txt2img: the client went away; done with it after %.3f s (%v)", time.Since(received).Seconds(), err)
		return
	}
	encoded := []string{}
	if order.SendImages {
		for _, image := range images {
			encoded = append(encoded, base64.StdEncoding.EncodeToString(image))
		}
	}
	// Not part of the WebUI: what the rehearsal measures.
	tell := func(name string, value float64) {
		response.Header().Set("Stand-In-"+name, strconv.FormatFloat(value, 'f', -1, 64))
	}
	response.Header().Set("Stand-In-Pod", server.pod)
	tell("In-Flight", float64(job.inFlight))
	tell("Waited-Seconds", job.began.Sub(received).Seconds())
	tell("Drew-Seconds", job.ended.Sub(job.began).Seconds())
	answer(response, http.StatusOK, map[string]any{"images": encoded, "parameters": order, "info": job.info()})
	log.Printf("txt2img: %d image(s) in %.3f s, %.3f s of it waiting",
		len(images), time.Since(received).Seconds(), job.began.Sub(received).Seconds())
}

// Names of the samplers that every version of the WebUI since 1.0 knows.
var samplers = []string{
	"Euler", "Euler a", "LMS", "Heun", "DPM2", "DPM2 a", "DPM++ 2S a", "DPM++ 2M", "DPM++ SDE", "DPM fast",
	"DPM adaptive", "DDIM", "PLMS", "UniPC", "LMS Karras", "DPM2 Karras", "DPM2 a Karras",
	"DPM++ 2S a Karras", "DPM++ 2M Karras", "DPM++ SDE Karras",
}

// problem is one entry of the answer 422, as FastAPI 0.94 with Pydantic 1 words it.
type problem struct {
	Location []any          `json:"loc"`
	Message  string         `json:"msg"`
	Type     string         `json:"type"`
	Context  map[string]any `json:"ctx,omitempty"`
}

// The WebUI's API itself has no bounds: out of memory is its answer to what is too much. Here they are
// those of the page's sliders.
const (
	largestSide, smallestSide = 2048, 64
	mostSteps                 = 150
	mostIterations            = 100
	largestBatch              = 8
	largestBody               = 10 << 20
)

func readOrder(response http.ResponseWriter, request *http.Request) (order, []problem) {
	fields, failure := readObject(http.MaxBytesReader(response, request.Body, largestBody), request.Header.Get("Content-Type"))
	if failure != nil {
		return order{}, []problem{*failure}
	}
	reader := fieldReader{fields: fields}
	read := order{
		Prompt:         reader.text("prompt", ""),
		NegativePrompt: reader.text("negative_prompt", ""),
		Seed:           reader.integer("seed", -1, math.MinInt64, math.MaxInt64),
		Steps:          reader.integer("steps", 50, 1, mostSteps),
		Width:          reader.integer("width", 512, smallestSide, largestSide),
		Height:         reader.integer("height", 512, smallestSide, largestSide),
		Iterations:     reader.integer("n_iter", 1, 1, mostIterations),
		BatchSize:      reader.integer("batch_size", 1, 1, largestBatch),
		GuidanceScale:  reader.number("cfg_scale", 7),
		SamplerIndex:   reader.text("sampler_index", "Euler"),
		SendImages:     reader.boolean("send_images", true),
	}
	if fields["sampler_name"] != nil {
		name := reader.text("sampler_name", "")
		read.SamplerName = &name
	}
	return read, reader.problems
}

func readObject(body io.Reader, contentType string) (map[string]any, *problem) {
	content, err := io.ReadAll(body)
	if err != nil || len(content) == 0 {
		return nil, &problem{Location: []any{"body"}, Message: "field required", Type: "value_error.missing"}
	}
	notAnObject := &problem{Location: []any{"body"}, Message: "value is not a valid dict", Type: "type_error.dict"}
	if mediaType, _, _ := mime.ParseMediaType(contentType); contentType != "" && mediaType != "application/json" &&
		!(strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")) {
		return nil, notAnObject
	}
	var value any
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			err = nil
		} else {
			err = errors.New("Extra data")
		}
	}
	if err != nil {
		return nil, &problem{
			Location: []any{"body", decoder.InputOffset()},
			Message:  err.Error(),
			Type:     "value_error.jsondecode",
		}
	}
	fields, isObject := value.(map[string]any)
	if !isObject {
		return nil, notAnObject
	}
	return fields, nil
}

// fieldReader reads the fields of a request with Pydantic's conversions and collects what is wrong with
// them. A field that is null has its default; unknown fields are ignored.
type fieldReader struct {
	fields   map[string]any
	problems []problem
}

func (reader *fieldReader) refuse(name, message, kind string, context map[string]any) {
	reader.problems = append(reader.problems, problem{[]any{"body", name}, message, kind, context})
}

func (reader *fieldReader) text(name, byDefault string) string {
	switch value := reader.fields[name].(type) {
	case nil:
		return byDefault
	case string:
		return value
	case json.Number:
		return value.String()
	default:
		reader.refuse(name, "str type expected", "type_error.str", nil)
		return ""
	}
}

func (reader *fieldReader) integer(name string, byDefault, least, most int64) int64 {
	result := byDefault
	var err error
	switch value := reader.fields[name].(type) {
	case nil:
	case string:
		result, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	case json.Number:
		if result, err = value.Int64(); err != nil {
			// A fraction is cut off.
			var number float64
			if number, err = value.Float64(); math.Abs(number) >= 1<<63 {
				err = strconv.ErrRange
			}
			result = int64(number)
		}
	case bool:
		if result = 0; value {
			result = 1
		}
	default:
		err = strconv.ErrSyntax
	}
	switch {
	case err != nil:
		reader.refuse(name, "value is not a valid integer", "type_error.integer", nil)
	case result < least:
		reader.refuse(name, "ensure this value is greater than or equal to "+strconv.FormatInt(least, 10),
			"value_error.number.not_ge", map[string]any{"limit_value": least})
	case result > most:
		reader.refuse(name, "ensure this value is less than or equal to "+strconv.FormatInt(most, 10),
			"value_error.number.not_le", map[string]any{"limit_value": most})
	}
	return result
}

func (reader *fieldReader) number(name string, byDefault float64) float64 {
	result := byDefault
	var err error
	switch value := reader.fields[name].(type) {
	case nil:
	case string:
		result, err = strconv.ParseFloat(strings.TrimSpace(value), 64)
	case json.Number:
		result, err = value.Float64()
	case bool:
		if result = 0; value {
			result = 1
		}
	default:
		err = strconv.ErrSyntax
	}
	if err != nil || math.IsNaN(result) || math.IsInf(result, 0) {
		reader.refuse(name, "value is not a valid float", "type_error.float", nil)
	}
	return result
}

func (reader *fieldReader) boolean(name string, byDefault bool) bool {
	switch value := reader.fields[name].(type) {
	case nil:
		return byDefault
	case bool:
		return value
	case string:
		if slices.Contains([]string{"1", "on", "t", "true", "y", "yes"}, strings.ToLower(value)) {
			return true
		}
		if slices.Contains([]string{"0", "off", "f", "false", "n", "no"}, strings.ToLower(value)) {
			return false
		}
	case json.Number:
		if value == "1" || value == "0" {
			return value == "1"
		}
	}
	reader.refuse(name, "value could not be parsed to a boolean", "type_error.bool", nil)
	return byDefault
}

// job is an order that is being worked on.
type job struct {
	order
	sampler string
	// One for each image; a random first one replaces the seed -1.
	seeds []int64
	// Requests whose clients waited here when it came, itself included.
	inFlight int
	// What each iteration takes.
	plan []time.Duration
	// Closed when the job is interrupted.
	interrupt    chan struct{}
	began, ended time.Time
	// When its client went away, if it did.
	abandoned time.Time
	// Whether it is over.
	left bool
}

func newJob(order order, sampler string) *job {
	first := order.Seed
	if first == -1 {
		first = rand.Int64N(4294967294)
	}
	job := &job{order: order, sampler: sampler, interrupt: make(chan struct{})}
	for index := range order.Iterations * order.BatchSize {
		job.seeds = append(job.seeds, first+index)
	}
	// A latent pixel is 8 × 8 pixels.
	job.Width -= job.Width % 8
	job.Height -= job.Height % 8
	return job
}

// planned is what the whole job takes.
func (job *job) planned() (sum time.Duration) {
	for _, takes := range job.plan {
		sum += takes
	}
	return sum
}

// infotext is the text that the WebUI shows below an image and stores in it.
func (job *job) infotext(seed int64) string {
	var text strings.Builder
	text.WriteString(job.Prompt)
	if job.NegativePrompt != "" {
		text.WriteString("\nNegative prompt: " + job.NegativePrompt)
	}
	text.WriteString("\nSteps: " + strconv.FormatInt(job.Steps, 10))
	text.WriteString(", Sampler: " + job.sampler)
	text.WriteString(", CFG scale: " + pythonFloat(job.GuidanceScale))
	text.WriteString(", Seed: " + strconv.FormatInt(seed, 10))
	text.WriteString(", Size: " + strconv.FormatInt(job.Width, 10) + "x" + strconv.FormatInt(job.Height, 10))
	text.WriteString(", Model hash: " + modelHash[:10] + ", Model: " + modelName)
	return text.String()
}

func pythonFloat(value float64) string {
	text := strconv.FormatFloat(value, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// info is the text of the answer's field `info`, which is JSON again.
func (job *job) info() string {
	texts, prompts, negativePrompts := []string{}, []string{}, []string{}
	for _, seed := range job.seeds {
		texts = append(texts, job.infotext(seed))
		prompts = append(prompts, job.Prompt)
		negativePrompts = append(negativePrompts, job.NegativePrompt)
	}
	text, err := json.Marshal(map[string]any{
		"prompt":               job.Prompt,
		"all_prompts":          prompts,
		"negative_prompt":      job.NegativePrompt,
		"all_negative_prompts": negativePrompts,
		"seed":                 job.seeds[0],
		"all_seeds":            job.seeds,
		"width":                job.Width,
		"height":               job.Height,
		"sampler_name":         job.sampler,
		"cfg_scale":            job.GuidanceScale,
		"steps":                job.Steps,
		"batch_size":           job.BatchSize,
		"sd_model_name":        modelName,
		"sd_model_hash":        modelHash[:10],
		"infotexts":            texts,
		"job_timestamp":        timestamp(job.began),
	})
	if err != nil {
		panic(err) // only for a value that this program itself made wrong
	}
	return string(text)
}

func timestamp(moment time.Time) string { return moment.Format("20060102150405") }
