//! The one place that says what of an object is kept.
//!
//! A redaction rewrites and does not drop what a verdict reads: translating an object and
//! translating its redaction give the same observation. Redacting twice changes nothing.

mod digest;
mod shape;
mod texts;

use serde_json::{Map, Value, json};

pub use self::digest::{DigestKey, is_digest, program};
use self::shape::{Shape, shape_of};
pub use self::texts::{container_of_field_path, note, post_start_failure, post_start_failure_text};
use crate::audit::seen::{Resource, WaitingReason};

const DIGEST_FIELD: &str = "hookaudit.io/digest";

/// Reduces objects to what may be stored.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    key: DigestKey,
}

impl Redactor {
    #[must_use]
    pub const fn new(key: DigestKey) -> Self {
        Self { key }
    }

    #[must_use]
    pub const fn key(&self) -> &DigestKey {
        &self.key
    }

    /// What of an object of this resource may be kept.
    #[must_use]
    pub fn object(&self, resource: Resource, object: &Value) -> Value {
        self.kept(object, &shape_of(resource))
            .unwrap_or(Value::Null)
    }

    /// A value of another type than its shape becomes another wrong one, so that it stays a defect.
    fn kept(&self, value: &Value, shape: &Shape) -> Option<Value> {
        let wrong_leaf = || json!([]);
        let wrong_node = || json!(false);
        Some(match (shape, value) {
            (_, Value::Null) => return None,
            (Shape::Text, Value::String(_))
            | (Shape::Number | Shape::Port, Value::Number(_))
            | (Shape::Flag, Value::Bool(_)) => value.clone(),
            (Shape::Port, Value::String(text)) if is_port(text) => value.clone(),
            (Shape::Checked(fits), Value::String(text)) if fits(text) => value.clone(),
            (Shape::Word(words), Value::String(text)) => {
                json!(words.iter().find(|word| *word == text).unwrap_or(&"Other"))
            }
            (Shape::Rewritten(rewrite), Value::String(text)) => json!(rewrite(text)),
            (Shape::Record(fields), Value::Object(map)) => self.record(map, fields),
            (Shape::List(element), Value::Array(list)) => self.list(list.iter(), element),
            (Shape::ListOf { types, element }, Value::Array(list)) => {
                let wanted = |item: &&Value| {
                    item["type"]
                        .as_str()
                        .is_none_or(|text| types.contains(&text))
                };
                self.list(list.iter().filter(wanted), element)
            }
            (Shape::Exec, Value::Object(map)) => self.exec(map),
            (Shape::Record(_) | Shape::List(_) | Shape::ListOf { .. } | Shape::Exec, _) => {
                wrong_node()
            }
            _ => wrong_leaf(),
        })
    }

    fn record(&self, map: &Map<String, Value>, fields: &[(&str, Shape)]) -> Value {
        let kept = fields.iter().filter_map(|(name, shape)| {
            let value = self.kept(map.get(*name)?, shape)?;
            Some(((*name).to_owned(), value))
        });
        Value::Object(kept.collect())
    }

    fn list<'a>(&self, list: impl Iterator<Item = &'a Value>, element: &Shape) -> Value {
        list.map(|item| self.kept(item, element).unwrap_or(Value::Null))
            .collect()
    }

    fn exec(&self, exec: &Map<String, Value>) -> Value {
        let command = exec.get("command").filter(|command| !command.is_null());
        let left = exec
            .get(DIGEST_FIELD)
            .and_then(Value::as_str)
            .filter(|digest| is_digest(digest));
        let mut kept = Map::new();
        if let Some(Value::Array(words)) = command {
            let texts: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            let digest = left.map_or_else(|| self.key.digest(texts.iter().copied()), str::to_owned);
            kept.insert(DIGEST_FIELD.to_owned(), json!(digest));
            let program = texts
                .first()
                .map(|word| program(word).unwrap_or(digest::OTHER_PROGRAM));
            let mut command: Vec<Value> = program.into_iter().map(Value::from).collect();
            if texts.len() < words.len() {
                command.push(Value::Null);
            }
            kept.insert("command".to_owned(), Value::Array(command));
        } else {
            if let Some(digest) = left {
                kept.insert(DIGEST_FIELD.to_owned(), json!(digest));
            }
            if command.is_some() {
                kept.insert("command".to_owned(), json!(false));
            }
        }
        Value::Object(kept)
    }
}

