//! What a person can do next, and what it costs.

use super::standing::{Standing, running};
use super::{Presence, Subject};
use crate::audit::record::{Run, Termination};
use crate::audit::words::{Cause, Handler, Hook, Outcome, TerminationResult};

/// One thing to do; its command can be copied as it is.
pub(super) struct Step {
    pub(super) text: String,
    pub(super) command: Option<String>,
}

/// What is to be said wherever somebody may be tempted to force the pod away.
const FORCE_COSTS: &str = "Do not reach for --force: it only removes the record. The containers may \
    run on, and a StatefulSet then starts a second pod of the same name beside them.";

pub(super) fn steps(subject: &Subject, standing: Standing<'_>) -> Vec<Step> {
    let hands = Hands { subject };
    match standing {
        Standing::Terminating(termination) => hands.holding(termination),
        Standing::Terminated(termination) => hands.ended(termination),
        Standing::Starting(run) => hands.post_start(run),
        Standing::Failing(run) => hands.failing(run),
        Standing::Remembered => vec![
            hands.step(
                "Its Events may still be there for an hour after they were written:",
                Some(format!("events --for=pod/{}", hands.pod())),
            ),
            hands.step(
                "What became of its workload so far:",
                Some("get hookaudits".to_owned()),
            ),
        ],
        Standing::Calm if subject.presence == Presence::Gone => Vec::new(),
        Standing::Calm => vec![say("Nothing has to be done.")],
    }
}

struct Hands<'a> {
    subject: &'a Subject,
}

