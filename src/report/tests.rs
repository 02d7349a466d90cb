use std::io::{self, ErrorKind, Write};

use super::table::{Colour, Detail, Headers, Style};
use super::*;

struct ClosedPipe;

impl Write for ClosedPipe {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_closed_pipe_is_told_as_such_by_every_format() {
    let table = Style {
        detail: Detail::Normal,
        headers: Headers::Shown,
        colour: Colour::Off,
        width: None,
    };
    for format in [Format::Table(table), Format::Json, Format::Yaml] {
        let error = write(&sample::contents(), format, &mut ClosedPipe).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{format:?}");
    }
}

#[test]
fn incidents_are_counted_over_all_workloads() {
    assert_eq!(sample::contents().incident_count(), 1);
    assert_eq!(Contents::default().incident_count(), 0);
}
