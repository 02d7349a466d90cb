//! Which Event tells of which container instance.
//!
//! Events carry neither a container id nor a restart count (facts: kubelet Events are joined by time
//! against `startedAt` and `finishedAt`). Occurrences of one kind are in order, and so are instances:
//! each occurrence goes to the first instance that it can belong to and that has none of its kind.
//!
//! What was counted before this process watched takes no place again, and an instance that came and went
//! unseen gets a place where an Event tells of it.

use crate::audit::case::events::Occurrence;
use crate::audit::case::instance::Instance;
use crate::audit::case::{ContainerCase, Shown};
use crate::audit::moment::Moment;
use crate::audit::record::Witness;
use crate::audit::seen::{EventReason, Note};
use crate::audit::words::{Handler, Hook};

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
    /// Either of the two Events that tell of it.
    pub post_start_witness: Option<Witness>,
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
    pub witness: Option<Witness>,
    /// `FailedPreStopHook` of this delivery.
    pub failure: Option<Failure>,
}

/// When a hook failed, and what told so.
#[derive(Debug, Clone, Copy)]
pub struct Failure {
    pub at: Moment,
    pub witness: Option<Witness>,
}

impl Failure {
    fn of(occurrence: &Occurrence<'_>) -> Self {
        Self {
            at: occurrence.at,
            witness: occurrence.witness(),
        }
    }
}

