//! What is counted of which pod, packed: in plain fields it would be longer than all the rest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audit::account::{Account, LineAccount, Marks, Numbers, PodAccount, RunAccount};
use crate::audit::record::LineKind;
use crate::audit::seen::{EventReason, Note};
use crate::audit::words::{Hook, Outcome, TerminationResult};

use super::status::{AccountStatus, whole_seconds};

/// Notes of `Killing`, by their number in a packed line.
const NOTES: &[Note] = &[
    Note::None,
    Note::StoppingContainer,
    Note::LivenessProbe,
    Note::StartupProbe,
    Note::DefinitionChanged,
    Note::ResizeRestart,
    Note::UnknownState,
    Note::RestartAll,
];

#[derive(Serialize, Deserialize, Default)]
struct Packed {
    /// Names that runs and lines give by their number.
    containers: Vec<String>,
    pods: Vec<PackedPod>,
}

#[derive(Serialize, Deserialize)]
struct PackedPod {
    pod: [u8; 8],
    termination: Option<u8>,
    runs: Vec<PackedRun>,
    lines: Vec<PackedLine>,
}

#[derive(Serialize, Deserialize)]
struct PackedRun {
    container: u16,
    hook: u8,
    restart: u32,
    attempt: u32,
    outcome: u8,
    pending: Vec<(u32, u32)>,
}

#[derive(Serialize, Deserialize)]
struct PackedLine {
    container: u16,
    kind: u8,
    born_at_nanosecond: i64,
    last: u32,
    missing: Vec<u32>,
}

/// The account as a status carries it.
pub(super) fn pack(account: &Account) -> AccountStatus {
    let mut packed = Packed::default();
    let mut open = Vec::new();
    for pod in &account.pods {
        if pod.is_open {
            open.extend(pod.pod.to_be_bytes());
        }
        if pod.termination.is_some() || !pod.runs.is_empty() || !pod.lines.is_empty() {
            let entry = packed.pod(pod);
            packed.pods.push(entry);
        }
    }
    // A list of plain values cannot fail to serialise.
    let counted = postcard::to_allocvec(&packed).unwrap_or_default();
    AccountStatus {
        writer: format!("{:016x}", account.writer),
        sequence: i64::try_from(account.sequence).unwrap_or(i64::MAX),
        time: whole_seconds(account.at),
        marks: pack_marks(&account.marks),
        living: format!("{:016x}", account.living),
        open: STANDARD_NO_PAD.encode(open),
        counted: if packed.pods.is_empty() {
            String::new()
        } else {
            STANDARD_NO_PAD.encode(counted)
        },
    }
}

/// Reads what [`pack`] wrote; what it cannot read is left out.
pub(super) fn unpack(status: &AccountStatus) -> Account {
    let packed: Packed = STANDARD_NO_PAD
        .decode(&status.counted)
        .ok()
        .and_then(|bytes| postcard::from_bytes(&bytes).ok())
        .unwrap_or_default();
    let mut pods: Vec<PodAccount> = packed.pods.iter().map(|pod| packed.unpack(pod)).collect();
    pods.sort_unstable_by_key(|pod| pod.pod);
    let open = STANDARD_NO_PAD.decode(&status.open).unwrap_or_default();
    for pod in open
        .chunks_exact(8)
        .filter_map(|chunk| chunk.try_into().ok())
    {
        let pod = u64::from_be_bytes(pod);
        match pods.binary_search_by_key(&pod, |known| known.pod) {
            Ok(place) => pods[place].is_open = true,
            Err(place) => pods.insert(
                place,
                PodAccount {
                    pod,
                    is_open: true,
                    ..PodAccount::default()
                },
            ),
        }
    }
    Account {
        writer: u64::from_str_radix(&status.writer, 16).unwrap_or_default(),
        sequence: u64::try_from(status.sequence).unwrap_or_default(),
        at: status.time.0,
        marks: unpack_marks(&status.marks),
        living: u64::from_str_radix(&status.living, 16).unwrap_or_default(),
        pods,
    }
}

impl Packed {
    fn pod(&mut self, pod: &PodAccount) -> PackedPod {
        let runs = pod.runs.iter().map(|run| PackedRun {
            container: self.number(&run.container),
            hook: run.hook as u8,
            restart: run.restart,
            attempt: run.attempt,
            outcome: run.outcome as u8,
            pending: run.pending.clone(),
        });
        let runs = runs.collect();
        let lines = pod.lines.iter().filter_map(|line| {
            Some(PackedLine {
                container: self.number(&line.container),
                kind: pack_kind(line.kind)?,
                born_at_nanosecond: i64::try_from(line.born_at.as_nanosecond()).ok()?,
                last: line.counted.last,
                missing: line.counted.missing.clone(),
            })
        });
        PackedPod {
            pod: pod.pod.to_be_bytes(),
            termination: pod.termination.map(|result| result as u8),
            runs,
            lines: lines.collect(),
        }
    }

