//! What the operator asked of the API server, by the server's audit log.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;
use jiff::Timestamp;
use serde::Deserialize;

use super::stage::USER;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(rename = "auditID")]
    audit_id: String,
    request_received_timestamp: Timestamp,
}

/// How many requests came between two times.
pub fn count(log: &Path, from: Timestamp, to: Timestamp) -> anyhow::Result<u64> {
    let file = File::open(log).with_context(|| log.display().to_string())?;
    let mut seen = HashSet::new();
    for line in BufReader::new(file).lines() {
        let line = line?;
        if !line.contains(USER) {
            continue;
        }
        // The last line may be cut short.
        let Ok(line) = serde_json::from_str::<Line>(&line) else {
            continue;
        };
        if (from..to).contains(&line.request_received_timestamp) {
            seen.insert(line.audit_id);
        }
    }
    Ok(u64::try_from(seen.len())?)
}
