package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// generator is the one GPU: it draws for one request at a time, the others wait.
type generator struct {
	settings settings
	started  time.Time
	// Whether the extension for abandoned requests is there (see extension.go).
	stopsAbandoned bool
	// Holds one element while a request is worked on.
	gpu chan struct{}

	mutex  sync.Mutex
	counts counts
	// The job that has begun and not ended, and whether it was interrupted; a job that begins resets that.
	current     *job
	interrupted bool
	// The last piece of work, and whether it is going on.
	last    iteration
	working bool
}

// counts are of txt2img.
type counts struct {
	// Requests from their arrival to their answer, or until their client goes away: what Knative takes to be in the pod.
	inFlight, maxInFlight, total, completed, cancelled int
	// Jobs that were interrupted, and requests that got no turn since their client had gone.
	interrupted, notDrawn int
	// What the GPU drew; of it, what it drew after the client had gone; and what it was spared.
	drawn, abandoned, saved time.Duration
}

// iteration is a part of a job, the images drawn at once; what /sdapi/v1/progress tells about.
type iteration struct {
	job    *job
	number int64
	began  time.Time
	takes  time.Duration
}

func newGenerator(settings settings, started time.Time, stopsAbandoned bool) *generator {
	return &generator{settings: settings, started: started, stopsAbandoned: stopsAbandoned, gpu: make(chan struct{}, 1)}
}

// errNotDrawn is what became of a request whose client went away before its turn.
var errNotDrawn = errors.New("not drawn: the client went away while it waited")

// draw waits for the GPU and for the model and draws the images of a job, as PNG files. That a client goes
// away does not stop it, unless the extension for abandoned requests is there: then it is not drawn if it
// still waits, and is interrupted if it is drawn.
func (generator *generator) draw(client context.Context, job *job) ([][]byte, error) {
	job.inFlight = generator.arrive()
	for range job.Iterations {
		job.plan = append(job.plan, time.Duration(job.BatchSize)*generator.serviceTime())
	}
	stopWatching := context.AfterFunc(client, func() { generator.abandon(job) })
	images, err := generator.work(client, job)
	stopWatching()
	if err == nil {
		err = client.Err()
	}
	generator.leave(err, job)
	return images, err
}

func (generator *generator) work(client context.Context, job *job) ([][]byte, error) {
	generator.gpu <- struct{}{}
	defer func() { <-generator.gpu }()
	if generator.stopsAbandoned && client.Err() != nil {
		return nil, errNotDrawn
	}
	time.Sleep(time.Until(generator.started.Add(generator.settings.modelLoaded)))
	generator.beginJob(client, job)
	defer generator.endJob(job)
	var images [][]byte
	for number, takes := range job.plan {
		if !generator.begin(iteration{job, int64(number), time.Now(), takes}) {
			break
		}
		for _, seed := range job.seeds[int64(number)*job.BatchSize : int64(number+1)*job.BatchSize] {
			images = append(images, drawPicture(job, seed))
		}
		generator.sample()
	}
	return images, nil
}

// sample waits until what is drawn now is finished, or was interrupted: the WebUI looks at that before each
// step, and keeps the image as it is then.
func (generator *generator) sample() {
	current := generator.last
	finished := time.NewTimer(time.Until(current.began.Add(current.takes)))
	defer finished.Stop()
	select {
	case <-finished.C:
	case <-current.job.interrupt:
		step := current.takes / time.Duration(current.job.Steps)
		if step > 0 {
			steps := (time.Since(current.began) + step - 1) / step
			time.Sleep(time.Until(current.began.Add(min(steps*step, current.takes))))
		}
	}
}

func (generator *generator) serviceTime() time.Duration {
	return between(generator.settings.serviceFrom, generator.settings.serviceTo)
}

// arrive counts a request and tells how many there are now.
func (generator *generator) arrive() int {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	counts := &generator.counts
	counts.total++
	counts.inFlight++
	counts.maxInFlight = max(counts.maxInFlight, counts.inFlight)
	return counts.inFlight
}

func (generator *generator) leave(err error, job *job) {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	counts := &generator.counts
	job.left = true
	if job.abandoned.IsZero() {
		counts.inFlight--
	}
	if err != nil {
		counts.cancelled++
	} else {
		counts.completed++
	}
	if errors.Is(err, errNotDrawn) {
		counts.notDrawn++
		counts.saved += job.planned()
	}
}

// abandon notes when the client of a job has gone, and interrupts the job if it is the one that is drawn.
func (generator *generator) abandon(job *job) {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	if job.left {
		return
	}
	job.abandoned = time.Now()
	generator.counts.inFlight--
	if generator.stopsAbandoned && generator.current == job {
		generator.interruptCurrent()
	}
}

// interrupt is what /sdapi/v1/interrupt does: whatever is drawn stops. Between jobs it has no effect, since the
// next one resets it.
func (generator *generator) interrupt() {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	generator.interruptCurrent()
}

func (generator *generator) interruptCurrent() {
	if generator.current != nil && !generator.interrupted {
		close(generator.current.interrupt)
		generator.counts.interrupted++
	}
	generator.interrupted = true
}

func (generator *generator) beginJob(client context.Context, job *job) {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	job.began = time.Now()
	generator.current, generator.interrupted = job, false
	if generator.stopsAbandoned && client.Err() != nil {
		// It went away while the model was loaded; the extension repeats its interrupts.
		generator.interruptCurrent()
	}
}

func (generator *generator) endJob(job *job) {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	job.ended = time.Now()
	generator.current, generator.working = nil, false
	counts := &generator.counts
	drew := job.ended.Sub(job.began)
	counts.drawn += drew
	if !job.abandoned.IsZero() {
		counts.abandoned += min(drew, job.ended.Sub(job.abandoned))
		if generator.interrupted {
			counts.saved += job.planned() - drew
		}
	}
}

// begin tells whether the iteration may begin, which after an interrupt none does.
func (generator *generator) begin(next iteration) bool {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	if generator.interrupted {
		return false
	}
	generator.last, generator.working = next, true
	return true
}

func (generator *generator) counters() map[string]any {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	counts := generator.counts
	return map[string]any{
		"in_flight":         counts.inFlight,
		"max_in_flight":     counts.maxInFlight,
		"total":             counts.total,
		"completed":         counts.completed,
		"cancelled":         counts.cancelled,
		"interrupted":       counts.interrupted,
		"not_drawn":         counts.notDrawn,
		"drawn_seconds":     counts.drawn.Seconds(),
		"abandoned_seconds": counts.abandoned.Seconds(),
		"saved_seconds":     counts.saved.Seconds(),
		"stops_abandoned":   generator.stopsAbandoned,
	}
}

// progress computes the answer of /sdapi/v1/progress as the WebUI does: a hundredth, and the share of
// finished images and of finished steps of the one drawn now. Between jobs it is 0.
func (generator *generator) progress() map[string]any {
	generator.mutex.Lock()
	defer generator.mutex.Unlock()
	state := map[string]any{
		"skipped": false, "interrupted": generator.interrupted, "job": "", "job_count": 0, "job_timestamp": "0",
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
