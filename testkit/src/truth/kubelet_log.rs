//! What the kubelet says about a stop in its log.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

#[derive(Clone, Debug)]
pub(crate) struct LogLine {
    pub at: Timestamp,
    pub said: Said,
    /// Empty where the line names the pod alone.
    pub pod_uid: String,
    /// `namespace/name`.
    pub pod: String,
    /// Empty where the line does not say.
    pub container_id: String,
    pub grace_seconds: Option<f64>,
    pub error: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    HookRuns,
    HookCompleted,
    HookFailed,
    HookNotCompleted,
    PostStartFailed,
    GraceOverridden,
    ContainerKilled,
    PodStops,
    Evicted,
    ActiveDeadlinePassed,
    Preempts,
}

/// The kubelet has no other word for it.
const DEADLINE: &str = " reason=\"DeadlineExceeded\"";

const MESSAGES: [(&str, Said); 11] = [
    ("Running preStop hook", Said::HookRuns),
    ("PreStop hook completed", Said::HookCompleted),
    ("PreStop hook failed", Said::HookFailed),
    (
        "PreStop hook not completed in grace period",
        Said::HookNotCompleted,
    ),
    ("Failed to execute PostStartHook", Said::PostStartFailed),
    (
        "Killing container with a grace period override",
        Said::GraceOverridden,
    ),
    (
        "Killing container with a grace period",
        Said::ContainerKilled,
    ),
    ("Pod terminating with grace period", Said::PodStops),
    (
        "Pod is being evicted by the kubelet, begin teardown",
        Said::Evicted,
    ),
    (
        "Pod is being removed by the kubelet, begin teardown",
        Said::Evicted,
    ),
    ("Preempting pod to free up resources", Said::Preempts),
];

/// Lines of another kind are left out.
pub(crate) fn parse(text: &str, year: i16) -> Vec<LogLine> {
    text.lines()
        .filter_map(|line| parse_line(line, year))
        .collect()
}

/// `I1123 16:55:46.645785      58 kuberuntime_container.go:786] "Running preStop hook" pod="…" podUID="…" …`
fn parse_line(line: &str, year: i16) -> Option<LogLine> {
    let (head, rest) = line.split_once("] \"")?;
    let (message, fields) = rest.split_once('"')?;
    let said = match MESSAGES.iter().find(|(text, _)| *text == message) {
        Some((_, said)) => *said,
        None if message == "Event occurred" && fields.contains(DEADLINE) => {
            Said::ActiveDeadlinePassed
        }
        None => return None,
    };
    let identifier = field(fields, "containerID").unwrap_or_default();
    Some(LogLine {
        at: stamp(head, year)?,
        said,
        pod_uid: field(fields, "podUID").unwrap_or_default(),
        pod: field(fields, "pod")
            .or_else(|| field(fields, "object"))
            .unwrap_or_default(),
        container_id: identifier.rsplit('/').next().unwrap_or_default().to_owned(),
        grace_seconds: field(fields, "gracePeriod").and_then(|grace| grace.parse().ok()),
        error: field(fields, "err"),
    })
}

fn stamp(head: &str, year: i16) -> Option<Timestamp> {
    let mut words = head.get(1..)?.split_ascii_whitespace();
    let (day, time) = (words.next()?, words.next()?);
    let (month, day) = (day.get(..2)?, day.get(2..)?);
    let stamp: DateTime = format!("{year:04}-{month}-{day}T{time}").parse().ok()?;
    Some(stamp.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn field(fields: &str, name: &str) -> Option<String> {
    let marked = format!(" {name}=");
    let value = &fields[fields.find(&marked)? + marked.len()..];
    if let Some(quoted) = value.strip_prefix('"') {
        let mut shown = String::new();
        let mut characters = quoted.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => shown.extend(characters.next()),
                '"' => return Some(shown),
                other => shown.push(other),
            }
        }
        return None;
    }
    value.split_ascii_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: &str = concat!(
        r#"E1123 16:55:51.672937      58 kuberuntime_container.go:794] "PreStop hook failed" err="Get \"http://a/b\": EOF" "#,
        r#"pod="default/over" podUID="b72b44ee" containerName="app" containerID="containerd://feff07""#
    );

    #[test]
    fn a_failed_hook_is_read_with_its_error_and_container() {
        let line = parse_line(FAILED, 2026).unwrap();
        assert_eq!(line.said, Said::HookFailed);
        assert_eq!(line.at.to_string(), "2026-11-23T16:55:51.672937Z");
        assert_eq!(line.error.as_deref(), Some(r#"Get "http://a/b": EOF"#));
        assert_eq!(line.container_id, "feff07");
    }

    #[test]
    fn lines_about_something_else_and_torn_lines_are_left_out() {
        let text = format!(
            "{}\nI1123 16:55:51.6 1 x.go:1] \"Other\" a=\"b\"\n\n{FAILED}",
            &FAILED[..60]
        );
        assert_eq!(parse(&text, 2026).len(), 1);
    }
}
