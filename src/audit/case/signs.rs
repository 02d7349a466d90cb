//! What the cluster stamped of a pod, in order: the facts of a case as a timeline.

use super::Case;
use crate::audit::moment::Moment;
use crate::audit::record::{Sign, SignKind};
use crate::audit::seen::{EventReason, TerminatedReason};

/// Signs kept per pod, the newest; a crash loop has many that are all alike.
const SIGNS_MAX: usize = 40;

impl Case {
    /// The newest signs, earliest first. Within one second the order may not be known: what was
    /// stamped to the second stands at that second's end.
    #[must_use]
    pub fn signs(&self) -> Vec<Sign> {
        let mut signs = Vec::new();
        self.signs_of_containers(&mut signs);
        for occurrence in self.events.occurrences(|reason, _| is_telling(reason)) {
            signs.push(Sign {
                at: occurrence.at,
                container: None,
                kind: SignKind::Event(occurrence.line.reason),
            });
        }
        for deletion in self.stop.deletions.iter().skip(1) {
            signs.push(Sign {
                at: Moment::exact(deletion.seen_at),
                container: None,
                kind: SignKind::GraceSet {
                    deadline: deletion.deadline,
                    grace_seconds: deletion.grace_seconds,
                },
            });
        }
        signs.sort_by(|left, right| {
            let key = |sign: &Sign| (sign.at.latest, sign.at.earliest);
            key(left).cmp(&key(right))
        });
        signs.drain(..signs.len().saturating_sub(SIGNS_MAX));
        signs
    }

    fn signs_of_containers(&self, signs: &mut Vec<Sign>) {
        for container in &self.containers {
            let mut push = |at, kind| {
                signs.push(Sign {
                    at,
                    container: Some(container.name.clone()),
                    kind,
                });
            };
            for occurrence in container.events.occurrences(|reason, _| is_telling(reason)) {
                push(occurrence.at, SignKind::Event(occurrence.line.reason));
            }
            for instance in &container.instances.all {
                if let Some(at) = instance.started() {
                    push(at, SignKind::Started);
                }
                if let (Some(ended), Some(at)) = (instance.ended, instance.finished()) {
                    push(
                        at,
                        SignKind::Ended {
                            exit_code: ended.exit_code,
                            out_of_memory: ended.reason == TerminatedReason::OOMKilled,
                        },
                    );
                }
            }
        }
    }
}

fn is_telling(reason: EventReason) -> bool {
    !matches!(
        reason,
        EventReason::Starting
            | EventReason::Shutdown
            | EventReason::Started
            | EventReason::Created
            | EventReason::Pulling
            | EventReason::Pulled
            | EventReason::Other
    )
}
