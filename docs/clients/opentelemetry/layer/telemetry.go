package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
)

type telemetryEvent struct {
	Time   time.Time       `json:"time"`
	Type   string          `json:"type"`
	Record json.RawMessage `json:"record"`
}

// telemetryReceiver makes log records of what the Telemetry API tells.
type telemetryReceiver struct {
	logs   consumer.Logs
	server *http.Server
}

func newTelemetryReceiver() receiver.Factory {
	return receiver.NewFactory(
		component.MustNewType("telemetryapi"),
		func() component.Config { return &struct{}{} },
		receiver.WithLogs(func(_ context.Context, _ receiver.Settings, _ component.Config, logs consumer.Logs) (receiver.Logs, error) {
			return &telemetryReceiver{logs: logs}, nil
		}, component.StabilityLevelDevelopment),
	)
}

func (r *telemetryReceiver) Start(context.Context, component.Host) error {
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		return err
	}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: 5 * time.Second}
	go r.server.Serve(listener)
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return extension.subscribe("http://sandbox.localdomain:" + port)
}

func (r *telemetryReceiver) Shutdown(ctx context.Context) error { return r.server.Shutdown(ctx) }

func (r *telemetryReceiver) ServeHTTP(_ http.ResponseWriter, request *http.Request) {
	var events []telemetryEvent
	if json.NewDecoder(request.Body).Decode(&events) != nil {
		return
	}
	if err := r.logs.ConsumeLogs(request.Context(), asLogs(events)); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
	}
	for _, event := range events {
		if event.Type == "platform.runtimeDone" {
			extension.ended <- requestOf(event.Record)
		}
	}
}

func asLogs(events []telemetryEvent) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", os.Getenv("AWS_LAMBDA_FUNCTION_NAME"))
	resource.Resource().Attributes().PutStr("cloud.region", os.Getenv("AWS_REGION"))
	scope := resource.ScopeLogs().AppendEmpty()
	for _, event := range events {
		record := scope.LogRecords().AppendEmpty()
		record.SetTimestamp(pcommon.NewTimestampFromTime(event.Time))
		record.Attributes().PutStr("type", event.Type)
		if id := requestOf(event.Record); id != "" {
			record.Attributes().PutStr("faas.invocation_id", id)
		}
		record.Body().SetStr(text(event.Record))
	}
	return logs
}

func requestOf(record json.RawMessage) string {
	var of struct {
		RequestID string `json:"requestId"`
	}
	json.Unmarshal(record, &of) // a line of text has none
	return of.RequestID
}

func text(record json.RawMessage) string {
	var line string
	if json.Unmarshal(record, &line) == nil {
		return strings.TrimRight(line, "\n")
	}
	return string(record)
}
