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
}

const BEGIN: &str = "<!-- made by `make chaos` -->";
const END: &str = "<!-- end -->";

pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| fault | times | failures produced | counted | lost | doubled | expired | unattributed | told otherwise | successes missing | \
         terminations missing | invented | gaps | s without a leader | takeover, s | requests/min | peak MiB | |\n\
         | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --- |\n",
    );
    for row in rows {
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
        } = &row.difference;
        let cells = [
            format!("**{}**: {}", row.name, row.about),
            row.times.to_string(),
            produced.to_string(),
            counted.to_string(),
            lost.to_string(),
            doubled.to_string(),
            row.expired.to_string(),
            row.unattributed.to_string(),
            told_otherwise.to_string(),
            successes_missing.to_string(),
            terminations_missing.to_string(),
            invented.to_string(),
            row.gaps.to_string(),
            format!("{:.1}", row.seconds_without_leader),
            takeovers(&row.takeover_seconds),
            format!("{:.0}", row.requests_per_minute),
            format!("{:.1}", row.peak_memory_kibibytes as f64 / 1024.0),
            row.verdict().to_owned(),
        ];
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
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

/// The document with its measured table exchanged; none where it has no place for one.
pub fn document(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_exchanged() {
        let text = format!("# A\n{BEGIN}\nold\n{END}\nB\n");
        let made = document(&text, "new\n").unwrap();
        assert_eq!(made, format!("# A\n{BEGIN}\nnew\n{END}\nB\n"));
        assert_eq!(document(&made, "new\n").unwrap(), made);
        assert_eq!(document("# A\n", "new\n"), None);
    }

    #[test]
    fn takeovers_are_told_from_least_to_most() {
        assert_eq!(takeovers(&[2.0, 1.0, 1.5]), "1.0 to 2.0");
        assert_eq!(takeovers(&[]), "");
    }
}
