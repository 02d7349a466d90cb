use super::*;
use crate::report::sample;

const PLAIN: Style = Style {
    detail: Detail::Normal,
    headers: Headers::Shown,
    colour: Colour::Off,
    width: None,
};

fn drawn(style: Style) -> String {
    let mut out = Vec::new();
    write(&sample::contents(), style, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_table_shows_runs_then_terminations_then_workloads_then_gaps() {
    let expected = "\
NAMESPACE   POD                   CONTAINER   HOOK        OUTCOME         REASON   DURATION     CONFIDENCE
default     cache                 main        PostStart   Running,stuck   -        -            -
shop        web-6d5f8c7b9-x2x7k   app         PreStop     Overran         -        29.6-30.5s   Inferred

NAMESPACE   POD                   TRIGGER   RESULT        CAUSE     TOOK   OVERDUE   CONFIDENCE
shop        web-6d5f8c7b9-x2x7k   Deleted   ForceKilled   PreStop   33s    3s        Confirmed

NAMESPACE   WORKLOAD         HOOKS   RUNS   FAILED   OVERRAN   TERMINATIONS   KILLED   P95   INCIDENTS
default     pod/barepods     0       0      0        0         0              0        -     0
shop        deployment/web   1       1      0        1         1              1        2s    1

GAP-FROM               GAP-TO                 RESOURCE   REASON
2026-11-22T16:01:00Z   2026-11-22T16:01:37Z   events     Relisted
";
    assert_eq!(drawn(PLAIN), expected);
}

#[test]
fn wide_adds_columns_and_ends_with_the_evidence() {
    let wide = drawn(Style {
        detail: Detail::Wide,
        ..PLAIN
    });
    let lines: Vec<_> = wide.lines().collect();
    assert!(lines[0].ends_with("SETTLED   EVIDENCE"), "{wide}");
    assert!(lines[2].contains("Exec"), "{wide}");
    assert!(lines[2].ends_with("still running when the grace of 30 s ended"));
}

#[test]
fn headers_can_be_left_out() {
    let text = drawn(Style {
        headers: Headers::Hidden,
        ..PLAIN
    });
    assert!(!text.contains("NAMESPACE"), "{text}");
    assert_eq!(text.lines().count(), 9);
}

#[test]
fn only_evidence_is_cut_to_the_width_of_the_terminal() {
    let style = Style {
        detail: Detail::Wide,
        ..PLAIN
    };
    let whole = drawn(style);
    let run = whole.lines().nth(2).unwrap();
    let width = run.chars().count() - 5;
    let narrow = drawn(Style {
        width: Some(width),
        ..style
    });
    let cut_run = narrow.lines().nth(2).unwrap();
    assert_eq!(cut_run.chars().count(), width);
    assert!(cut_run.ends_with('…'), "{cut_run}");
    let narrowest = drawn(Style {
        width: Some(1),
        ..style
    });
    let narrowest_run = narrowest.lines().nth(2).unwrap();
    assert!(
        narrowest_run.ends_with("   still runni…"),
        "{narrowest_run}"
    );
}

#[test]
fn colour_marks_what_is_bad_and_moves_no_column() {
    let coloured = drawn(Style {
        colour: Colour::On,
        ..PLAIN
    });
    assert!(coloured.contains("\x1b[31mOverran\x1b[0m"), "{coloured}");
    assert!(!coloured.contains("\x1b[31mInferred"), "{coloured}");
    let stripped = coloured.replace("\x1b[31m", "").replace("\x1b[0m", "");
    assert_eq!(stripped, drawn(PLAIN));
}

#[test]
fn colour_does_not_count_towards_the_width() {
    let style = Style {
        detail: Detail::Wide,
        width: Some(190),
        ..PLAIN
    };
    let coloured = drawn(Style {
        colour: Colour::On,
        ..style
    });
    let stripped = coloured.replace("\x1b[31m", "").replace("\x1b[0m", "");
    assert_eq!(stripped, drawn(style));
}

#[test]
fn nothing_seen_is_said_in_a_sentence_unless_headers_are_hidden() {
    let write_empty = |style| {
        let mut out = Vec::new();
        write(&Contents::default(), style, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        write_empty(PLAIN),
        "No hook run, termination or gap was seen.\n"
    );
    let hidden = Style {
        headers: Headers::Hidden,
        ..PLAIN
    };
    assert_eq!(write_empty(hidden), "");
}
