package main

import (
	"context"
	"sync"
	"time"
)

// generator is the one GPU: it draws for one request at a time, the others wait.
type generator struct {
	settings settings
	started  time.Time
	// Holds one element while a request is worked on.
	gpu chan struct{}

	mutex sync.Mutex
	// Of txt2img, from the request's arrival to its answer.
	inFlight, maxInFlight, total, completed, cancelled int
	// The last piece of work, and whether it is going on.
	last    iteration
	working bool
}

// iteration is a part of a job, the images drawn at once; what /sdapi/v1/progress tells about.
type iteration struct {
	job    *job
	number int64
	began  time.Time
	takes  time.Duration
}

func newGenerator(settings settings, started time.Time) *generator {
	return &generator{settings: settings, started: started, gpu: make(chan struct{}, 1)}
}

// draw waits for the GPU and for the model and draws the images of a job, as PNG files. A client that
// goes away does not stop it, since a GPU kernel does not stop either, unless the settings say so.
func (generator *generator) draw(client context.Context, job *job) ([][]byte, error) {
	job.inFlight = generator.arrive()
	work := context.Background()
	if generator.settings.honourCancel {
		work = client
	}
	images, err := generator.work(work, job)
	if err == nil {
		err = client.Err()
	}
	generator.leave(err)
	return images, err
}

func (generator *generator) work(work context.Context, job *job) ([][]byte, error) {
	select {
	case generator.gpu <- struct{}{}:
		defer func() { <-generator.gpu }()
	case <-work.Done():
		return nil, work.Err()
	}
	if err := sleepUntil(work, generator.started.Add(generator.settings.modelLoaded)); err != nil {
		return nil, err
	}
	job.began = time.Now()
	defer generator.rest()
	defer func() { job.ended = time.Now() }()
	var images [][]byte
	for number := range job.Iterations {
		current := iteration{job, number, time.Now(), time.Duration(job.BatchSize) * generator.serviceTime()}
		generator.begin(current)
		for _, seed := range job.seeds[number*job.BatchSize : (number+1)*job.BatchSize] {
			images = append(images, drawPicture(job, seed))
		}
		if err := sleepUntil(work, current.began.Add(current.takes)); err != nil {
			return nil, err
		}
	}
	return images, nil
}

func (generator *generator) serviceTime() time.Duration {
	return between(generator.settings.serviceFrom, generator.settings.serviceTo)
}

func sleepUntil(work context.Context, moment time.Time) error {
	timer := time.NewTimer(time.Until(moment))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-work.Done():
		return work.Err()
	}
}

// arrive counts a request and tells how many there are now.
func (generator *generator) arrive() int {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	generator.total++
	generator.inFlight++
	generator.maxInFlight = max(generator.maxInFlight, generator.inFlight)
	return generator.inFlight
}

func (generator *generator) leave(err error) {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	generator.inFlight--
	if err != nil {
		generator.cancelled++
	} else {
		generator.completed++
	}
}

func (generator *generator) begin(current iteration) {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	generator.last, generator.working = current, true
}

func (generator *generator) rest() {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	generator.working = false
}

func (generator *generator) counters() map[string]any {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	return map[string]any{
		"in_flight":     generator.inFlight,
		"max_in_flight": generator.maxInFlight,
		"total":         generator.total,
		"completed":     generator.completed,
		"cancelled":     generator.cancelled,
	}
}

// progress computes the answer of /sdapi/v1/progress as the WebUI does: a hundredth, and the share of
// finished images and of finished steps of the one drawn now. Between jobs it is 0.
func (generator *generator) progress() map[string]any {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	state := map[string]any{
		"skipped": false, "interrupted": false, "job": "", "job_count": 0, "job_timestamp": "0",
		"job_no": 0, "sampling_step": 0, "sampling_steps": 0,
	}
	progress, remaining := 0.0, 0.0
	last := generator.last
	if last.job != nil {
		state["job_timestamp"] = timestamp(last.job.began)
		state["job_no"] = last.number + 1
		state["sampling_steps"] = last.job.Steps
	}
	if generator.working {
		done := 1.0
		if last.takes > 0 {
			done = min(1, time.Since(last.began).Seconds()/last.takes.Seconds())
		}
		step := int64(done * float64(last.job.Steps))
		state["job"] = "scripts_txt2img"
		state["job_count"] = last.job.Iterations
		state["job_no"] = last.number
		state["sampling_step"] = step
		progress = 0.01 + (float64(last.number)+float64(step)/float64(last.job.Steps))/float64(last.job.Iterations)
		passed := time.Since(last.job.began).Seconds()
		remaining = max(0, passed/progress-passed)
		progress = min(progress, 1)
	}
	return map[string]any{
		"progress": progress, "eta_relative": remaining, "state": state, "current_image": nil, "textinfo": nil,
	}
}