impl Hands<'_> {
    fn holding(&self, termination: &Termination) -> Vec<Step> {
        match termination.cause {
            Cause::WithinGrace => vec![say(
                "Nothing has to be done yet; ask again after its grace.",
            )],
            Cause::PreStop | Cause::PreStopOrShutdown | Cause::Shutdown => {
                self.stopping(termination)
            }
            Cause::PostStart => self.stop_behind_post_start(),
            Cause::ContainerRuntime => self.runtime(),
            Cause::Volume => self.volume(),
            Cause::Finalizer => self.finalizer(termination),
            Cause::NodeUnreachable => self.unreachable(),
            Cause::NodeGone => vec![
                say(
                    "Wait: the control plane collects pods of a node that is gone, unless they \
                     carry finalizers.",
                ),
                self.step(
                    "If it stays, see whether finalizers keep it:",
                    Some(format!(
                        "get pod {} -o jsonpath='{{.metadata.finalizers}}'",
                        self.pod()
                    )),
                ),
            ],
            Cause::KubeletSilent => self.silent(),
            Cause::Unknown => vec![
                self.step("Read what the cluster says of it:", Some(self.describe())),
                say(FORCE_COSTS),
            ],
        }
    }

    fn stopping(&self, termination: &Termination) -> Vec<Step> {
        let hook = running(self.subject, Hook::PreStop);
        let container = hook.map(|run| &*run.container);
        let wait = match termination.deadline {
            Some(_) => {
                "Until the deadline nothing: it ends then by itself, whatever runs. To end it \
                 sooner is to cut off what it has begun."
            }
            None => "Wait: this kind of stop is bounded by the kubelet.",
        };
        let mut steps = vec![
            say(wait),
            self.step(
                "Meanwhile, see what still runs in it:",
                Some(self.processes(container)),
            ),
            self.step("What it says:", Some(self.logs(container, ""))),
        ];
        steps.push(match termination.cause {
            Cause::Shutdown => say(
                "Afterwards: make the process obey its stop signal (a shell as PID 1 does not \
                 hand signals on), or raise terminationGracePeriodSeconds.",
            ),
            _ => say(
                "Afterwards: shorten the hook, or raise terminationGracePeriodSeconds if it \
                 needs its time; the hook and the process share that one grace.",
            ),
        });
        steps
    }

    fn stop_behind_post_start(&self) -> Vec<Step> {
        let run = running(self.subject, Hook::PostStart);
        let mut steps = vec![say(
            "Waiting may not help: a postStart hook has no time limit, and the stop begins only \
             when it has returned.",
        )];
        steps.extend(self.end_post_start(run));
        steps.push(say(FORCE_COSTS));
        steps
    }

    fn post_start(&self, run: &Run) -> Vec<Step> {
        let mut steps = if run.stuck {
            vec![say(
                "Waiting may not help: a postStart hook has no time limit, and a stop of the pod \
                 would wait for it too.",
            )]
        } else {
            vec![say("Give it time: it is not slow yet.")]
        };
        steps.extend(self.end_post_start(Some(run)));
        steps
    }

    /// `kubectl logs` refuses a container whose postStart runs; `exec` does not.
    fn end_post_start(&self, run: Option<&Run>) -> Vec<Step> {
        let container = run.map(|run| &*run.container);
        let ending = match run.map(|run| run.handler) {
            Some(Handler::HTTPGet) => {
                "The hook waits for an answer over HTTP: have its server answer, or look why it \
                 does not."
            }
            _ => {
                "End the hook's own process in there (kill, by its number), and the kubelet goes \
                 on: the hook then counts as failed, and the container is killed and restarted."
            }
        };
        vec![
            self.step(
                "See what the hook waits for (kubectl logs refuses a container that starts):",
                Some(self.processes(container)),
            ),
            say(ending),
        ]
    }

    fn failing(&self, run: &Run) -> Vec<Step> {
        let exit = run
            .exit_code
            .map_or_else(String::new, |code| format!(" It ended with {code}."));
        let why = match run.handler {
            Handler::TCPSocket => {
                "Replace the hook: a tcpSocket handler is accepted by the API server and never \
                 works."
                    .to_owned()
            }
            _ => format!("The hook's own words are in the Event:{exit}"),
        };
        let events = format!("events --for=pod/{} --types=Warning", self.pod());
        vec![
            self.step(&why, Some(events)),
            self.step(
                "What the container said before it was killed:",
                Some(self.logs(Some(&run.container), " --previous")),
            ),
        ]
    }

    fn runtime(&self) -> Vec<Step> {
        vec![
            self.step(
                "Read the Events FailedKillPod of the pod:",
                Some(self.describe()),
            ),
            say("On the node, read the logs of the runtime and of the kubelet:"),
            on_node("crictl ps -a; journalctl -u containerd -u kubelet --since -15min"),
            say(
                "A process in uninterruptible sleep (state D: a dead NFS server, a broken disk) \
                 cannot be killed; repair what it waits for, or restart the node.",
            ),
            say(FORCE_COSTS),
        ]
    }

    fn volume(&self) -> Vec<Step> {
        let node = self.node();
        vec![
            self.step(
                "Read its Events and which volumes it has:",
                Some(self.describe()),
            ),
            plain(
                "See which volumes are still attached to its node:",
                Some(format!("kubectl get volumeattachments | grep {node}")),
            ),
            say("On the node, read why the kubelet does not unmount or remove:"),
            on_node("journalctl -u kubelet --since -15min | grep -i -e unmount -e cgroup"),
            say(
                "Do not reach for --force: the volume stays mounted, and a pod that takes it over \
                 elsewhere may damage what is on it.",
            ),
        ]
    }

    fn finalizer(&self, termination: &Termination) -> Vec<Step> {
        let mut steps = Vec::new();
        for finalizer in &termination.finalizers {
            steps.push(say(&owner_of(finalizer)));
        }
        steps.push(self.step(
            "Who set it stands in managedFields, beside f:finalizers:",
            Some(format!(
                "get pod {} -o yaml --show-managed-fields",
                self.pod()
            )),
        ));
        let remove = format!(
            "patch pod {} --type=json -p='[{{\"op\":\"remove\",\"path\":\"/metadata/finalizers\"}}]'",
            self.pod()
        );
        steps.push(self.step(
            "Only if that controller is gone for good: remove all finalizers by hand. What they \
             guard (an address, a volume, a record elsewhere) is then never cleaned up.",
            Some(remove),
        ));
        steps.push(say("--force does not help: it leaves finalizers alone."));
        steps
    }

    fn unreachable(&self) -> Vec<Step> {
        let node = self.node();
        vec![
            plain(
                "Look at the node:",
                Some(format!("kubectl describe node {node}")),
            ),
            say("Bring it back, and its kubelet ends the pod by itself."),
            plain(
                "Only if the machine is certainly off: declare it out of service. Its pods are \
                 then deleted by force and their volumes detached; should it still run, two \
                 pods write to one volume.",
                Some(format!(
                    "kubectl taint node {node} \
                     node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
                )),
            ),
            say(FORCE_COSTS),
        ]
    }

    fn silent(&self) -> Vec<Step> {
        let node = self.node();
        vec![
            plain(
                "Look at the node:",
                Some(format!("kubectl describe node {node}")),
            ),
            self.step("And at what the pod was doing:", Some(self.describe())),
            say("On the node, see whether its kubelet runs; to restart it hurts no container:"),
            on_node("systemctl status kubelet; journalctl -u kubelet --since -15min"),
            say("A restart of the kubelet runs preStop hooks again from their start."),
            say(FORCE_COSTS),
        ]
    }

    fn ended(&self, termination: &Termination) -> Vec<Step> {
        let mut steps = self.failed_pre_stops();
        steps.extend(self.late(termination));
        if steps.is_empty() {
            steps.push(say("Nothing has to be done."));
        }
        steps
    }

    fn failed_pre_stops(&self) -> Vec<Step> {
        let runs = self.subject.report.runs.iter();
        let failed = runs.filter(|run| {
            run.hook == Hook::PreStop
                && matches!(run.outcome, Outcome::Failed | Outcome::Interrupted)
        });
        let step = |run: &Run| {
            let text = format!(
                "The preStop hook of {} did not do its work; its words are in the Event, for an \
                 hour after it:",
                run.container
            );
            let command = format!("events --for=pod/{} --types=Warning", self.pod());
            self.step(&text, Some(command))
        };
        failed.take(1).map(step).collect()
    }

    fn late(&self, termination: &Termination) -> Vec<Step> {
        let overran = |run: &&Run| matches!(run.outcome, Outcome::Overran | Outcome::CutShort);
        let hook = self.subject.report.runs.iter().find(overran);
        match (termination.result, termination.cause) {
            (_, Cause::PreStop | Cause::PreStopOrShutdown) => {
                let container = hook.map_or("the container", |run| &run.container);
                vec![say(&format!(
                    "Shorten the preStop hook of {container}, or raise \
                     terminationGracePeriodSeconds: hook and process share that one grace."
                ))]
            }
            (_, Cause::Shutdown) => vec![say(
                "Make the process obey its stop signal (a shell as PID 1 does not hand signals \
                 on), or raise terminationGracePeriodSeconds.",
            )],
            (_, Cause::PostStart) => vec![say(
                "Give the postStart hook a time limit of its own: the kubelet gives it none.",
            )],
            (_, Cause::Finalizer) => vec![say(
                "Look why the controller of that finalizer was late: its log at the time above.",
            )],
            (Some(TerminationResult::ForceDeleted), _) => vec![say(
                "Find who used --force: what the containers did afterwards cannot be told.",
            )],
            (_, Cause::WithinGrace) => Vec::new(),
            _ => vec![say("Look at the node's own log at the times above.")],
        }
    }

    fn describe(&self) -> String {
        format!("describe pod {}", self.pod())
    }

    fn logs(&self, container: Option<&str>, more: &str) -> String {
        format!("logs {}{}{more} --tail=50", self.pod(), chosen(container))
    }

    fn processes(&self, container: Option<&str>) -> String {
        format!("exec {}{} -- ps -ef", self.pod(), chosen(container))
    }

    fn pod(&self) -> String {
        word(&self.subject.report.pod.name)
    }

    fn node(&self) -> String {
        word(self.subject.report.pod.node.as_deref().unwrap_or("NODE"))
    }

    /// A step whose command runs in the pod's namespace.
    fn step(&self, text: &str, command: Option<String>) -> Step {
        let namespace = word(&self.subject.report.pod.namespace);
        plain(
            text,
            command.map(|command| format!("kubectl -n {namespace} {command}")),
        )
    }
}

