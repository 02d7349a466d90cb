//! Who asked the API server for the end of a pod, and when.

use jiff::Timestamp;
use serde_json::Value;

#[derive(Clone, Debug)]
pub(super) struct Request {
    pub at: Timestamp,
    pub user: String,
    pub namespace: String,
    /// Empty for a request about all of them.
    pub pod: String,
    pub is_eviction: bool,
}

/// The granted requests to delete or evict pods.
pub(super) fn parse(text: &str) -> Vec<Request> {
    let about_pods = |line: &&str| line.contains(r#""resource":"pods""#);
    text.lines()
        .filter(about_pods)
        .filter_map(parse_line)
        .collect()
}

fn parse_line(line: &str) -> Option<Request> {
    let line: Value = serde_json::from_str(line).ok()?;
    let object = &line["objectRef"];
    let is_eviction = object["subresource"] == "eviction" && line["verb"] == "create";
    let is_deletion = object["subresource"].is_null()
        && matches!(line["verb"].as_str(), Some("delete" | "deletecollection"));
    let is_granted = line["responseStatus"]["code"].as_i64()? < 300;
    if !is_granted || !(is_eviction || is_deletion) {
        return None;
    }
    Some(Request {
        at: line["requestReceivedTimestamp"].as_str()?.parse().ok()?,
        user: line["user"]["username"].as_str()?.to_owned(),
        namespace: object["namespace"].as_str()?.to_owned(),
        pod: object["name"].as_str().unwrap_or_default().to_owned(),
        is_eviction,
    })
}
