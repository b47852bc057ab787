//! Answers with its event and what it was told of it, or misbehaves as it is asked to.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::{run, service_fn, Diagnostic, Error, LambdaEvent};
use serde_json::{json, Value};

#[derive(Debug)]
struct NoLuck;

impl From<NoLuck> for Diagnostic {
    fn from(_: NoLuck) -> Self {
        Diagnostic {
            error_type: "NoLuckError".into(),
            error_message: "no luck".into(),
        }
    }
}

async fn handle(request: LambdaEvent<Value>) -> Result<Value, NoLuck> {
    let (event, context) = request.into_parts();
    match event["do"].as_str() {
        Some("fail") => return Err(NoLuck),
        Some("sleep") => tokio::time::sleep(Duration::from_secs(60)).await,
        Some("exit") => std::process::exit(3),
        _ => {}
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Ok(json!({
        "event": event,
        "request_id": context.request_id,
        "function": context.env_config.function_name,
        "version": context.env_config.version,
        "memory_mb": context.env_config.memory,
        "arn": context.invoked_function_arn,
        "remaining_ms": context.deadline.saturating_sub(now.as_millis() as u64),
        "trace_id": context.xray_trace_id,
        "custom": context.client_context.map(|client| client.custom),
    }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}