impl Life {
    fn new(instance: Instance) -> Self {
        Self {
            instance,
            started_event: None,
            post_start_failure: None,
            post_start_witness: None,
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

    fn can_hold(&self, occurrence: &Occurrence<'_>, next_started: Option<Moment>) -> bool {
        let at = occurrence.at;
        if tells_of_post_start(occurrence) && self.has_passed_post_start() {
            return false;
        }
        let begun = self
            .started()
            .is_none_or(|started| started.earliest <= at.latest);
        let end = self.instance.finished().or(next_started);
        begun && end.is_none_or(|end| end.latest >= at.earliest)
    }

    /// A kubelet shows a container as running only after its postStart returned.
    fn has_passed_post_start(&self) -> bool {
        self.instance.running_seen_at.is_some() && !self.instance.post_start_error
    }
}

fn tells_of_post_start(occurrence: &Occurrence<'_>) -> bool {
    occurrence.line.reason == EventReason::FailedPostStartHook
        || occurrence.line.note == Note::FailedPostStartHook
}

/// Failures of postStart that fell on an instance which the pod's own status shows to have passed it. Those of
/// instances that were forgotten are none.
fn unfit(
    lives: &[Life],
    occurrences: &[Occurrence<'_>],
    placed: &[(usize, Occurrence<'_>)],
) -> Vec<EventReason> {
    let from = lives.first().and_then(Life::started);
    let unplaced = occurrences
        .iter()
        .filter(|occurrence| !placed.iter().any(|(_, other)| other == *occurrence));
    unplaced
        .filter(|occurrence| tells_of_post_start(occurrence))
        .filter(|occurrence| from.is_none_or(|from| from.earliest <= occurrence.at.latest))
        .map(|occurrence| occurrence.line.reason)
        .collect()
}

/// Joins the instances of a container with its Events, ascending by restart. What no instance can be told by
/// is refused. Of a pod that vanished between two lists the latest instances may never have been shown.
#[must_use]
pub fn lives(
    container: &ContainerCase,
    vanished: bool,
    refused: &mut Vec<EventReason>,
) -> Vec<Life> {
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
    add_unseen(
        container,
        &mut lives,
        restart(told_post_start),
        failures.len(),
    );
    add_unseen(container, &mut lives, restart(told_pre_stop), kills.len());
    if vanished {
        let told = restart(told_post_start);
        add_failed_unshown(&mut lives, told, &[&failures, &kills]);
    }
    let placed = places(&mut lives, &failures, restart(told_post_start));
    refused.extend(unfit(&lives, &failures, &placed));
    for (place, failure) in placed {
        let life = &mut lives[place];
        if life.post_start_failure.is_none() {
            life.post_start_failure = Some(failure.at);
            life.post_start_witness = failure.witness();
        }
    }
    let placed = places(&mut lives, &kills, restart(told_pre_stop));
    refused.extend(unfit(&lives, &kills, &placed));
    for (place, kill) in placed {
        let (note, event) = (kill.line.note, Some(kill.line.name.clone()));
        let witness = kill.witness();
        let life = &mut lives[place];
        if tells_of_post_start(&kill) {
            life.post_start_witness = life.post_start_witness.or(witness);
        }
        life.told_attempts += u32::from(kill.is_told);
        life.kills.push(Kill {
            at: kill.at,
            note,
            event,
            witness,
            failure: None,
        });
    }
    for life in &mut lives {
        life.kills.sort_by_key(|kill| kill.at);
        let told = told_pre_stop.filter(|(restart, _)| *restart == life.instance.restart);
        let among_kills = std::mem::take(&mut life.told_attempts);
        life.told_attempts = told.map_or(0, |(_, attempt)| attempt.saturating_sub(among_kills));
    }
    let mut failures = due(container, &lives, EventReason::FailedPreStopHook);
    // What was counted tells of a stop that was counted, or of none.
    let has_told = kills.iter().any(|kill| kill.is_told);
    failures.retain(|failure| !failure.is_told || has_told);
    place_pre_stop_failures(container, &mut lives, &failures);
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
/// shows, or, where none shows any, one for each of `events`. Those before the first one kept are forgotten.
fn add_unseen(
    container: &ContainerCase,
    lives: &mut Vec<Life>,
    counted: Option<u32>,
    events: usize,
) {
    if events == 0 {
        return;
    }
    let first = counted.map_or(0, |restart| restart.saturating_add(1));
    let first = first.max(container.instances.first_kept);
    let shown = lives.iter().rfind(|life| !life.is_unseen);
    let end = match shown {
        Some(shown) => shown.instance.restart,
        // A pod that is there shows by its status that it was restarted.
        None if !container.is_unseen => first.saturating_add(1),
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

/// A postStart runs once in an instance: as many as failed, and no status shows, came after the last one shown.
fn add_failed_unshown(
    lives: &mut Vec<Life>,
    counted: Option<u32>,
    witnesses: &[&[Occurrence<'_>]],
) {
    let failed = |witnesses: &&[Occurrence<'_>]| {
        let of_post_start = witnesses
            .iter()
            .filter(|occurrence| tells_of_post_start(occurrence) && !occurrence.is_told);
        of_post_start.count()
    };
    let failed = witnesses.iter().map(failed).max().unwrap_or_default();
    let is_new = |life: &&Life| counted.is_none_or(|told| life.instance.restart > told);
    let can_have_failed = lives
        .iter()
        .filter(is_new)
        .filter(|life| !life.has_passed_post_start());
    for _ in can_have_failed.count()..failed {
        let last = lives.last().map(|last| last.instance.restart).max(counted);
        lives.push(Life::unseen(last.map_or(0, |last| last.saturating_add(1))));
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
        let restart = lives
            .last()
            .map_or(0, |last| last.instance.restart.saturating_add(1));
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
        let can_hold =
            |place: &usize| lives[*place].can_hold(occurrence, next_started(lives, *place));
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
            .or_else(|| {
                let last = lives.len() - 1;
                let is_taken = counted == Some(lives[last].instance.restart)
                    || placed.iter().any(|(other, _)| *other == last);
                is_taken.then(|| next_unshown(lives, occurrence)).flatten()
            })
            .or_else(|| {
                (from..lives.len())
                    .rev()
                    .find(|place| begun_by(&lives[*place], occurrence))
            });
        if let Some(place) = place {
            from = place;
            placed.push((place, *occurrence));
        }
    }
    placed
}

/// A postStart runs once in an instance: one that fails again after the last instance ended tells of one
/// that no status shows yet.
fn next_unshown(lives: &mut Vec<Life>, occurrence: &Occurrence<'_>) -> Option<usize> {
    let last = lives.last()?;
    let is_over = last
        .instance
        .finished()
        .is_some_and(|finished| finished.is_before(occurrence.at));
    if occurrence.line.note != Note::FailedPostStartHook || !is_over {
        return None;
    }
    lives.push(Life::unseen(last.instance.restart.saturating_add(1)));
    Some(lives.len() - 1)
}

fn begun_by(life: &Life, occurrence: &Occurrence<'_>) -> bool {
    if tells_of_post_start(occurrence) && life.has_passed_post_start() {
        return false;
    }
    life.started()
        .is_none_or(|started| started.earliest <= occurrence.at.latest)
}

/// A failure belongs to the first stop begun before it that has none, of a container that did not end long
/// before; without any such `Killing` it tells of a stop whose own Event was lost, or comes later. A request
/// to another host may outlive its container.
fn place_pre_stop_failures(
    container: &ContainerCase,
    lives: &mut Vec<Life>,
    failures: &[Occurrence<'_>],
) {
    let counted = container.told[Hook::PreStop as usize].map(|(restart, _)| restart);
    let handler = container.pre_stop.as_ref().map(|spec| spec.handler);
    let may_outlive = handler == Some(Handler::HTTPGet);
    for failure in failures {
        let at = failure.at;
        let own = free_kill(lives, at, |place| {
            may_outlive || !is_long_over(lives, place, at)
        });
        if let Some((life, kill)) = own {
            lives[life].kills[kill].failure = Some(Failure::of(failure));
        } else if !any_begun(lives, at) || is_of_another(lives, failure) {
            lost_stop(lives, failure, counted);
        } else if container.shown == Shown::Terminated
            && let Some((life, kill)) = free_kill(lives, at, |_| true)
        {
            lives[life].kills[kill].failure = Some(Failure::of(failure));
        } else if container.is_unseen || container.told.iter().any(Option::is_some) {
            // Nothing shows that there was no other stop, or its stop was counted as that of a postStart that failed.
            lost_stop(lives, failure, counted);
        }
    }
}

fn lost_stop(lives: &mut Vec<Life>, failure: &Occurrence<'_>, counted: Option<u32>) {
    let lost = places(lives, std::slice::from_ref(failure), counted);
    if let Some((place, _)) = lost.first() {
        lives[*place].kills.push(Kill {
            at: failure.at,
            note: Note::StoppingContainer,
            event: None,
            witness: None,
            failure: Some(Failure::of(failure)),
        });
    }
}

/// The first stop without a failure, by time, that began before `at` and the next of which did not.
fn free_kill(
    lives: &[Life],
    at: Moment,
    can_fail: impl Fn(usize) -> bool,
) -> Option<(usize, usize)> {
    let mut kills: Vec<(Moment, usize, usize)> = Vec::new();
    for (place, life) in lives.iter().enumerate() {
        let own = life.kills.iter().enumerate();
        kills.extend(own.map(|(number, kill)| (kill.at, place, number)));
    }
    kills.sort_unstable();
    let fits = |number: &usize| {
        let (begun_at, place, kill) = kills[*number];
        let next = kills.get(number + 1).map(|(next, ..)| *next);
        begun_at.earliest <= at.latest
            && next.is_none_or(|next| at.earliest <= next.latest)
            && lives[place].kills[kill].failure.is_none()
            && can_fail(place)
    };
    let number = (0..kills.len()).find(fits)?;
    let (_, place, kill) = kills[number];
    Some((place, kill))
}

fn any_begun(lives: &[Life], at: Moment) -> bool {
    let mut kills = lives.iter().flat_map(|life| &life.kills);
    kills.any(|kill| kill.at.earliest <= at.latest)
}

/// When the first instance after this one that is known to have started did so.
fn next_started(lives: &[Life], place: usize) -> Option<Moment> {
    lives[place + 1..].iter().find_map(Life::started)
}

/// An instance ran then whose stop is not known to have begun: the failure is of that stop.
fn is_of_another(lives: &[Life], failure: &Occurrence<'_>) -> bool {
    let mut all = lives.iter().enumerate();
    all.any(|(place, life)| {
        let mut kills = life.kills.iter();
        !kills.any(|kill| kill.at.earliest <= failure.at.latest)
            && life.can_hold(failure, next_started(lives, place))
    })
}

/// A hook of it would have ended with it, or moments later.
fn is_long_over(lives: &[Life], place: usize, at: Moment) -> bool {
    const LATER_SECONDS: i64 = 5;
    let finished = lives[place].instance.finished();
    let end = finished.or_else(|| next_started(lives, place));
    end.is_some_and(|end| end.plus_seconds(LATER_SECONDS).is_before(at))
}
