//! The kubelet's constants and templates, 1.26 to 1.37, and what of its free texts may be kept.

use crate::audit::seen::{Note, PostStartFailure};

const COMBINED: &str = "(combined from similar events): ";

/// Constants that no verdict reads, but that hold nothing of a user's either.
const SILENT: &[&str] = &[
    "PostStartHook failed",
    "PreStopHook failed",
    "Container created",
    "Container started",
    "Container runtime did not kill the pod within specified grace period.",
    "Preempted in order to admit critical pod",
];

/// Reads an Event's message that is one of the kubelet's own; `None` for all others.
#[must_use]
pub fn note(message: &str) -> Option<Note> {
    let message = message.strip_prefix(COMBINED).unwrap_or(message);
    match message {
        "FailedPostStartHook" => return Some(Note::FailedPostStartHook),
        "killing" => return Some(Note::RestartAll),
        "Starting kubelet." => return Some(Note::StartingKubelet),
        "Container is in \"unknown\" state, try killing it before restart"
        | "Init container is in \"unknown\" state, try killing it before restart" => {
            return Some(Note::UnknownState);
        }
        _ if SILENT.contains(&message) => return Some(Note::None),
        _ => {}
    }
    if let Some(name) = message.strip_prefix("Stopping container ") {
        return is_label(name).then_some(Note::StoppingContainer);
    }
    let rest = message
        .strip_prefix("Container ")
        .or_else(|| message.strip_prefix("Init container "))?;
    let (name, told) = rest.split_once(' ')?;
    let note = match told.strip_suffix(", will be restarted").unwrap_or(told) {
        "failed liveness probe" => Note::LivenessProbe,
        "failed startup probe" => Note::StartupProbe,
        "definition changed" => Note::DefinitionChanged,
        "resize requires restart" => Note::ResizeRestart,
        _ => return None,
    };
    is_label(name).then_some(note)
}

/// Reads what `state.waiting.message`, raw or redacted, tells of a failed postStart.
///
/// Up to 1.25 the same text stood behind the reason.
#[must_use]
pub fn post_start_failure(text: &str) -> Option<PostStartFailure> {
    let text = text.strip_prefix("PostStartHookError: ").unwrap_or(text);
    if text.starts_with("HTTP lifecycle hook") {
        return Some(PostStartFailure::HTTPError);
    }
    if text == "invalid handler" || text.starts_with("Cannot run handler: invalid handler") {
        return Some(PostStartFailure::InvalidHandler);
    }
    if let Some(code) = text.strip_prefix("exited with ") {
        return leading_number(code).map(PostStartFailure::Exit);
    }
    let code = match text.strip_prefix("Exec lifecycle hook ([") {
        Some(hook) => exit_after_same_command(hook)
            .or_else(|| exit_after(hook.split_once(" failed - error: ")?.1)),
        None => exit_after(text.strip_prefix("command '").map(|_| text)?),
    };
    code.map(PostStartFailure::Exit)
}

/// What stays of `state.waiting.message`; [`post_start_failure`] reads it back.
#[must_use]
pub fn post_start_failure_text(failure: PostStartFailure) -> String {
    match failure {
        PostStartFailure::Exit(code) => format!("exited with {code}"),
        PostStartFailure::HTTPError => "HTTP lifecycle hook".to_owned(),
        PostStartFailure::InvalidHandler => "invalid handler".to_owned(),
    }
}

/// The container that an Event's `fieldPath` names.
#[must_use]
pub fn container_of_field_path(path: &str) -> Option<&str> {
    let name = if let Some(name) = path.strip_prefix("implicitly required container ") {
        name
    } else {
        let braced = path
            .strip_prefix("spec.containers{")
            .or_else(|| path.strip_prefix("spec.initContainers{"))
            .or_else(|| path.strip_prefix("spec.ephemeralContainers{"))?;
        braced.strip_suffix('}')?
    };
    is_label(name).then_some(name)
}

/// A DNS label (RFC 1123), as the name of a container must be.
fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| inner(byte) || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// A command or its output may itself say `exited with`: only the error that repeats the command counts.
fn exit_after_same_command(hook: &str) -> Option<i32> {
    hook.match_indices("]) for Container \"")
        .find_map(|(end, _)| {
            let told = format!("command '{}' exited with ", &hook[..end]);
            let after = hook[end..].split_once(" failed - error: ")?.1;
            leading_number(after.strip_prefix(told.as_str())?)
        })
}

fn exit_after(text: &str) -> Option<i32> {
    leading_number(text.split_once("' exited with ")?.1)
}

