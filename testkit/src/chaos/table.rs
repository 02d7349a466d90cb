//! What became of each fault, as a table.

use super::truth::Difference;

#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub about: String,
    pub times: u32,
    pub difference: Difference,
    /// Failures that are missing because their Events expired.
    pub expired: u64,
    /// Failures that are missing because nobody can tell whose their pods were.
    pub unattributed: u64,
    /// Gaps told in all statuses together.
    pub gaps: u64,
    pub seconds_without_leader: f64,
    pub takeover_seconds: Vec<f64>,
    pub requests_per_minute: f64,
    pub peak_memory_kibibytes: u64,
    pub problems: Vec<String>,
}

impl Row {
    pub fn verdict(&self) -> &'static str {
        match self.problems.is_empty() {
            true => "kept",
            false => "**broken**",
        }
    }

    fn line(&self) -> String {
        let Difference {
            produced,
            counted,
            lost,
            doubled,
            told_otherwise,
            successes_missing,
            terminations_missing,
            invented,
            ..
        } = &self.difference;
        let cells = [
            format!("**{}**: {}", self.name, self.about),
            self.times.to_string(),
            produced.to_string(),
            counted.to_string(),
            lost.to_string(),
            doubled.to_string(),
            self.expired.to_string(),
            self.unattributed.to_string(),
            told_otherwise.to_string(),
            successes_missing.to_string(),
            terminations_missing.to_string(),
            invented.to_string(),
            self.gaps.to_string(),
            format!("{:.1}", self.seconds_without_leader),
            takeovers(&self.takeover_seconds),
            format!("{:.0}", self.requests_per_minute),
            format!("{:.1}", self.peak_memory_kibibytes as f64 / 1024.0),
            self.verdict().to_owned(),
        ];
        format!("| {} |\n", cells.join(" | "))
    }
}

const BEGIN: &str = "<!-- made by `make chaos` -->";
const END: &str = "<!-- end -->";

const HEAD: &str = "| fault | times | failures produced | counted | lost | doubled | expired | unattributed | told otherwise | successes missing | \
         terminations missing | invented | gaps | s without a leader | takeover, s | requests/min | peak MiB | |\n\
         | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --- |\n";

pub fn table(rows: &[Row]) -> String {
    let lines: String = rows.iter().map(Row::line).collect();
    format!("{HEAD}{lines}")
}

/// Least to most.
fn takeovers(seconds: &[f64]) -> String {
    let least = seconds.iter().copied().reduce(f64::min);
    let most = seconds.iter().copied().reduce(f64::max);
    match least.zip(most) {
        Some((least, most)) => format!("{least:.1} to {most:.1}"),
        None => String::new(),
    }
}

/// The document with these rows in its measured table; those of other faults stay, of faults that are `known`, in
/// their order. `None` where it has no place for a table.
pub fn document(text: &str, rows: &[Row], known: &[&str]) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (old, after) = rest.split_once(END)?;
    let line_of = |name: &&str| {
        let row = rows.iter().find(|row| row.name == *name);
        let kept = || {
            let begins = format!("| **{name}**:");
            let line = old.lines().find(|line| line.starts_with(&begins))?;
            Some(format!("{line}\n"))
        };
        row.map(Row::line).or_else(kept)
    };
    let lines: String = known.iter().filter_map(line_of).collect();
    Some(format!("{before}{BEGIN}\n{HEAD}{lines}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, times: u32) -> Row {
        Row {
            name: name.into(),
            about: "about it".into(),
            times,
            difference: Difference::default(),
            expired: 0,
            unattributed: 0,
            gaps: 0,
            seconds_without_leader: 0.0,
            takeover_seconds: Vec::new(),
            requests_per_minute: 0.0,
            peak_memory_kibibytes: 0,
            problems: Vec::new(),
        }
    }

    #[test]
    fn rows_are_exchanged_one_by_one_and_nothing_else_is() {
        let text = format!("# A\n{BEGIN}\nold\n{END}\nB\n");
        let known = ["calm", "killed"];
        let made = document(&text, &[row("killed", 1)], &known).unwrap();
        let expected = table(&[row("killed", 1)]);
        assert_eq!(made, format!("# A\n{BEGIN}\n{expected}{END}\nB\n"));
        let made = document(&made, &[row("calm", 3)], &known).unwrap();
        let made = document(&made, &[row("killed", 2)], &known).unwrap();
        let expected = table(&[row("calm", 3), row("killed", 2)]);
        assert_eq!(made, format!("# A\n{BEGIN}\n{expected}{END}\nB\n"));
        let made = document(&made, &[], &["calm"]).unwrap();
        assert!(!made.contains("killed"), "{made}");
        assert_eq!(document("# A\n", &[], &known), None);
    }

    #[test]
    fn takeovers_are_told_from_least_to_most() {
        assert_eq!(takeovers(&[2.0, 1.0, 1.5]), "1.0 to 2.0");
        assert_eq!(takeovers(&[]), "");
    }
}