fn say(text: &str) -> Step {
    plain(text, None)
}

fn on_node(command: &str) -> Step {
    plain("", Some(command.to_owned()))
}

fn plain(text: &str, command: Option<String>) -> Step {
    Step {
        text: text.to_owned(),
        command,
    }
}

fn chosen(container: Option<&str>) -> String {
    container.map_or_else(String::new, |container| {
        format!(" --container={}", word(container))
    })
}

/// Which controller removes a finalizer.
fn owner_of(finalizer: &str) -> String {
    match finalizer {
        "foregroundDeletion" => "foregroundDeletion: the garbage collector removes it when every \
            dependent that blocks is gone; look for those."
            .to_owned(),
        "orphan" => "orphan: the garbage collector removes it; look at the log of \
            kube-controller-manager."
            .to_owned(),
        "batch.kubernetes.io/job-tracking" => "batch.kubernetes.io/job-tracking: the Job \
            controller removes it once it has counted the pod; look at its Job and at the log \
            of kube-controller-manager."
            .to_owned(),
        other => {
            let domain = other.split_once('/').map_or(other, |(domain, _)| domain);
            format!("Find the controller of {domain} and read its log: it removes {other}.")
        }
    }
}

/// A word of a shell's command line; names in a recording may be anything.
fn word(text: &str) -> String {
    let is_plain = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_' | '/' | ':')
    };
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_none_cannot_leave_its_word() {
        assert_eq!(word("web-0"), "web-0");
        assert_eq!(word("x; rm -rf ~"), "'x; rm -rf ~'");
        assert_eq!(word("a'b"), r"'a'\''b'");
        assert_eq!(word("--all"), "'--all'");
    }

    #[test]
    fn a_finalizer_is_led_back_to_its_controller() {
        assert!(owner_of("batch.kubernetes.io/job-tracking").contains("Job"));
        assert!(owner_of("demo.hookaudit.io/kept").contains("controller of demo.hookaudit.io"));
    }
}
