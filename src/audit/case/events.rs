//! The Events of one container or pod, and when each of their occurrences happened.

use jiff::Timestamp;

use crate::audit::account::{LineAccount, Numbers};
use crate::audit::moment::Moment;
use crate::audit::record::{LineKind, Witness};
use crate::audit::seen::{EventReason, EventSeen, Note};

/// Occurrences that one change of an Event's count can add. A kubelet tells 25 of one pod at once, then one
/// in 300 s (client-go tools/record/events_cache.go): a jump of more is not its own.
const OCCURRENCES_ADDED: u32 = 64;
/// Occurrences kept per subject, over all of its Events; a crash loop of a day has more, long settled.
const OCCURRENCES_KEPT: usize = 256;
/// Occurrences of one kind that a verdict reads, the latest.
const OCCURRENCES_READ: usize = 64;
/// Event objects kept per subject.
const LINES_KEPT: usize = 64;

/// One Event object: the same subject, reason and message, counted up by its writer.
#[derive(Debug, Clone)]
pub struct EventLine {
    /// The object's name, its key together with the pod's uid (design contract 5).
    pub name: Box<str>,
    pub reason: EventReason,
    pub note: Note,
    pub warning: bool,
    /// Its first occurrence, on its writer's clock.
    pub born_at: Option<Timestamp>,
    pub count: u32,
    /// Those that were counted before this case was opened.
    pub told: Numbers,
    pub occurrences: Vec<Moment>,
}

/// What became of an Event handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absorbed {
    /// It told something new.
    Matched,
    /// It told more than is kept of one subject: some of that was left out.
    Capped,
    /// The same count was seen before: a relist, or a repeated delivery.
    Repeated,
}

impl EventLine {
    fn new(event: &EventSeen) -> Self {
        Self {
            name: event.name.clone(),
            reason: event.reason,
            note: event.note,
            warning: event.warning,
            born_at: event.born_at(),
            count: 0,
            told: Numbers::default(),
            occurrences: Vec::new(),
        }
    }

    /// What a status says of it, when these occurrences are counted.
    #[must_use]
    pub fn account(&self, container: &str, counted: Numbers) -> Option<LineAccount> {
        Some(LineAccount {
            container: container.into(),
            kind: LineKind::of(self.reason, self.note)?,
            born_at: self.born_at?,
            counted,
        })
    }

    /// The occurrences that are kept, each with its number among all, from 1.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, Moment)> + '_ {
        let kept = u32::try_from(self.occurrences.len()).unwrap_or(u32::MAX);
        let before = self.count.saturating_sub(kept);
        let numbers = (1..=kept).map(move |number| before.saturating_add(number));
        numbers.zip(self.occurrences.iter().copied())
    }

    /// Adds the occurrences between the highest count seen and this one.
    ///
    /// The name of an Event is the time of its first occurrence and `lastTimestamp` that of its last
    /// (client-go tools/record); those in between are only known to lie between their neighbours.
    fn absorb(&mut self, event: &EventSeen) -> Absorbed {
        if event.count <= self.count {
            return Absorbed::Repeated;
        }
        let last = event.last_at.or(event.first_at).map(Moment::second);
        if self.count == 0 {
            let first = event
                .named_at
                .map(Moment::exact)
                .or_else(|| event.first_at.map(Moment::second))
                .or(last);
            let Some(first) = first else {
                return Absorbed::Repeated;
            };
            self.occurrences.push(first);
            self.count = 1;
        }
        let Some(known) = self.occurrences.last().copied() else {
            return Absorbed::Repeated;
        };
        let last = last.unwrap_or(known).max(known);
        let between = Moment::between(known.earliest, last.latest);
        let added = event.count - self.count;
        for number in (1..=added.min(OCCURRENCES_ADDED)).rev() {
            self.occurrences
                .push(if number == 1 { last } else { between });
        }
        self.count = event.count;
        if added > OCCURRENCES_ADDED {
            Absorbed::Capped
        } else {
            Absorbed::Matched
        }
    }

    fn latest(&self) -> (Option<Moment>, &str) {
        (self.occurrences.last().copied(), &self.name)
    }
}

