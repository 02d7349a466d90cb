//! One block of aligned columns.

use std::io::{self, Write};

use tabwriter::TabWriter;

use super::cell::{Cell, Tone};
use super::{Colour, Detail, Headers, Style};

/// The last column of a block when it may be cut to the terminal's width.
const EVIDENCE: &str = "EVIDENCE";
/// Evidence is never cut below this, however narrow the terminal.
const EVIDENCE_CHARACTERS_MIN: usize = 12;
/// Ends the aligned part of a line, so that its width is known.
const END_OF_ALIGNED: char = '\u{1f}';

const RED: &str = "\x1b[31m";
const RESET: &str = "\x1b[0m";

pub(super) struct Block {
    columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Block {
    /// A block with the given columns, separated by spaces, and the wide ones if they are asked for.
    pub(super) fn new(columns: &'static str, wide: &'static str, detail: Detail) -> Self {
        let mut columns: Vec<&'static str> = columns.split(' ').collect();
        if detail == Detail::Wide {
            columns.extend(wide.split(' '));
        }
        Self {
            columns,
            rows: Vec::new(),
        }
    }

    pub(super) fn write(&self, style: Style, out: &mut impl Write) -> io::Result<()> {
        let mut aligned = TabWriter::new(Vec::new()).padding(3).minwidth(0).ansi(true);
        if style.headers == Headers::Shown {
            writeln!(aligned, "{}", self.line(self.columns.iter().copied()))?;
        }
        for row in &self.rows {
            let cells = row.iter().map(|cell| painted(cell, style.colour));
            writeln!(aligned, "{}", self.line(cells))?;
        }
        aligned.flush()?;
        let aligned = aligned
            .into_inner()
            .map_err(|error| io::Error::other(error.to_string()))?;
        for line in String::from_utf8_lossy(&aligned).lines() {
            writeln!(out, "{}", cut(line, style.width).trim_end())?;
        }
        Ok(())
    }

    fn line(&self, cells: impl Iterator<Item = impl AsRef<str>>) -> String {
        let mut line = String::new();
        for (cell, column) in cells.zip(&self.columns) {
            if !line.is_empty() {
                line.push('\t');
            }
            if *column == EVIDENCE {
                line.push(END_OF_ALIGNED);
            }
            line.push_str(cell.as_ref());
        }
        line
    }
}

fn painted(cell: &Cell, colour: Colour) -> String {
    let text = cell.text.replace(char::is_control, " ");
    match (cell.tone, colour) {
        (Tone::Bad, Colour::On) => format!("{RED}{text}{RESET}"),
        _ => text,
    }
}

/// The line without its mark, its evidence cut to what the terminal leaves.
fn cut(line: &str, width: Option<usize>) -> String {
    let Some((aligned, evidence)) = line.split_once(END_OF_ALIGNED) else {
        return line.to_owned();
    };
    let budget = width.map_or(usize::MAX, |width| {
        let left = width.saturating_sub(visible_characters(aligned));
        left.max(EVIDENCE_CHARACTERS_MIN)
    });
    if evidence.chars().count() <= budget {
        return format!("{aligned}{evidence}");
    }
    let kept: String = evidence.chars().take(budget - 1).collect();
    format!("{aligned}{kept}…")
}

fn visible_characters(text: &str) -> usize {
    let painted = text.matches(RED).count();
    text.chars().count() - painted * (RED.len() + RESET.len())
}
