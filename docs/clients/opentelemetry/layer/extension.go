package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

type lambdaEvent struct {
	EventType string `json:"eventType"`
	RequestID string `json:"requestId"`
}

// lambdaExtension speaks the Extensions API and the Telemetry API.
type lambdaExtension struct {
	api, id string
	ended   chan string
}

var extension = &lambdaExtension{
	api:   "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API"),
	ended: make(chan string, 100),
}

func (e *lambdaExtension) ask(method, path string, body, answer any) error {
	sent, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, e.api+path, bytes.NewReader(sent))
	if err != nil {
		return err
	}
	request.Header.Set("Lambda-Extension-Name", filepath.Base(os.Args[0]))
	request.Header.Set("Lambda-Extension-Identifier", e.id)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	if id := response.Header.Get("Lambda-Extension-Identifier"); id != "" {
		e.id = id
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

func (e *lambdaExtension) register() error {
	return e.ask("POST", "/2020-01-01/extension/register", map[string]any{"events": []string{"INVOKE", "SHUTDOWN"}}, nil)
}

func (e *lambdaExtension) next() (event lambdaEvent, err error) {
	err = e.ask("GET", "/2020-01-01/extension/event/next", nil, &event)
	return event, err
}

func (e *lambdaExtension) subscribe(uri string) error {
	return e.ask("PUT", "/2022-07-01/telemetry", map[string]any{
		"schemaVersion": "2022-12-13",
		"types":         []string{"platform", "function", "extension"},
		"buffering":     map[string]int{"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
		"destination":   map[string]string{"protocol": "HTTP", "URI": uri},
	}, nil)
}

// awaitEndOf returns when the Telemetry API has told platform.runtimeDone of a request.
func (e *lambdaExtension) awaitEndOf(request string) {
	for ended := range e.ended {
		if ended == request {
			return
		}
	}
}

// drain gives the last events, a request's platform.report among them, the time to come.
func (e *lambdaExtension) drain() { time.Sleep(200 * time.Millisecond) }