/// One occurrence of a kind of Event, with the object that told it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Occurrence<'a> {
    pub at: Moment,
    pub line: &'a EventLine,
    /// Among all of its line, from 1.
    pub number: u32,
    /// It was counted before this case was opened.
    pub is_told: bool,
}

impl Occurrence<'_> {
    #[must_use]
    pub fn witness(&self) -> Option<Witness> {
        Some(Witness {
            kind: LineKind::of(self.line.reason, self.line.note)?,
            born_at: self.line.born_at?,
            number: self.number,
        })
    }
}

impl PartialEq for EventLine {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// All Events of one subject.
#[derive(Debug, Clone, Default)]
pub struct EventLines {
    lines: Vec<EventLine>,
}

impl EventLines {
    /// Takes an Event of which the first occurrences may have been counted before.
    pub fn absorb(&mut self, event: &EventSeen, told: Numbers) -> Absorbed {
        let known = self.lines.iter_mut().find(|line| line.name == event.name);
        let mut absorbed = match known {
            Some(line) => line.absorb(event),
            None => self.add(event, told),
        };
        while self.kept() > OCCURRENCES_KEPT {
            self.forget_oldest();
            absorbed = Absorbed::Capped;
        }
        absorbed
    }

    /// Sorted by name, whose end is a time: the order of arrival across streams leaves no trace.
    fn add(&mut self, event: &EventSeen, told: Numbers) -> Absorbed {
        let mut line = EventLine::new(event);
        let absorbed = line.absorb(event);
        line.told = told;
        if absorbed == Absorbed::Repeated {
            return absorbed;
        }
        let place = self.lines.partition_point(|known| known.name < line.name);
        self.lines.insert(place, line);
        if self.lines.len() <= LINES_KEPT {
            return absorbed;
        }
        let oldest = (0..self.lines.len()).min_by_key(|place| self.lines[*place].latest());
        if let Some(oldest) = oldest {
            self.lines.remove(oldest);
        }
        Absorbed::Capped
    }

    fn kept(&self) -> usize {
        self.lines.iter().map(|line| line.occurrences.len()).sum()
    }

    /// The last occurrence of a line stays, because the next is counted from it.
    fn forget_oldest(&mut self) {
        let several = self
            .lines
            .iter_mut()
            .filter(|line| line.occurrences.len() > 1);
        if let Some(line) = several.min_by_key(|line| line.occurrences.first().copied()) {
            line.occurrences.remove(0);
        }
    }

    /// The latest occurrences that fit, earliest first.
    pub fn occurrences<'a>(
        &'a self,
        fits: impl Fn(EventReason, Note) -> bool,
    ) -> Vec<Occurrence<'a>> {
        let mut found: Vec<_> = self
            .lines
            .iter()
            .filter(|line| fits(line.reason, line.note))
            .flat_map(|line| {
                let occurrence = |(number, at)| Occurrence {
                    at,
                    line,
                    number,
                    is_told: line.told.contains(number),
                };
                line.numbered().map(occurrence)
            })
            .collect();
        found.sort_by(|left, right| {
            left.at
                .cmp(&right.at)
                .then_with(|| left.line.name.cmp(&right.line.name))
        });
        found.drain(..found.len().saturating_sub(OCCURRENCES_READ));
        found
    }

    #[must_use]
    pub fn lines(&self) -> &[EventLine] {
        &self.lines
    }

    /// All occurrences of a reason, earliest first.
    #[must_use]
    pub fn of(&self, reason: EventReason) -> Vec<Occurrence<'_>> {
        self.occurrences(|found, _| found == reason)
    }

    /// When a reason occurred first.
    #[must_use]
    pub fn first(&self, reason: EventReason) -> Option<Moment> {
        self.of(reason).first().map(|occurrence| occurrence.at)
    }

    /// Warnings so far, and when the first came.
    #[must_use]
    pub fn warnings(&self) -> (u32, Option<Moment>) {
        let warnings = self.lines.iter().filter(|line| line.warning);
        let first = warnings
            .clone()
            .filter_map(|line| line.occurrences.first().copied())
            .min();
        (
            warnings.map(|line| line.count).fold(0, u32::saturating_add),
            first,
        )
    }
}
