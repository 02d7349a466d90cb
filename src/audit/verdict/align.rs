//! Which Event tells of which container instance.
//!
//! Events carry neither a container id nor a restart count (facts: kubelet Events are joined by time
//! against `startedAt` and `finishedAt`). Occurrences of one kind are in order, and so are instances:
//! each occurrence goes to the first instance that it can belong to and that has none of its kind.
//!
//! What was counted before this process watched takes no place again, and an instance that came and went
//! unseen gets a place where an Event tells of it.

use crate::audit::case::ContainerCase;
use crate::audit::case::events::Occurrence;
use crate::audit::case::instance::Instance;
use crate::audit::moment::Moment;
use crate::audit::observation::{EventReason, Note};

/// No more than occurrences are kept of an Event.
const UNSEEN_MAX: u32 = 64;

/// One container instance with the Events that tell of it.
#[derive(Debug, Clone)]
pub struct Life {
    pub instance: Instance,
    /// The `Started` Event, if it was seen.
    pub started_event: Option<Moment>,
    /// `FailedPostStartHook`.
    pub post_start_failure: Option<Moment>,
    /// `Killing`, earliest first: more than one where a stop was begun again.
    pub kills: Vec<Kill>,
    /// Deliveries of its preStop that were counted before and are not among `kills`.
    pub told_attempts: u32,
    /// No status showed it.
    pub is_unseen: bool,
}

/// One beginning of a stop.
#[derive(Debug, Clone)]
pub struct Kill {
    pub at: Moment,
    pub note: Note,
    /// The Event object that told it.
    pub event: Option<Box<str>>,
    /// `FailedPreStopHook` of this delivery.
    pub failure: Option<Moment>,
}

impl Life {
    fn new(instance: Instance) -> Self {
        Self {
            instance,
            started_event: None,
            post_start_failure: None,
            kills: Vec::new(),
            told_attempts: 0,
            is_unseen: false,
        }
    }

    fn unseen(restart: u32) -> Self {
        Self {
            is_unseen: true,
            ..Self::new(Instance::new(restart))
        }
    }

    /// When the container started: its `Started` Event, else its `startedAt`.
    #[must_use]
    pub fn started(&self) -> Option<Moment> {
        self.started_event.or_else(|| self.instance.started())
    }

    /// When the postStart failed, by the more exact of the two Events that tell it.
    #[must_use]
    pub fn post_start_failed(&self) -> Option<Moment> {
        let killed = self
            .kills
            .iter()
            .find(|kill| kill.note == Note::FailedPostStartHook)
            .map(|kill| kill.at);
        [self.post_start_failure, killed]
            .into_iter()
            .flatten()
            .min_by_key(|at| (!at.is_exact(), *at))
    }

    fn can_hold(&self, at: Moment, next_started: Option<Moment>) -> bool {
        let begun = self
            .started()
            .is_none_or(|started| started.earliest <= at.latest);
        let end = self.instance.finished().or(next_started);
        begun && end.is_none_or(|end| end.latest >= at.earliest)
    }
}

/// Joins the instances of a container with its Events, ascending by restart.
#[must_use]
pub fn lives(container: &ContainerCase) -> Vec<Life> {
    let mut lives: Vec<Life> = container
        .instances
        .all
        .iter()
        .cloned()
        .map(Life::new)
        .collect();
    for started in container.events.of(EventReason::Started) {
        place_start(&mut lives, started.at);
    }
    let failures = due(container, &lives, EventReason::FailedPostStartHook);
    let kills = due(container, &lives, EventReason::Killing);
    let [told_post_start, told_pre_stop] = container.told;
    let restart = |told: Option<(u32, u32)>| told.map(|(restart, _)| restart);
    add_unseen(&mut lives, restart(told_post_start), failures.len());
    add_unseen(&mut lives, restart(told_pre_stop), kills.len());
    for (place, failure) in places(&mut lives, &failures, restart(told_post_start)) {
        lives[place].post_start_failure.get_or_insert(failure.at);
    }
    for (place, kill) in places(&mut lives, &kills, restart(told_pre_stop)) {
        let (note, event) = (kill.line.note, Some(kill.line.name.clone()));
        lives[place].told_attempts += u32::from(kill.is_told);
        lives[place].kills.push(Kill {
            at: kill.at,
            note,
            event,
            failure: None,
        });
    }
    for life in &mut lives {
        life.kills.sort_by_key(|kill| kill.at);
        let told = told_pre_stop.filter(|(restart, _)| *restart == life.instance.restart);
        let among_kills = std::mem::take(&mut life.told_attempts);
        life.told_attempts = told.map_or(0, |(_, attempt)| attempt.saturating_sub(among_kills));
    }
    let failures = due(container, &lives, EventReason::FailedPreStopHook);
    place_pre_stop_failures(&mut lives, &failures, restart(told_pre_stop));
    lives
}

/// What has still to be counted, and of what was counted that which tells of the latest instance.
fn due<'a>(
    container: &'a ContainerCase,
    lives: &[Life],
    reason: EventReason,
) -> Vec<Occurrence<'a>> {
    let latest = lives.last().and_then(Life::started);
    let is_latest =
        |at: Moment| latest.is_some_and(|started| at.is_exact() && started.latest <= at.earliest);
    let mut occurrences = container.events.of(reason);
    occurrences.retain(|occurrence| !occurrence.is_told || is_latest(occurrence.at));
    occurrences
}

