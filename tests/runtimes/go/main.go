// Answers with its event and what it was told of it, or misbehaves as it is asked to.
package main

import (
	"context"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type NoLuckError struct{}

func (NoLuckError) Error() string { return "no luck" }

type Answer struct {
	Event       map[string]any    `json:"event"`
	RequestID   string            `json:"request_id"`
	Function    string            `json:"function"`
	Version     string            `json:"version"`
	MemoryMB    int               `json:"memory_mb"`
	ARN         string            `json:"arn"`
	RemainingMS int64             `json:"remaining_ms"`
	TraceID     string            `json:"trace_id"`
	Custom      map[string]string `json:"custom"`
}

func handle(ctx context.Context, event map[string]any) (*Answer, error) {
	switch event["do"] {
	case "fail":
		return nil, NoLuckError{}
	case "sleep":
		time.Sleep(time.Minute)
	case "exit":
		os.Exit(3)
	}
	told, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return &Answer{
		Event:       event,
		RequestID:   told.AwsRequestID,
		Function:    lambdacontext.FunctionName,
		Version:     lambdacontext.FunctionVersion,
		MemoryMB:    lambdacontext.MemoryLimitInMB,
		ARN:         told.InvokedFunctionArn,
		RemainingMS: time.Until(deadline).Milliseconds(),
		TraceID:     os.Getenv("_X_AMZN_TRACE_ID"),
		Custom:      told.ClientContext.Custom,
	}, nil
}

func main() {
	lambda.Start(handle)
}
