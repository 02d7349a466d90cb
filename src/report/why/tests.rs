use super::*;
use crate::audit::moment::Moment;
use crate::audit::record::{Gap, GapReason, Sign, SignKind, Termination};
use crate::audit::seen::Resource;
use crate::audit::words::{Cause, Confidence, TerminationResult};
use crate::report::sample;

fn subject() -> Subject {
    Subject {
        now: sample::at("2026-11-22T16:04:00Z"),
        source: Source::Live,
        presence: Presence::Here(Phase::Running),
        report: sample::killed_pod(),
        incidents: Vec::new(),
        gaps: Vec::new(),
        unread: vec!["nodes node-1 (forbidden)".into()],
    }
}

fn judged(cause: Cause, result: Option<TerminationResult>) -> Subject {
    let mut subject = subject();
    let termination = subject.report.termination.take();
    subject.report.termination = termination.map(|termination| Termination {
        cause,
        result,
        confidence: Some(Confidence::Inferred),
        finalizers: vec!["foregroundDeletion".into(), "shop.example.com/kept".into()],
        ..termination
    });
    subject
}

fn text(subject: &Subject, colour: Colour) -> String {
    let mut out = Vec::new();
    let format = Format::Text { colour, width: 80 };
    write(subject, format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn json(subject: &Subject) -> serde_json::Value {
    let mut out = Vec::new();
    write(subject, Format::Json, &mut out).unwrap();
    serde_json::from_slice(&out).unwrap()
}

fn without_colour(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain
}

#[test]
fn every_cause_is_told_in_80_columns_and_with_something_to_do() {
    for cause in Cause::ALL {
        for result in [None, Some(TerminationResult::ForceKilled)] {
            let told = text(&judged(*cause, result), Colour::Off);
            for line in told.lines() {
                assert!(line.chars().count() <= 80, "{cause}: {line}");
            }
            assert!(told.contains(&format!("Cause   {cause}\n")), "{told}");
            assert!(told.contains("\nWHAT TO DO\n  - "), "{told}");
            assert!(
                told.contains("Not read: nodes node-1 (forbidden)."),
                "{told}"
            );
        }
    }
}

#[test]
fn nobody_is_told_to_force_without_its_price() {
    for cause in Cause::ALL {
        let told = text(&judged(*cause, None), Colour::Off);
        let orders = told
            .lines()
            .filter(|line| line.trim_start().starts_with("$ "));
        for order in orders {
            assert!(!order.contains("--force"), "{cause}: {order}");
        }
    }
}

#[test]
fn colour_changes_nothing_but_colour() {
    let plain = text(&subject(), Colour::Off);
    let coloured = text(&subject(), Colour::On);
    assert!(!plain.contains('\u{1b}'));
    assert!(coloured.contains("\u{1b}[31m"));
    assert_eq!(without_colour(&coloured), plain);
}

#[test]
fn a_name_with_control_characters_cannot_steer_the_terminal() {
    let mut subject = subject();
    subject.report.pod.name = "x\u{1b}[2Jy".into();
    assert!(!text(&subject, Colour::Off).contains('\u{1b}'));
}

#[test]
fn json_has_every_key_and_null_for_what_is_unknown() {
    let mut calm = subject();
    calm.report.termination = None;
    calm.report.runs.clear();
    let told = json(&calm);
    assert_eq!(told["apiVersion"], API_VERSION);
    assert_eq!(told["state"], "Calm");
    for key in [
        "cause",
        "confidence",
        "since",
        "until",
        "untilText",
        "termination",
    ] {
        assert!(
            told.get(key).is_some_and(serde_json::Value::is_null),
            "{key}"
        );
    }
    let told = json(&judged(Cause::Finalizer, None));
    assert_eq!(told["cause"], "Finalizer");
    assert_eq!(told["since"], "2026-11-22T16:02:00.000000000Z");
    assert!(told["next"][0]["text"].is_string(), "{told}");
}

#[test]
fn what_could_not_be_seen_since_the_pod_began_is_told() {
    let gap = |from, to| Gap {
        from: sample::at(from),
        to: sample::at(to),
        resource: Resource::Pods,
        reason: GapReason::NotWatched,
    };
    let mut subject = subject();
    subject.report.signs = vec![Sign {
        at: Moment::exact(sample::at("2026-11-22T15:59:00Z")),
        container: Some("app".into()),
        kind: SignKind::Started,
    }];
    subject.gaps = vec![
        gap("2026-11-22T11:00:00Z", "2026-11-22T12:00:00Z"),
        gap("2026-11-22T16:00:00Z", "2026-11-22T16:03:20Z"),
    ];
    let told = text(&subject, Colour::Off);
    let expected = "\nNOT SEEN\n  - pods from 2026-11-22T16:00:00Z to 2026-11-22T16:03:20Z (40s ago): NotWatched\n";
    assert!(told.contains(expected), "{told}");
    let told = json(&subject);
    assert_eq!(told["gaps"][1]["to"], "2026-11-22T16:03:20.000000000Z");
}