/// Instances that came and went unseen: those between the last one counted and the last one that a status
/// shows, or, where none shows any, one for each of `events`.
fn add_unseen(lives: &mut Vec<Life>, counted: Option<u32>, events: usize) {
    if events == 0 {
        return;
    }
    let first = counted.map_or(0, |restart| restart.saturating_add(1));
    let shown = lives.iter().rfind(|life| !life.is_unseen);
    let end = match shown {
        Some(shown) => shown.instance.restart,
        None => {
            let events = u32::try_from(events).unwrap_or(UNSEEN_MAX);
            first.saturating_add(events.min(UNSEEN_MAX))
        }
    };
    for restart in end.saturating_sub(UNSEEN_MAX).max(first)..end {
        let place = lives.partition_point(|life| life.instance.restart < restart);
        let is_known = |life: &Life| life.instance.restart == restart;
        if !lives.get(place).is_some_and(is_known) {
            lives.insert(place, Life::unseen(restart));
        }
    }
}

/// `Started` comes within moments after the runtime's `startedAt`; one that fits no instance tells of
/// an instance that no status shows yet, because its postStart still runs.
fn place_start(lives: &mut Vec<Life>, at: Moment) {
    const LATER_SECONDS: i64 = 5;
    let fits = |life: &Life| {
        life.started_event.is_none()
            && life.instance.started().is_none_or(|started| {
                at.latest >= started.earliest
                    && at.earliest <= started.plus_seconds(LATER_SECONDS).latest
            })
    };
    if let Some(life) = lives.iter_mut().find(|life| fits(life)) {
        life.started_event = Some(at);
        return;
    }
    let after_last = lives.last().is_none_or(|last| {
        let end = last.instance.finished().or(last.started());
        last.instance.has_ended() && end.is_none_or(|end| end.earliest <= at.latest)
    });
    if after_last {
        let restart = lives.last().map_or(0, |last| last.instance.restart + 1);
        let mut life = Life::new(Instance::new(restart));
        life.started_event = Some(at);
        lives.push(life);
    }
}

/// Which occurrence goes where; one that is not counted yet goes to an instance after the last counted
/// one, if it can.
fn places<'a>(
    lives: &mut Vec<Life>,
    occurrences: &[Occurrence<'a>],
    counted: Option<u32>,
) -> Vec<(usize, Occurrence<'a>)> {
    if lives.is_empty() && !occurrences.is_empty() {
        lives.push(Life::new(Instance::new(0)));
    }
    let mut placed: Vec<(usize, Occurrence<'a>)> = Vec::new();
    let mut from = 0;
    for occurrence in occurrences {
        let can_hold = |place: &usize| {
            let next_started = lives[place + 1..].iter().find_map(Life::started);
            lives[*place].can_hold(occurrence.at, next_started)
        };
        let is_new = |place: &usize| {
            occurrence.is_told || counted.is_none_or(|told| lives[*place].instance.restart > told)
        };
        // The next of its kind is the next instance's, unless there is none: then it is told again.
        let taken = |place: &usize| placed.iter().any(|(other, _)| other == place);
        let all = || from..lives.len();
        let place = all()
            .find(|place| can_hold(place) && is_new(place) && !taken(place))
            .or_else(|| all().rev().find(|place| can_hold(place) && is_new(place)))
            .or_else(|| all().find(|place| can_hold(place) && !taken(place)))
            .or_else(|| all().rev().find(can_hold))
            .or_else(|| next_unshown(lives, occurrence))
            .or_else(|| {
                (from..lives.len())
                    .rev()
                    .find(|place| begun_by(&lives[*place], occurrence.at))
            });
        if let Some(place) = place {
            from = place;
            placed.push((place, *occurrence));
        }
    }
    placed
}

/// A postStart runs only in an instance that starts: one that fails after the last instance ended tells of
/// one that no status shows yet.
fn next_unshown(lives: &mut Vec<Life>, occurrence: &Occurrence<'_>) -> Option<usize> {
    let of_post_start = occurrence.line.reason == EventReason::FailedPostStartHook
        || occurrence.line.note == Note::FailedPostStartHook;
    let last = lives.last()?;
    let is_over = last
        .instance
        .finished()
        .is_some_and(|finished| finished.is_before(occurrence.at));
    if !of_post_start || !is_over {
        return None;
    }
    lives.push(Life::unseen(last.instance.restart + 1));
    Some(lives.len() - 1)
}

fn begun_by(life: &Life, at: Moment) -> bool {
    life.started()
        .is_none_or(|started| started.earliest <= at.latest)
}

/// A failure belongs to the latest stop begun before it that has none; without any `Killing` it tells
/// of a stop whose own Event was lost.
fn place_pre_stop_failures(
    lives: &mut Vec<Life>,
    failures: &[Occurrence<'_>],
    counted: Option<u32>,
) {
    for failure in failures {
        let mut kills: Vec<&mut Kill> = lives
            .iter_mut()
            .flat_map(|life| life.kills.iter_mut())
            .collect();
        kills.sort_by_key(|kill| kill.at);
        let begun = |kill: &Kill| kill.at.earliest <= failure.at.latest;
        let next_of = |place: usize, kills: &[&mut Kill]| kills.get(place + 1).map(|kill| kill.at);
        let place = (0..kills.len()).find(|place| {
            let before_next =
                next_of(*place, &kills).is_none_or(|next| failure.at.earliest <= next.latest);
            begun(kills[*place]) && kills[*place].failure.is_none() && before_next
        });
        if let Some(place) = place {
            kills[place].failure = Some(failure.at);
        } else if !kills.iter().any(|kill| begun(kill)) {
            let lost = places(lives, std::slice::from_ref(failure), counted);
            if let Some((place, _)) = lost.first() {
                let note = Note::StoppingContainer;
                lives[*place].kills.push(Kill {
                    at: failure.at,
                    note,
                    event: None,
                    failure: Some(failure.at),
                });
            }
        }
    }
}
