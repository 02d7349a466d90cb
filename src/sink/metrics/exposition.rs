//! One exposition, made chunk by chunk as it is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::api::OTHER;
use crate::audit::snapshot::{Snapshot, Workload};

use super::births::{Births, Moment};
use super::families::{FAMILIES, Family, Fold};
use super::own;
use super::shown::{Place, Shown};
use super::text::{Kind, Text, push_labels};
use super::{Format, Leadership, Shared};

const CHUNK_BYTES: usize = 64 * 1024;
/// Workloads handled between two looks at the size of the chunk.
const STRIDE: usize = 64;

/// Yields the text in chunks of about 64 KiB.
#[derive(Debug)]
pub struct Exposition {
    shared: Arc<Shared>,
    snapshot: Arc<Snapshot>,
    moment: Moment,
    format: Format,
    /// Of each workload; `None` while no workload family is exported.
    slots: Option<Vec<Option<usize>>>,
    step: Step,
    fold: Sums,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Workloads { family: usize, position: usize },
    Own,
    Done,
}

/// Labels after the namespace, escaped, with what was added up for the namespace that is being read.
#[derive(Debug, Default)]
struct Sums {
    namespace: Box<str>,
    values: BTreeMap<String, u64>,
}

impl Exposition {
    pub(super) fn new(
        shared: Arc<Shared>,
        snapshot: Arc<Snapshot>,
        now: Timestamp,
        format: Format,
    ) -> Self {
        let moment = Moment {
            now,
            zero_for: shared.settings.zero_for,
        };
        let mut state = shared.state();
        // A follower remembers since when statuses list what.
        let slots = snapshot
            .synced
            .then(|| state.shown.slots_of(&snapshot.workloads, moment));
        let slots = slots.filter(|_| state.leadership() != Some(Leadership::Follower));
        if slots.is_some() && state.begins_term() {
            state.shown.take_over(moment);
        }
        let step = if slots.is_some() {
            Step::Workloads {
                family: 0,
                position: 0,
            }
        } else {
            Step::Own
        };
        drop(state);
        Self {
            shared,
            snapshot,
            moment,
            format,
            slots,
            step,
            fold: Sums::default(),
        }
    }

    fn workloads(&mut self, text: &mut Text, family: usize, position: usize) -> Step {
        let rules = &FAMILIES[family];
        if position == 0 {
            text.head(rules.name, rules.kind, rules.help);
        }
        let end = (position + STRIDE).min(self.snapshot.workloads.len());
        let shared = Arc::clone(&self.shared);
        let snapshot = Arc::clone(&self.snapshot);
        let slots = &self.slots.as_deref().unwrap_or_default()[position..end];
        let mut state = shared.state();
        for (workload, slot) in snapshot.workloads[position..end].iter().zip(slots) {
            if workload.namespace != self.fold.namespace {
                self.fold.flush(text, family, &mut state.shown);
                self.fold.namespace = workload.namespace.clone();
            }
            if !(rules.applies)(workload) {
                continue;
            }
            let place = match (rules.fold, *slot) {
                (Fold::Namespace, _) | (_, None) => Place::Folded,
                (_, Some(at)) => state.shown.place(family, at, shared.settings.workloads_max),
            };
            let mut not_born = Births::none();
            let births = match slot {
                Some(at) => &mut state.shown.slot(*at).births,
                None => &mut not_born,
            };
            match place {
                Place::Own => own_series(text, rules, workload, births, self.moment),
                Place::Folded if rules.fold == Fold::LeaveOut => {}
                Place::Folded => {
                    let fold = &mut self.fold;
                    (rules.fill)(workload, births, self.moment, &mut |labels, value| {
                        fold.add(rules, labels, value)
                    });
                }
            }
        }
        if end < snapshot.workloads.len() {
            return Step::Workloads {
                family,
                position: end,
            };
        }
        self.fold.flush(text, family, &mut state.shown);
        if family + 1 < FAMILIES.len() {
            Step::Workloads {
                family: family + 1,
                position: 0,
            }
        } else {
            Step::Own
        }
    }

    fn own(&self, text: &mut Text) {
        if self.slots.is_some() {
            own::overdue(text, &self.snapshot);
        }
        let mut state = self.shared.state();
        own::observation(text, &self.snapshot, &mut state.gaps);
        own::writes(text, &self.shared.status, &self.shared.events);
        own::capped(text, state.shown.capped());
        own::process(text, &self.shared, state.leadership());
    }
}

impl Iterator for Exposition {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut text = Text::new(self.format, CHUNK_BYTES + CHUNK_BYTES / 4);
        while text.buffer.len() < CHUNK_BYTES {
            self.step = match self.step {
                Step::Workloads { family, position } => self.workloads(&mut text, family, position),
                Step::Own => {
                    self.own(&mut text);
                    text.end();
                    Step::Done
                }
                Step::Done => break,
            };
        }
        (!text.buffer.is_empty()).then_some(text.buffer)
    }
}

fn own_series(
    text: &mut Text,
    family: &Family,
    workload: &Workload,
    births: &mut Births,
    moment: Moment,
) {
    let mut prefix = String::with_capacity(128);
    let workload_type = own::workload_type(workload);
    push_labels(
        &mut prefix,
        &[
            ("namespace", &workload.namespace),
            ("workload", &workload.target.name),
            ("workload_type", &workload_type),
        ],
    );
    (family.fill)(workload, births, moment, &mut |labels, value| {
        text.sample_after(family.name, &prefix, labels, value);
    });
}

impl Sums {
    fn flush(&mut self, text: &mut Text, family: usize, shown: &mut Shown) {
        let rules = &FAMILIES[family];
        for (labels, sum) in std::mem::take(&mut self.values) {
            let mut prefix = String::new();
            push_labels(&mut prefix, &[("namespace", &self.namespace)]);
            prefix.push_str(&labels);
            let sum = if rules.kind == Kind::Counter {
                shown.floor(family, &prefix, sum)
            } else {
                sum
            };
            text.sample_after(rules.name, &prefix, &[], sum);
        }
    }

    fn add(&mut self, family: &Family, labels: &[(&'static str, &str)], value: u64) {
        let mut text = String::new();
        if family.fold == Fold::Sum {
            text.push(',');
            push_labels(&mut text, &[("workload", OTHER), ("workload_type", OTHER)]);
        }
        for &(name, label) in labels {
            text.push(',');
            push_labels(
                &mut text,
                &[(name, if name == "container" { OTHER } else { label })],
            );
        }
        let sum = self.values.entry(text).or_default();
        *sum = sum.saturating_add(value);
    }
}
