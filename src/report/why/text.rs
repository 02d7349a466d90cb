//! The story for a person at a terminal.

use std::io;

use super::Subject;
use super::standing::Tone;
use super::story::Story;
use super::time::{clock, day, offset, when};
use super::timeline::{Entry, Mark};
use crate::audit::record::Run;
use crate::report::table::Colour;

const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const GREEN: &str = "\x1b[32m";
const CYAN: &str = "\x1b[36m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

/// Below this nothing can be read.
const WIDTH_MIN: usize = 60;
/// Longer lines are hard to follow.
const WIDTH_MAX: usize = 100;
const LABEL_CHARACTERS: usize = 8;
/// Indent, time of day, offset and the spaces between.
const TIMELINE_INDENT: usize = 27;

pub(super) fn write(
    subject: &Subject,
    story: &Story,
    colour: Colour,
    width: usize,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let mut sheet = Sheet {
        colour,
        width: width.clamp(WIDTH_MIN, WIDTH_MAX),
        text: String::new(),
    };
    sheet.head(subject, story);
    sheet.timeline(story);
    let runs: Vec<String> = subject.report.runs.iter().map(run).collect();
    sheet.list("HOOKS", &runs);
    sheet.list("KNOWN", &story.known);
    sheet.list("INFERRED", &story.inferred);
    sheet.list("NOT SEEN", &story.unseen);
    sheet.next(story);
    out.write_all(sheet.text.as_bytes())
}

struct Sheet {
    colour: Colour,
    width: usize,
    text: String,
}

impl Sheet {
    fn head(&mut self, subject: &Subject, story: &Story) {
        let paint = match story.tone {
            Tone::Good => GREEN,
            Tone::Open => YELLOW,
            Tone::Bad => RED,
        };
        self.wrapped("", "", &story.headline, &[BOLD, paint]);
        self.line("", &[]);
        let cause = story.cause.map_or("", |cause| cause.as_str());
        self.fact("Cause", cause);
        self.fact("Sure", &story.sure);
        let since = story.since.map(|since| when(since, subject.now));
        self.fact("Since", &since.unwrap_or_default());
        let over = if story.state == "Terminated" {
            "Over"
        } else {
            "Until"
        };
        self.fact(over, &story.until.text);
        let pod = &subject.report.pod;
        let node = pod.node.as_deref().unwrap_or("none yet");
        self.fact("Pod", &format!("{}/{}", pod.namespace, pod.name));
        self.fact(
            "Of",
            &format!("{}/{} on node {node}", pod.workload.kind, pod.workload.name),
        );
        let source = subject.source.as_str();
        self.fact("As of", &format!("{:.0} ({source})", subject.now));
    }

    fn timeline(&mut self, story: &Story) {
        let Some((origin, name)) = story.origin else {
            return;
        };
        self.line("", &[]);
        self.line(&format!("TIMELINE (UTC; + is since {name})"), &[BOLD]);
        if story.timeline.iter().any(|entry| !entry.at.is_exact()) {
            self.line("  Times without a fraction are cut to the second.", &[]);
        }
        let mut last_day = String::new();
        for entry in &story.timeline {
            let today = day(entry.at.earliest);
            if today != last_day {
                self.line(&format!("  {today}"), &[]);
                last_day = today;
            }
            self.entry(origin, entry);
        }
    }

    fn entry(&mut self, origin: jiff::Timestamp, entry: &Entry) {
        let begin = format!(
            "  {:<13}  {:>8}  ",
            clock(entry.at),
            offset(origin, entry.at.earliest)
        );
        let text = match &entry.container {
            Some(container) => format!("{container}: {}", entry.text),
            None => entry.text.clone(),
        };
        let paint: &[&str] = match entry.mark {
            Mark::Plain => &[],
            Mark::Bad => &[RED],
            Mark::Now => &[CYAN],
        };
        self.wrapped(&begin, &" ".repeat(TIMELINE_INDENT), &text, paint);
    }