    fn number(&mut self, container: &str) -> u16 {
        let known = self.containers.iter().position(|known| known == container);
        let number = known.unwrap_or_else(|| {
            self.containers.push(container.to_owned());
            self.containers.len() - 1
        });
        u16::try_from(number).unwrap_or(u16::MAX)
    }

    fn unpack(&self, pod: &PackedPod) -> PodAccount {
        let container = |number: u16| {
            let name = self.containers.get(usize::from(number));
            name.map(|name| Box::<str>::from(name.as_str()))
        };
        let runs = pod.runs.iter().filter_map(|run| {
            Some(RunAccount {
                container: container(run.container)?,
                hook: *Hook::ALL.get(usize::from(run.hook))?,
                restart: run.restart,
                attempt: run.attempt,
                outcome: *Outcome::ALL.get(usize::from(run.outcome))?,
                pending: run.pending.clone(),
            })
        });
        let lines = pod.lines.iter().filter_map(|line| {
            Some(LineAccount {
                container: container(line.container)?,
                kind: unpack_kind(line.kind)?,
                born_at: Timestamp::from_nanosecond(i128::from(line.born_at_nanosecond)).ok()?,
                counted: Numbers::read(line.last, &line.missing),
            })
        });
        PodAccount {
            pod: u64::from_be_bytes(pod.pod),
            is_open: false,
            termination: pod
                .termination
                .and_then(|result| TerminationResult::ALL.get(usize::from(result)).copied()),
            runs: runs.collect(),
            lines: lines.collect(),
        }
    }
}

fn pack_kind(kind: LineKind) -> Option<u8> {
    match kind {
        LineKind::PostStartFailed => Some(0),
        LineKind::PreStopFailed => Some(1),
        LineKind::Killing(note) => {
            let number = NOTES.iter().position(|known| *known == note)?;
            u8::try_from(number + 2).ok()
        }
    }
}

fn unpack_kind(kind: u8) -> Option<LineKind> {
    match kind {
        0 => Some(LineKind::PostStartFailed),
        1 => Some(LineKind::PreStopFailed),
        note => NOTES
            .get(usize::from(note) - 2)
            .map(|note| LineKind::Killing(*note)),
    }
}

/// `reason:resourceVersion`, with a space between two.
fn pack_marks(marks: &Marks) -> String {
    let marks = marks.pairs().iter();
    let texts: Vec<String> = marks
        .map(|(reason, version)| format!("{}:{version}", reason.as_str()))
        .collect();
    texts.join(" ")
}

fn unpack_marks(packed: &str) -> Marks {
    let marks = packed.split_ascii_whitespace().filter_map(|part| {
        let (reason, version) = part.split_once(':')?;
        Some((EventReason::parse(reason)?, version.parse().ok()?))
    });
    Marks::from_pairs(marks.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let born_at = "2026-11-22T17:19:02.123456789Z".parse().unwrap();
        let run = |container: &str, hook, restart| RunAccount {
            container: container.into(),
            hook,
            restart,
            attempt: 2,
            outcome: Outcome::Interrupted,
            pending: vec![(restart - 1, 1)],
        };
        Account {
            writer: 0xfeed_0000_0000_0001,
            sequence: 42,
            at: "2026-11-22T17:20:00Z".parse().unwrap(),
            marks: Marks::from_pairs(vec![
                (EventReason::Killing, 7),
                (EventReason::FailedPreStopHook, 1 << 40),
            ]),
            living: 0x0123_4567_89ab_cdef,
            pods: vec![
                PodAccount {
                    pod: 1,
                    is_open: true,
                    ..PodAccount::default()
                },
                PodAccount {
                    pod: u64::MAX,
                    is_open: true,
                    termination: Some(TerminationResult::NodeLost),
                    runs: vec![
                        run("app", Hook::PostStart, 3),
                        run("sidecar", Hook::PreStop, 9),
                    ],
                    lines: vec![LineAccount {
                        container: "sidecar".into(),
                        kind: LineKind::Killing(Note::LivenessProbe),
                        born_at,
                        counted: Numbers {
                            last: 9,
                            missing: vec![3, 4],
                        },
                    }],
                },
            ],
        }
    }

    #[test]
    fn what_was_packed_is_read_back() {
        let account = account();
        assert_eq!(unpack(&pack(&account)), account);
        let empty = Account::default();
        assert_eq!(unpack(&pack(&empty)), empty);
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let mut status = pack(&account());
        status.marks = "Killing:7 Killing Nothing:3 Evicted:-1".to_owned();
        status.counted.truncate(11);
        status.open = "not base64!".to_owned();
        let read = unpack(&status);
        assert_eq!(read.marks.pairs(), [(EventReason::Killing, 7)]);
        assert!(read.pods.is_empty());
    }
}
