//! Which Event tells of which container instance.
//!
//! Events carry neither a container id nor a restart count (facts: kubelet Events are joined by time
//! against `startedAt` and `finishedAt`). Occurrences of one kind are in order, and so are instances:
//! each occurrence goes to the first instance that it can belong to and that has none of its kind.

use crate::audit::case::ContainerCase;
use crate::audit::case::events::Occurrence;
use crate::audit::case::instance::Instance;
use crate::audit::moment::Moment;
use crate::audit::observation::{EventReason, Note};

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

    fn can_hold(&self, at: Moment, next: Option<&Self>) -> bool {
        let begun = self
            .started()
            .is_none_or(|started| started.earliest <= at.latest);
        let end = self
            .instance
            .finished()
            .or_else(|| next.and_then(Self::started));
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
    let failures = container.events.of(EventReason::FailedPostStartHook);
    for (place, failure) in places(&mut lives, &failures) {
        lives[place].post_start_failure.get_or_insert(failure.at);
    }
    let kills = container.events.of(EventReason::Killing);
    for (place, kill) in places(&mut lives, &kills) {
        let (note, event) = (kill.line.note, Some(kill.line.name.clone()));
        lives[place].kills.push(Kill {
            at: kill.at,
            note,
            event,
            failure: None,
        });
    }
    for life in &mut lives {
        life.kills.sort_by_key(|kill| kill.at);
    }
    place_pre_stop_failures(
        &mut lives,
        &container.events.of(EventReason::FailedPreStopHook),
    );
    lives
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

fn places<'a>(
    lives: &mut Vec<Life>,
    occurrences: &[Occurrence<'a>],
) -> Vec<(usize, Occurrence<'a>)> {
    if lives.is_empty() && !occurrences.is_empty() {
        lives.push(Life::new(Instance::new(0)));
    }
    let mut placed: Vec<(usize, Occurrence<'a>)> = Vec::new();
    let mut from = 0;
    for occurrence in occurrences {
        let can_hold = |place: &usize| lives[*place].can_hold(occurrence.at, lives.get(place + 1));
        // The next of its kind is the next instance's, unless there is none: then it is told again.
        let taken = |place: &usize| placed.iter().any(|(other, _)| other == place);
        let free = (from..lives.len()).find(|place| can_hold(place) && !taken(place));
        let place = free
            .or_else(|| (from..lives.len()).rev().find(can_hold))
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

fn begun_by(life: &Life, at: Moment) -> bool {
    life.started()
        .is_none_or(|started| started.earliest <= at.latest)
}

/// A failure belongs to the latest stop begun before it that has none; without any `Killing` it tells
/// of a stop whose own Event was lost.
fn place_pre_stop_failures(lives: &mut Vec<Life>, failures: &[Occurrence<'_>]) {
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
            let lost = places(lives, std::slice::from_ref(failure));
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