    fn list(&mut self, title: &str, items: &[String]) {
        if items.is_empty() {
            return;
        }
        self.line("", &[]);
        self.line(title, &[BOLD]);
        for item in items {
            self.wrapped("  - ", "    ", item, &[]);
        }
    }

    fn next(&mut self, story: &Story) {
        if story.next.is_empty() {
            return;
        }
        self.line("", &[]);
        self.line("WHAT TO DO", &[BOLD]);
        for step in &story.next {
            if !step.text.is_empty() {
                self.wrapped("  - ", "    ", &step.text, &[]);
            }
            if let Some(command) = &step.command {
                self.command(command);
            }
        }
    }

    /// A command, continued as a shell wants it, so that it can be copied.
    fn command(&mut self, command: &str) {
        let lines = wrap(command, self.width - "    $ ".len() - " \\".len());
        let last = lines.len().saturating_sub(1);
        for (number, line) in lines.iter().enumerate() {
            let begin = if number == 0 { "    $ " } else { "        " };
            let end = if number == last { "" } else { " \\" };
            self.line(&format!("{begin}{line}{end}"), &[CYAN]);
        }
    }

    /// A label with its value; left out without one.
    fn fact(&mut self, label: &str, value: &str) {
        if !value.is_empty() {
            let begin = format!("  {label:<LABEL_CHARACTERS$}");
            self.wrapped(&begin, &" ".repeat(LABEL_CHARACTERS + 2), value, &[]);
        }
    }

    fn wrapped(&mut self, first: &str, further: &str, text: &str, paint: &[&str]) {
        let lines = wrap(
            text,
            self.width.saturating_sub(further.len().max(first.len())),
        );
        for (number, line) in lines.iter().enumerate() {
            let begin = if number == 0 { first } else { further };
            self.line(&format!("{begin}{line}"), paint);
        }
    }

    fn line(&mut self, text: &str, paint: &[&str]) {
        let text = text.replace(char::is_control, " ");
        let text = text.trim_end();
        if self.colour == Colour::On && !paint.is_empty() {
            self.text.push_str(&paint.concat());
            self.text.push_str(text);
            self.text.push_str(RESET);
        } else {
            self.text.push_str(text);
        }
        self.text.push('\n');
    }
}

/// Breaks between words; a word that is longer than the width stays whole.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut length = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let characters = word.chars().count();
        match lines.last_mut() {
            Some(line) if length + 1 + characters <= width => {
                line.push(' ');
                line.push_str(word);
                length += 1 + characters;
            }
            _ => {
                lines.push(word.to_owned());
                length = characters;
            }
        }
    }
    lines
}

/// One hook run in a sentence.
fn run(run: &Run) -> String {
    let stuck = if run.stuck { ", stuck" } else { "" };
    let reason = run
        .reason
        .map_or_else(String::new, |reason| format!(" ({reason})"));
    let sure = run
        .confidence
        .map_or_else(String::new, |confidence| format!(", {confidence}"));
    let took = run.duration.max.map_or_else(String::new, |max| {
        let (min, max) = (run.duration.min.as_secs_f64(), max.as_secs_f64());
        if max - min < 0.05 {
            format!(", {max:.1} s")
        } else {
            format!(", {min:.1} to {max:.1} s")
        }
    });
    let grace = run.grace_seconds.map_or_else(String::new, |grace| {
        if took.is_empty() {
            format!(", grace {grace} s")
        } else {
            format!(" of a {grace} s grace")
        }
    });
    let instance = if run.restart > 0 {
        format!(" (restart {})", run.restart)
    } else {
        String::new()
    };
    format!(
        "{} of {}{instance}, {}: {}{stuck}{reason}{sure}{took}{grace}",
        run.hook, run.container, run.handler, run.outcome
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_never_inside_one() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("a-very-long-name x", 5), ["a-very-long-name", "x"]);
    }
}