/// A port's number, or its name by RFC 6335.
#[must_use]
pub fn is_port(text: &str) -> bool {
    (1..=15).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The number of a signal's name on Linux, real time signals included.
#[must_use]
pub fn signal_number(name: &str) -> Option<u8> {
    const NAMES: &[(&str, u8)] = &[
        ("SIGHUP", 1),
        ("SIGINT", 2),
        ("SIGQUIT", 3),
        ("SIGILL", 4),
        ("SIGTRAP", 5),
        ("SIGABRT", 6),
        ("SIGIOT", 6),
        ("SIGBUS", 7),
        ("SIGFPE", 8),
        ("SIGKILL", 9),
        ("SIGUSR1", 10),
        ("SIGSEGV", 11),
        ("SIGUSR2", 12),
        ("SIGPIPE", 13),
        ("SIGALRM", 14),
        ("SIGTERM", 15),
        ("SIGSTKFLT", 16),
        ("SIGCHLD", 17),
        ("SIGCLD", 17),
        ("SIGCONT", 18),
        ("SIGSTOP", 19),
        ("SIGTSTP", 20),
        ("SIGTTIN", 21),
        ("SIGTTOU", 22),
        ("SIGURG", 23),
        ("SIGXCPU", 24),
        ("SIGXFSZ", 25),
        ("SIGVTALRM", 26),
        ("SIGPROF", 27),
        ("SIGWINCH", 28),
        ("SIGIO", 29),
        ("SIGPOLL", 29),
        ("SIGPWR", 30),
        ("SIGSYS", 31),
        ("SIGRTMIN", 34),
        ("SIGRTMAX", 64),
    ];
    if let Some(offset) = name.strip_prefix("SIGRTMIN+") {
        return offset
            .parse()
            .ok()
            .filter(|offset| *offset <= 30)
            .map(|offset: u8| 34 + offset);
    }
    if let Some(offset) = name.strip_prefix("SIGRTMAX-") {
        return offset
            .parse()
            .ok()
            .filter(|offset| *offset <= 30)
            .map(|offset: u8| 64 - offset);
    }
    let number = |(_, number): &(&str, u8)| *number;
    NAMES.iter().find(|(known, _)| *known == name).map(number)
}

/// The word that `state.waiting.reason` begins with.
#[must_use]
pub const fn waiting_reason_text(reason: WaitingReason) -> &'static str {
    match reason {
        WaitingReason::ContainerCreating => "ContainerCreating",
        WaitingReason::PodInitializing => "PodInitializing",
        WaitingReason::CrashLoopBackOff => "CrashLoopBackOff",
        WaitingReason::PostStartHookError => "PostStartHookError",
        WaitingReason::Other => "Other",
    }
}

/// Reads `state.waiting.reason`, whatever stands behind its word.
#[must_use]
pub fn waiting_reason(text: &str) -> WaitingReason {
    [
        WaitingReason::ContainerCreating,
        WaitingReason::PodInitializing,
        WaitingReason::CrashLoopBackOff,
        WaitingReason::PostStartHookError,
    ]
    .into_iter()
    .find(|reason| text.starts_with(waiting_reason_text(*reason)))
    .unwrap_or(WaitingReason::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_the_number_of_its_name() {
        assert_eq!(signal_number("SIGTERM"), Some(15));
        assert_eq!(signal_number("SIGRTMIN"), Some(34));
        assert_eq!(signal_number("SIGRTMIN+3"), Some(37));
        assert_eq!(signal_number("SIGRTMAX-14"), Some(50));
        assert_eq!(signal_number("SIGRTMAX-99"), None);
        assert_eq!(signal_number("TERM"), None);
    }

    #[test]
    fn a_hook_keeps_its_handler_program_port_and_scheme_and_nothing_else() {
        let pod = json!({
            "metadata": {"name": "p", "labels": {"a": "b"}, "managedFields": [{}], "annotations": {
                "kubernetes.io/config.hash": "0123456789abcdef0123456789abcdef", "user": "secret"}},
            "spec": {"containers": [{
                "name": "app", "image": "i", "args": ["secret"], "env": [{"name": "A", "value": "secret"}],
                "lifecycle": {
                    "preStop": {"exec": {"command": ["/bin/sh", "-c", "secret"]}},
                    "postStart": {"httpGet": {
                        "path": "/secret", "port": 8080, "scheme": "HTTPS",
                        "httpHeaders": [{"name": "Authorization", "value": "secret"}]}},
                }}]},
        });
        let key = DigestKey::new(b"k");
        let digest = key.digest(["/bin/sh", "-c", "secret"]);
        let redacted = Redactor::new(key).object(Resource::Pods, &pod);
        assert_eq!(
            redacted,
            json!({
                "metadata": {"name": "p", "annotations": {
                    "kubernetes.io/config.hash": "0123456789abcdef0123456789abcdef"}},
                "spec": {"containers": [{"name": "app", "lifecycle": {
                    "preStop": {"exec": {"command": ["sh"], "hookaudit.io/digest": digest}},
                    "postStart": {"httpGet": {"port": 8080, "scheme": "HTTPS"}}}}]},
            })
        );
    }
}
