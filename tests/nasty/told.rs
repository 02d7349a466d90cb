//! Everything that the program says of what it was given.

use std::collections::BTreeMap;
use std::convert::Infallible;

use hookaudit::audit::auditor::{Auditor, Settings};
use hookaudit::audit::observation::Observation;
use hookaudit::audit::seen::Phase;
use hookaudit::report::table::{Colour, Detail, Headers, Style};
use hookaudit::report::{self, Contents, Format, why};
use hookaudit::run::replay::replay;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// After this long nothing is open that time could close.
const SETTLED: SignedDuration = SignedDuration::from_secs(2 * 3600);

/// What was counted of the input, by resource and field, and by reason and result.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) defects: BTreeMap<String, u64>,
    pub(crate) events: BTreeMap<String, u64>,
}

impl Counted {
    fn of(auditor: &mut Auditor) -> Self {
        let snapshot = auditor.snapshot();
        let named = |counts: &[(&str, &str, u64)]| {
            let named = counts
                .iter()
                .map(|(left, right, count)| (format!("{left} {right}"), *count));
            named.collect()
        };
        Self {
            defects: named(&snapshot.counters.defects),
            events: named(&snapshot.counters.events),
        }
    }
}

/// Hands all of it to the core, lets everything settle, and writes every report there is, in the middle of it
/// and at its end.
pub(crate) fn tell_all(told: Vec<(Timestamp, Observation)>) -> Counted {
    let mut auditor = Auditor::new(Settings::default());
    for (at, observation) in &told {
        auditor.handle(*at, observation.clone());
        while auditor.poll_transition().is_some() {}
    }
    let now = told.last().map_or(Timestamp::UNIX_EPOCH, |(at, _)| *at);
    report_all(&contents(told.clone()), now);
    let later = now.saturating_add(SETTLED).unwrap();
    auditor.handle(later, Observation::Tick);
    let mut settled = told;
    settled.push((later, Observation::Tick));
    report_all(&contents(settled), later);
    Counted::of(&mut auditor)
}

fn contents(told: Vec<(Timestamp, Observation)>) -> Contents {
    let entries = told.into_iter().map(Ok::<_, Infallible>);
    match replay(entries, Settings::default()) {
        Ok(contents) => contents,
        Err(never) => match never {},
    }
}

fn report_all(contents: &Contents, now: Timestamp) {
    for detail in [Detail::Normal, Detail::Wide] {
        let style = Style {
            detail,
            headers: Headers::Shown,
            colour: Colour::Off,
            width: Some(80),
        };
        let mut out = Vec::new();
        report::write(contents, Format::Table(style), &mut out).unwrap();
        assert_printable(&out);
    }
    for format in [Format::Json, Format::Yaml] {
        let mut out = Vec::new();
        report::write(contents, format, &mut out).unwrap();
        assert_printable(&out);
    }
    for pod in contents.pods.iter().take(20) {
        let subject = why::Subject {
            now,
            source: why::Source::Recording,
            presence: why::Presence::Here(Phase::Running),
            report: pod.clone(),
            incidents: Vec::new(),
            gaps: Vec::new(),
            unread: Vec::new(),
        };
        for format in [
            why::Format::Json,
            why::Format::Text {
                colour: Colour::Off,
                width: 80,
            },
        ] {
            let mut out = Vec::new();
            why::write(&subject, format, &mut out).unwrap();
            assert_printable(&out);
        }
    }
}

/// What could move a terminal's cursor, paint it, or turn the direction of what is read.
fn assert_printable(out: &[u8]) {
    let text = std::str::from_utf8(out).unwrap();
    let turns = |found: char| matches!(found, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let bad = text
        .char_indices()
        .find(|(_, found)| *found != '\n' && found.is_control() || turns(*found));
    assert!(bad.is_none(), "{bad:?} in {text}");
}