fn leading_number(text: &str) -> Option<i32> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    let sign = text.len() - digits.len();
    text[..sign + length].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_killing_message_of_a_kubelet_is_understood() {
        for (message, expected) in [
            ("Stopping container app", Note::StoppingContainer),
            ("FailedPostStartHook", Note::FailedPostStartHook),
            (
                "Container app failed liveness probe, will be restarted",
                Note::LivenessProbe,
            ),
            ("Container app failed liveness probe", Note::LivenessProbe),
            (
                "Container app failed startup probe, will be restarted",
                Note::StartupProbe,
            ),
            (
                "Init container side failed startup probe",
                Note::StartupProbe,
            ),
            (
                "Init container side failed liveness probe",
                Note::LivenessProbe,
            ),
            (
                "Container app definition changed, will be restarted",
                Note::DefinitionChanged,
            ),
            (
                "Init container side definition changed",
                Note::DefinitionChanged,
            ),
            ("Container app resize requires restart", Note::ResizeRestart),
            (
                "Container is in \"unknown\" state, try killing it before restart",
                Note::UnknownState,
            ),
            (
                "Init container is in \"unknown\" state, try killing it before restart",
                Note::UnknownState,
            ),
            ("killing", Note::RestartAll),
            (
                "(combined from similar events): Stopping container app",
                Note::StoppingContainer,
            ),
            ("Starting kubelet.", Note::StartingKubelet),
            ("PreStopHook failed", Note::None),
        ] {
            assert_eq!(note(message), Some(expected), "{message}");
        }
    }

    #[test]
    fn a_message_that_only_resembles_a_template_is_not_kept() {
        for message in [
            "Stopping container app with password hunter2",
            "Stopping container ",
            "Stopping container UPPER",
            "Container app failed liveness probe: GET /secret",
            "Starting kube-proxy",
            "killing me",
            "",
        ] {
            assert_eq!(note(message), None, "{message}");
        }
    }

    #[test]
    fn the_exit_code_is_the_hooks_own_whatever_its_command_and_output_say() {
        let exec = |argv: &str, code: i32| {
            format!(
                "Exec lifecycle hook ([{argv}]) for Container \"app\" in Pod \"p_ns(uid)\" failed - error: \
                 command '{argv}' exited with {code}: ' exited with 99, message: \"command 'x' exited with 98\""
            )
        };
        for (argv, code) in [
            ("sh -c exit 7", 7),
            (
                "sh -c echo ' exited with 5 failed - error: command 'x' exited with 6",
                3,
            ),
            ("sh -c echo ]) for Container \"x\"", 127),
        ] {
            let failure = post_start_failure(&exec(argv, code));
            assert_eq!(failure, Some(PostStartFailure::Exit(code)), "{argv}");
        }
    }

    #[test]
    fn a_failure_reads_the_same_raw_and_redacted() {
        for (raw, expected) in [
            (
                "command 'sh -c exit 126' exited with 126: ",
                Some(PostStartFailure::Exit(126)),
            ),
            (
                "PostStartHookError: command 'a' exited with 1",
                Some(PostStartFailure::Exit(1)),
            ),
            (
                "HTTP lifecycle hook (/secret) for Container \"c\" in Pod \"p\" failed - error: dial",
                Some(PostStartFailure::HTTPError),
            ),
            (
                "Cannot run handler: invalid handler: &LifecycleHandler{Exec:nil,HTTPGet:nil}",
                Some(PostStartFailure::InvalidHandler),
            ),
            (
                "Sleep lifecycle hook (3) for Container \"c\" in Pod \"p\" failed - error: x",
                None,
            ),
            (
                "back-off 10s restarting failed container=app pod=p_ns(uid)",
                None,
            ),
            ("exited with a bang", None),
            ("", None),
        ] {
            let failure = post_start_failure(raw);
            assert_eq!(failure, expected, "{raw}");
            if let Some(failure) = failure {
                assert_eq!(
                    post_start_failure(&post_start_failure_text(failure)),
                    Some(failure)
                );
            }
        }
    }

    #[test]
    fn a_field_path_names_its_container() {
        assert_eq!(container_of_field_path("spec.containers{app}"), Some("app"));
        assert_eq!(
            container_of_field_path("spec.initContainers{side-1}"),
            Some("side-1")
        );
        assert_eq!(
            container_of_field_path("spec.ephemeralContainers{debug}"),
            Some("debug")
        );
        assert_eq!(
            container_of_field_path("implicitly required container POD"),
            None
        );
        assert_eq!(
            container_of_field_path("implicitly required container app"),
            Some("app")
        );
        assert_eq!(container_of_field_path("spec.containers{my secret}"), None);
        assert_eq!(container_of_field_path("spec.containers"), None);
    }
}
